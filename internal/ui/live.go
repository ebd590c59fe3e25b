package ui

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"plx/internal/plan"
	"plx/internal/realize"
	"plx/internal/store"
)

// A Live is the view of stages that are realized. What becomes of them it hears
// by [Live.Observe].
type Live struct {
	mu      sync.Mutex
	signs   signs
	keys    bool // there are some
	now     func() time.Time
	forward *forecast
	total   int
	left    map[store.DRef]bool // stages that nothing is known of yet
	running []*run              // in the order in which they began
	count   map[realize.EventKind]int
	follow  *run // whose log has the whole screen
}

// A run is a command that is under way, or a stage that waits for one.
type run struct {
	stage    *plan.Stage
	number   int
	began    time.Time
	log      grown
	what     string // that it does, if not to run a command
	waits    bool   // no command of it runs
	expected time.Duration
	ended    string // what became of it
}

// NewLive returns the view of the stages of a closure, of which so many run at
// once. What to expect is read from the records of earlier runs once it takes
// long enough for somebody to want to know.
func NewLive(c *plan.Closure, jobs int, x *realize.Expectation, keys bool) *Live {
	l := &Live{signs: newSigns(), keys: keys, now: time.Now, left: make(map[store.DRef]bool), count: make(map[realize.EventKind]int)}
	for _, s := range c.Stages() {
		l.left[s.Ref] = true
	}
	l.total = len(l.left)
	l.forward = newForecast(c, jobs, x)
	return l
}

// Observe takes note of an event.
func (l *Live) Observe(e realize.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e.Kind {
	case realize.Building:
		l.remove(e.Stage, 0, "")
		l.running = append(l.running, &run{stage: e.Stage, number: e.Run, began: l.now(), log: grown{path: e.Log, size: -1}})
	case realize.Waiting:
		by := e.Because
		if by == "" {
			by = "another build of the same"
		}
		l.running = append(l.running, &run{stage: e.Stage, began: l.now(), what: "waiting for " + by, waits: true})
	case realize.Retrying:
		l.find(e).what = fmt.Sprintf("attempt %d has failed: again in %s", e.Attempt, e.Wait)
	case realize.Fetching:
		l.find(e).what = downloadText(e.Download)
	case realize.Built, realize.Repeated, realize.Checked, realize.Failed:
		l.count[e.Kind]++
		l.forward.took(e.Stage.Ref, e.Elapsed)
		l.remove(e.Stage, e.Run, string(e.Kind)+" after "+clock(e.Elapsed))
	case realize.Reused, realize.Adopted:
		l.count[e.Kind]++
		l.remove(e.Stage, 0, "")
	case realize.Skipped, realize.Done:
		if e.Kind == realize.Skipped {
			l.count[e.Kind]++
		}
		l.remove(e.Stage, 0, "")
		delete(l.left, e.Stage.Ref)
	}
}

// find returns the run that an event is about. One that is not there is shown
// nowhere.
func (l *Live) find(e realize.Event) *run {
	for _, r := range l.running {
		if r.stage == e.Stage && r.number == e.Run {
			return r
		}
	}
	return new(run)
}

// remove takes off a run that has ended.
func (l *Live) remove(s *plan.Stage, number int, ended string) {
	l.running = slices.DeleteFunc(l.running, func(r *run) bool {
		if r.stage != s || r.number != number || ended == "" && !r.waits {
			return false
		}
		r.ended = ended
		if r != l.follow {
			r.log.close()
		}
		return true
	})
}

// downloadText says how far a download is.
func downloadText(d realize.Download) string {
	switch {
	case d.Err != nil && d.Wait > 0:
		return fmt.Sprintf("%v: again in %s", d.Err, d.Wait)
	case d.Err != nil:
		return d.Err.Error()
	case d.Total > 0:
		return fmt.Sprintf("%d %%: %s of %s", 100*d.Done/d.Total, Size(d.Done), Size(d.Total))
	}
	return Size(d.Done)
}

// Key is told what was typed: v follows the log of a run, n and p that of the
// next and the previous, q goes back.
func (l *Live) Key(key byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case key == 'v' && l.follow == nil:
		l.turn(+1)
	case l.follow == nil:
	case key == 'n' || key == 'C' || key == 'B':
		l.turn(+1)
	case key == 'p' || key == 'D' || key == 'A':
		l.turn(-1)
	case key == 'q' || key == 'v' || key == escape:
		l.turn(0)
	}
}

// turn follows the run that is so far from the one that is followed; 0: none.
func (l *Live) turn(step int) {
	var to *run
	commands := slices.DeleteFunc(slices.Clone(l.running), func(r *run) bool { return r.waits })
	if n := len(commands); n > 0 && step != 0 {
		at := slices.Index(commands, l.follow)
		if at < 0 && step < 0 {
			at = 0
		}
		to = commands[(at+step+n)%n]
	} else if step != 0 {
		to = l.follow
	}
	if l.follow != nil && l.follow != to && l.follow.ended != "" {
		l.follow.log.close()
	}
	l.follow = to
}

// End lets go of the logs.
func (l *Live) End() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn(0)
	for _, r := range l.running {
		r.log.close()
	}
	l.running = nil
	l.forward.end()
}

// Line returns the line that stays of what happened to a stage.
func (l *Live) Line(kind realize.EventKind, text string) string {
	sign := "!"
	switch kind {
	case realize.Built, realize.Repeated, realize.Checked:
		sign = l.signs.done
	case realize.Reused, realize.Adopted:
		sign = l.signs.reused
	case realize.Failed:
		sign = l.signs.failed
	case realize.Building:
		sign = " "
	}
	return Paint(ColourOf(kind), sign) + " " + text
}

// ColourOf returns the colour of what happened to a stage.
func ColourOf(kind realize.EventKind) Colour {
	switch kind {
	case realize.Built, realize.Repeated, realize.Checked:
		return Green
	case realize.Reused:
		return Cyan
	case realize.Failed:
		return Red
	case realize.Building:
		return ""
	}
	return Yellow
}
