package realize

import (
	"time"

	"plx/internal/store"
)

// An Outlook sums forecasts up.
type Outlook struct {
	Build, Maybe, Reuse, Adopt int           // how many stages
	Runs                       int           // of those that will be built
	Untimed                    int           // stages that will be built, or may be, of which no run was ever timed
	Least, Most                time.Duration // how long it will take with so many jobs, without and with those that may be built
}

// Expect tells what the forecasts, dependencies first, come to if that many
// commands run at once. It takes as long as the longest chain, and as all of the
// work on all jobs.
func Expect(forecasts []Forecast, jobs int) Outlook {
	var o Outlook
	least, most := newPace(jobs), newPace(jobs)
	for _, f := range forecasts {
		runs := max(f.Runs, f.Stage.Runs, 1)
		switch f.Verdict {
		case WillReuse:
			o.Reuse++
		case WillAdopt:
			o.Adopt++
		case WillBuild:
			o.Build++
			o.Runs += runs
		case MayBuild:
			o.Maybe++
		}
		if f.Verdict != WillBuild && f.Verdict != MayBuild {
			continue
		}
		if f.Took == 0 && f.Stage.Derivation.Kind != store.ActionImport {
			o.Untimed++
		}
		if f.Verdict == WillBuild {
			least.add(f, runs)
		}
		most.add(f, runs)
	}
	o.Least, o.Most = least.time(), most.time()
	return o
}

// A pace adds up how long stages take.
type pace struct {
	jobs time.Duration
	ends map[store.DRef]time.Duration // when a stage ends, were there enough jobs
	last time.Duration
	work time.Duration
}

func newPace(jobs int) *pace {
	return &pace{jobs: time.Duration(jobs), ends: make(map[store.DRef]time.Duration)}
}

func (p *pace) add(f Forecast, runs int) {
	var begin time.Duration
	for _, dep := range f.Stage.Derivation.Dependencies() {
		begin = max(begin, p.ends[dep])
	}
	rounds := (time.Duration(runs) + p.jobs - 1) / p.jobs
	end := begin + rounds*f.Took
	p.ends[f.Stage.Ref] = end
	p.last = max(p.last, end)
	p.work += time.Duration(runs) * f.Took
}

func (p *pace) time() time.Duration { return max(p.last, p.work/p.jobs) }

// took returns how long a run took before: that of the realization, or else of
// the newest of the name that a command made by itself; 0 if there is none.
func (h *history) took(name string, of store.RRef) time.Duration {
	var newest time.Duration
	for _, a := range h.past(name).ancestors {
		took := a.result.Stopped.Sub(a.result.Started)
		if a.result.Hand || a.result.Carried || took <= 0 {
			continue
		}
		if a.result.Ref == of {
			return took
		}
		if newest == 0 {
			newest = took
		}
	}
	return newest
}
