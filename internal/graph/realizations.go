package graph

import (
	"maps"
	"slices"

	"plx/internal/plan"
	"plx/internal/store"
)

// Realizations returns the graph of realizations and of what they were built
// from. The closure names their stages.
func Realizations(s *store.Store, refs []store.RRef, c *plan.Closure) (Graph, error) {
	var g Graph
	index := make(map[store.RRef]int)
	var visit func(ref store.RRef) error
	visit = func(ref store.RRef) error {
		if _, done := index[ref]; done {
			return nil
		}
		r, err := s.Realization(ref)
		if err != nil {
			return err
		}
		var deps []int
		for _, name := range slices.Sorted(maps.Keys(r.Context)) {
			for _, dep := range r.Context[name] {
				if err := visit(dep); err != nil {
					return err
				}
				if at := index[dep]; !slices.Contains(deps, at) {
					deps = append(deps, at)
				}
			}
		}
		name := ref.DRef().Name()
		if stage := c.Lookup(ref.DRef()); stage != nil {
			name = stage.Name
		}
		slices.Sort(deps)
		index[ref] = len(g.Nodes)
		g.Nodes = append(g.Nodes, Node{Name: name + " " + ref.String(), Count: map[Status]int{Done: 1}, Deps: deps})
		return nil
	}
	for _, ref := range refs {
		if err := visit(ref); err != nil {
			return g, err
		}
	}
	return g, nil
}
