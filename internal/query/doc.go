// Package query owns questions about what there is: what depends on what, which
// realizations there are with which config and metrics, and where they take
// room. It reads, and never makes anything.
package query

import (
	"errors"
	"maps"
	"slices"

	"plx/internal/store"
)

// contextOf returns what a realization was built from. One that was removed was
// built from nothing that is known, unless it must be there.
func contextOf(s *store.Store, ref store.RRef, must bool) ([]Step[store.RRef], error) {
	r, err := s.Realization(ref)
	if errors.Is(err, store.ErrNotExist) && !must {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var steps []Step[store.RRef]
	for _, name := range slices.Sorted(maps.Keys(r.Context)) {
		for _, dep := range r.Context[name] {
			steps = append(steps, Step[store.RRef]{Input: name, To: dep})
		}
	}
	return steps, nil
}
