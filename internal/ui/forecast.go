package ui

import (
	"sync"
	"sync/atomic"
	"time"

	"plx/internal/plan"
	"plx/internal/realize"
	"plx/internal/store"
)

// A forecast tells how long what is left will take. Earlier runs are read in
// the background, and not before somebody waits.
type forecast struct {
	stages []*plan.Stage // each derivation once, those it depends on first
	deps   [][]int       // of each, where they are in stages
	index  map[store.DRef]int
	jobs   int
	source *realize.Expectation

	once  sync.Once
	ended atomic.Bool
	mu    sync.Mutex
	known map[store.DRef]time.Duration // from earlier runs

	sum   time.Duration      // of the runs that have ended here
	ends  int                // how many they are
	made  map[store.DRef]int // how many of them each stage has had
	last  time.Duration      // what was told last
	asked time.Time          // when that was worked out
}

func newForecast(c *plan.Closure, jobs int, x *realize.Expectation) *forecast {
	f := &forecast{index: make(map[store.DRef]int), jobs: max(jobs, 1), source: x, known: make(map[store.DRef]time.Duration), made: make(map[store.DRef]int)}
	for _, s := range c.Stages() {
		if _, twice := f.index[s.Ref]; !twice {
			f.index[s.Ref] = len(f.stages)
			f.stages = append(f.stages, s)
		}
	}
	return f
}

// begin begins to read what earlier runs have taken.
func (f *forecast) begin() {
	f.once.Do(func() {
		if f.source == nil {
			return
		}
		go func() {
			for _, s := range f.stages {
				if f.ended.Load() {
					return
				}
				if d := f.source.Of(s); d > 0 {
					f.mu.Lock()
					f.known[s.Ref] = d
					f.mu.Unlock()
				}
			}
		}()
	})
}

func (f *forecast) end() { f.ended.Store(true) }

// took takes note of a run that has ended.
func (f *forecast) took(ref store.DRef, d time.Duration) {
	f.sum += d
	f.ends++
	f.made[ref]++
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known[ref] == 0 {
		f.known[ref] = d
	}
}

// of returns how long a run of the stage took before; 0: that is not known.
func (f *forecast) of(s *plan.Stage) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.known[s.Ref]
}

// forecastTime is how often the rest is worked out anew: of a large plan that
// takes as long as drawing does.
const forecastTime = time.Second

// left returns how long what is left is likely to take; 0: that can't be told.
func (f *forecast) left(left map[store.DRef]bool, running []*run, now time.Time) time.Duration {
	if since := now.Sub(f.asked); since < forecastTime {
		return max(f.last-since, 0)
	}
	f.asked, f.last = now, 0
	if f.deps == nil {
		f.link()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	begun := make(map[store.DRef][]time.Duration) // how long each of its runs has taken
	for _, r := range running {
		if !r.waits {
			begun[r.stage.Ref] = append(begun[r.stage.Ref], now.Sub(r.began))
		}
	}
	var work, path time.Duration
	paths := make([]time.Duration, len(f.stages))
	for i, s := range f.stages {
		for _, dep := range f.deps[i] {
			paths[i] = max(paths[i], paths[dep])
		}
		if !left[s.Ref] {
			continue
		}
		each, ok := f.each(s)
		if !ok {
			return 0
		}
		all, longest := rest(each, max(s.Runs, 1)-f.made[s.Ref], begun[s.Ref])
		work += all
		paths[i] += longest
		path = max(path, paths[i])
	}
	f.last = max(path, work/time.Duration(f.jobs))
	return f.last
}

// link finds what each stage depends on.
func (f *forecast) link() {
	f.deps = make([][]int, len(f.stages))
	for i, s := range f.stages {
		for _, dep := range s.Derivation.Dependencies() {
			f.deps[i] = append(f.deps[i], f.index[dep])
		}
	}
}

// each returns how long a run of the stage is likely to take: what it took
// before, or else what runs took here on average.
func (f *forecast) each(s *plan.Stage) (time.Duration, bool) {
	if d, ok := f.known[s.Ref]; ok {
		return d, true
	}
	if f.ends == 0 {
		return 0, false
	}
	return f.sum / time.Duration(f.ends), true
}

// rest returns how much is left of so many runs, some of which are under way: all
// together, and of the longest.
func rest(each time.Duration, runs int, begun []time.Duration) (all, longest time.Duration) {
	for _, taken := range begun {
		all += max(each-taken, 0)
		longest = max(longest, each-taken)
	}
	if more := runs - len(begun); more > 0 {
		all += time.Duration(more) * each
		longest = max(longest, each)
	}
	return all, longest
}
