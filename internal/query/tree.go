package query

import (
	"plx/internal/plan"
	"plx/internal/store"
)

// A Branch is something in a tree of what it is built from.
type Branch[N comparable] struct {
	Node   N
	Input  string // through which it is above; "" for the top
	Below  []Branch[N]
	Again  bool // what is below it stands above already
	Folded int  // how many more of the input there are like it
}

// branches makes a tree: each node's own inputs are shown once, and of an input
// that has many things only the first most. A depth below 0 is any.
func branches[N comparable](top N, depth, most int, next guide[N]) (Branch[N], error) {
	seen := make(map[N]bool)
	var grow func(n N, input string, left int) (Branch[N], error)
	grow = func(n N, input string, left int) (Branch[N], error) {
		b := Branch[N]{Node: n, Input: input}
		steps, err := next(n)
		if err != nil || len(steps) == 0 {
			return b, err
		}
		if b.Again = seen[n]; b.Again || left == 0 {
			return b, nil
		}
		seen[n] = true
		shown := make(map[string]int)
		for _, s := range steps {
			if shown[s.Input]++; shown[s.Input] > most {
				b.Below[len(b.Below)-1].Folded++
				continue
			}
			below, err := grow(s.To, s.Input, left-1)
			if err != nil {
				return b, err
			}
			b.Below = append(b.Below, below)
		}
		return b, nil
	}
	return grow(top, "", depth)
}

// StageTree returns the tree of what a stage of the closure is built from.
func StageTree(c *plan.Closure, top store.DRef, depth, most int) Branch[store.DRef] {
	b, err := branches(top, depth, most, stageGuide(c))
	if err != nil {
		panic("query: " + err.Error()) // the guide returns none
	}
	return b
}

// ResultTree returns the tree of what a realization was built from.
func ResultTree(s *store.Store, top store.RRef, depth, most int) (Branch[store.RRef], error) {
	return branches(top, depth, most, func(ref store.RRef) ([]Step[store.RRef], error) { return contextOf(s, ref, ref == top) })
}

// stageGuide leads from stages to what they depend on.
func stageGuide(c *plan.Closure) guide[store.DRef] {
	return func(ref store.DRef) ([]Step[store.DRef], error) {
		var steps []Step[store.DRef]
		for _, e := range c.Lookup(ref).Inputs {
			for _, dep := range e.From {
				steps = append(steps, Step[store.DRef]{Input: e.Name, To: dep.Ref})
			}
		}
		return steps, nil
	}
}
