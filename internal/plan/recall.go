package plan

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"plx/internal/store"
)

// A Question is what may have been answered before.
type Question struct {
	File    string            // the stage file; empty: that of the newest plan in this directory
	Params  map[string]string // as given with -p
	Targets []string

	Realized bool // results are asked for
	Program  string
	Store    *store.Store
	FindTool func(name, search string) (string, error)
}

// Recall returns the answer if it was kept and holds, or else nil. What working
// it out would have noted is noted.
func (q Question) Recall() *Answer {
	dir, err := filepath.Abs(filepath.Join(filepath.Dir(q.File), recordDir))
	if err != nil || !q.Store.HasProjectRoot(dir) {
		return nil
	}
	around, err := lookAround(dir)
	if err != nil || len(around.plans) == 0 {
		return nil
	}
	hash, ok := q.plan(dir, around)
	if !ok {
		return nil
	}
	u := use{newest: around.plans[0].Name() == recordPrefix+hash+recordSuffix, first: true}
	checker := &store.Checker{FindTool: q.FindTool}
	for _, name := range around.of(hash) {
		a := readAnswer(filepath.Join(dir, name))
		if a != nil && q.fits(a, dir) && q.holds(a, checker, &u) && a.use(hash, q.Store, u) == nil {
			return a
		}
		u.first = false
	}
	return nil
}

// plan returns the hash of the plan that is asked for. What is not said is
// taken from the newest, as far as an answer tells.
func (q *Question) plan(dir string, around kept) (hash string, ok bool) {
	o := origin{filepath.Join(filepath.Dir(dir), filepath.Base(q.File)), q.Params, q.Targets}
	if q.File == "" {
		hash = strings.TrimSuffix(strings.TrimPrefix(around.plans[0].Name(), recordPrefix), recordSuffix)
		if len(q.Params) == 0 && len(q.Targets) == 0 {
			return hash, true
		}
		names := around.of(hash)
		if len(names) == 0 {
			return "", false
		}
		last := readAnswer(filepath.Join(dir, names[0]))
		if last == nil {
			return "", false
		}
		o = last.origin.with(q.Params, q.Targets)
	}
	hash, err := o.hash()
	return hash, err == nil
}

// with returns what is asked for if nothing is said but that.
func (o origin) with(params map[string]string, targets []string) origin {
	o.params = maps.Clone(o.params)
	maps.Copy(o.params, params)
	if len(targets) > 0 {
		o.targets = targets
	}
	return o
}

// fits reports whether a is about what is asked.
func (q *Question) fits(a *Answer, dir string) bool {
	return a.program == q.Program && a.store == q.Store.Dir() && (a.Realized || !q.Realized) && a.origin.dir() == dir
}

// holds reports whether all that a was made from is the same.
func (q *Question) holds(a *Answer, checker *store.Checker, u *use) bool {
	holds, fresh := checker.Holds(a.evidence)
	if !holds {
		return false
	}
	results := ""
	if q.Realized {
		results = a.Results
	}
	holds, again := q.Store.Bears(a.basis, results, a.late(time.Now()))
	u.fresh = fresh || again
	return holds
}

// A use is how an answer is used.
type use struct {
	fresh  bool // what it says of its grounds is to be kept
	newest bool // its plan is the newest
	first  bool // no answer of its plan was used since
}

// late reports whether it is to be noted again that the results are used.
func (a *Answer) late(now time.Time) bool {
	return now.Sub(a.used) >= answerEvery || now.Before(a.used)
}

// use does what working out the answer would have done. The caller forgets the
// answer after an error.
func (a *Answer) use(hash string, s *store.Store, u use) error {
	plan, now := a.planPath(hash), time.Now()
	same, again := new(store.Checker).Holds(a.record)
	if !same {
		if err := a.readPlan(); err != nil {
			return err
		}
		if err := replace(plan, a.plan); err != nil {
			return err
		}
	}
	late := a.late(now)
	if late || !u.newest {
		if err := os.Chtimes(plan, now, now); err != nil {
			return err
		}
	}
	if late {
		a.used = now
		if err := s.TouchAll(a.Results); err != nil {
			return err
		}
	}
	if u.fresh || again || late {
		return a.renew()
	}
	if !u.first {
		return os.Chtimes(a.path, now, now)
	}
	return nil
}
