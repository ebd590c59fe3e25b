package plan

import (
	"fmt"
	"slices"

	"plx/internal/store"
)

// setOrders returns the orders of the inputs that are not those of the
// derivation.
func setOrders(s *Stage) map[string][]int {
	var orders map[string][]int
	for _, e := range s.Inputs {
		from := s.Derivation.Inputs[e.Name].From
		if slices.EqualFunc(e.From, from, func(s *Stage, ref store.DRef) bool { return s.Ref == ref }) {
			continue
		}
		place := make(map[store.DRef]int, len(from))
		for i, ref := range from {
			place[ref] = i
		}
		if orders == nil {
			orders = make(map[string][]int)
		}
		for _, s := range e.From {
			orders[e.Name] = append(orders[e.Name], place[s.Ref])
		}
	}
	return orders
}

// reorder is the inverse of setOrders for one input.
func (e *Edge) reorder(order []int) error {
	from := make([]*Stage, 0, len(order))
	seen := make(map[int]bool, len(order))
	for _, i := range order {
		if i < 0 || i >= len(e.From) || seen[i] {
			return fmt.Errorf("the order of the input %s is none", e.Name)
		}
		seen[i] = true
		from = append(from, e.From[i])
	}
	if len(from) != len(e.From) {
		return fmt.Errorf("the order of the input %s is none", e.Name)
	}
	e.From = from
	return nil
}
