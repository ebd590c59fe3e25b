package realize

import (
	"slices"
	"time"

	"plx/internal/plan"
	"plx/internal/store"
)

// An Expectation tells how long runs are likely to take, from the records of
// earlier ones. It reads little at a time, and is for one goroutine.
type Expectation struct {
	store  *store.Store
	byName map[string][]store.DRef // all that are in the store
	names  map[string]time.Duration
}

// NewExpectation returns what the records in a store let one expect.
func NewExpectation(s *store.Store) *Expectation {
	return &Expectation{store: s, names: make(map[string]time.Duration)}
}

// expectFrom is how many records tell what to expect: enough that one of them
// that was odd doesn't.
const expectFrom = 9

// Of returns how long a run of the stage took before: the median of the runs of
// its derivation, or if there are none, of those of its name. It is 0 if there
// are none either, or if none can be read.
func (x *Expectation) Of(s *plan.Stage) time.Duration {
	if times := x.times(nil, s.Ref); len(times) > 0 {
		return median(times)
	}
	name := s.Ref.Name()
	if d, known := x.names[name]; known {
		return d
	}
	var times []time.Duration
	for _, ref := range x.named(name) {
		if times = x.times(times, ref); len(times) >= expectFrom {
			break
		}
	}
	x.names[name] = median(times)
	return x.names[name]
}

// named returns the derivations of the name.
func (x *Expectation) named(name string) []store.DRef {
	if x.byName == nil {
		x.byName = make(map[string][]store.DRef)
		refs, _ := x.store.Derivations()
		for _, ref := range refs {
			x.byName[ref.Name()] = append(x.byName[ref.Name()], ref)
		}
	}
	return x.byName[name]
}

// times adds how long it took to make realizations of the derivation.
func (x *Expectation) times(times []time.Duration, ref store.DRef) []time.Duration {
	refs, _ := x.store.Realizations(ref)
	for _, rref := range refs {
		if len(times) >= expectFrom {
			break
		}
		if r, err := x.store.Realization(rref); err == nil && !r.Hand {
			times = append(times, took(r))
		}
	}
	return times
}

func median(times []time.Duration) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[len(times)/2]
}
