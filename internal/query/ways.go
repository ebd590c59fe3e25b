package query

import (
	"iter"
	"math"

	"plx/internal/plan"
	"plx/internal/store"
)

// A Step leads from something to what it depends on.
type Step[N any] struct {
	Input string // the name of the input
	To    N
}

// Ways are all ways along which something depends on something else.
type Ways[N comparable] struct {
	Shortest []Step[N] // the first of them; nil: there is no way
	Count    uint64    // of all; at most [ManyWays]
	ends     map[N]bool
	nodes    map[N]*crossing[N]
	from     N
}

// ManyWays is how many ways are counted.
const ManyWays = math.MaxInt64

// A crossing is a node on the way.
type crossing[N any] struct {
	steps    []Step[N]
	distance int    // to the nearest end; negative: none is reached
	count    uint64 // of ways to an end
}

// A guide returns what a node depends on, in order. The graph has no cycles.
type guide[N any] func(N) ([]Step[N], error)

// waysTo finds the ways from a node to any of the ends. It looks at each node
// once. A way that comes past one end and goes on to another counts, too.
func waysTo[N comparable](from N, ends map[N]bool, next guide[N]) (Ways[N], error) {
	w := Ways[N]{ends: ends, nodes: make(map[N]*crossing[N]), from: from}
	first, err := w.visit(from, next)
	if err != nil {
		return w, err
	}
	w.Count = first.count
	for at := first; first.distance >= 0 && at.distance > 0; {
		for _, s := range at.steps {
			to := w.nodes[s.To]
			if to.distance == at.distance-1 {
				w.Shortest = append(w.Shortest, s)
				at = to
				break
			}
		}
	}
	return w, nil
}

func (w *Ways[N]) visit(n N, next guide[N]) (*crossing[N], error) {
	if c := w.nodes[n]; c != nil {
		return c, nil
	}
	c := &crossing[N]{distance: -1}
	steps, err := next(n) // which may find that n is an end
	if err != nil {
		return nil, err
	}
	if w.ends[n] && n != w.from {
		c.distance, c.count = 0, 1
	}
	for _, s := range steps {
		to, err := w.visit(s.To, next)
		if err != nil {
			return nil, err
		}
		if to.distance < 0 {
			continue
		}
		c.steps = append(c.steps, s)
		c.count = min(c.count+to.count, ManyWays)
		if c.distance < 0 || to.distance+1 < c.distance {
			c.distance = to.distance + 1
		}
	}
	w.nodes[n] = c
	return c, nil
}

// All returns the ways, one after the other. What it yields is not to be kept.
func (w *Ways[N]) All() iter.Seq[[]Step[N]] {
	return func(yield func([]Step[N]) bool) { w.walk(w.from, nil, yield) }
}

func (w *Ways[N]) walk(n N, way []Step[N], yield func([]Step[N]) bool) bool {
	if w.ends[n] && len(way) > 0 && !yield(way) {
		return false
	}
	for _, s := range w.nodes[n].steps {
		if !w.walk(s.To, append(way, s), yield) {
			return false
		}
	}
	return true
}

// StageWays finds the ways from a stage of the closure to any of others.
func StageWays(c *plan.Closure, from store.DRef, to []store.DRef) Ways[store.DRef] {
	ends := make(map[store.DRef]bool, len(to))
	for _, ref := range to {
		ends[ref] = true
	}
	w, err := waysTo(from, ends, stageGuide(c))
	if err != nil {
		panic("query: " + err.Error()) // the guide returns none
	}
	return w
}

// ResultWays finds the ways from a realization to any other for which is holds,
// along what each was built from. What was removed leads no further.
func ResultWays(s *store.Store, from store.RRef, is func(store.RRef) bool) (Ways[store.RRef], error) {
	ends := make(map[store.RRef]bool)
	return waysTo(from, ends, func(ref store.RRef) ([]Step[store.RRef], error) {
		if is(ref) {
			ends[ref] = true
		}
		return contextOf(s, ref, ref == from)
	})
}
