package realize

import (
	"context"
	"errors"

	"plx/internal/plan"
	"plx/internal/store"
)

// A Standing is how far a stage is, without anything being done about it.
type Standing struct {
	Stage   *plan.Stage
	Chosen  []store.RRef // what its matchers choose: its own, and those of inputs that draw on it
	Missing error        // why there is no choice; nil: there is
}

// errBelow says that something that a stage depends on is missing.
var errBelow = errors.New("what it depends on is not realized")

// Standings tells how far each derivation of the closure is, dependencies
// first. Like [Realizer.Chosen] it runs nothing and writes nothing; what is
// missing is no error.
func (z *Realizer) Standings(ctx context.Context, c *plan.Closure) ([]Standing, error) {
	q := *z
	q.AssertRealized = true
	g := q.graph(c)
	standings := make([]Standing, len(g.order))
	for i, n := range g.order {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		standings[i].Stage = n.stage
		for _, dep := range n.stage.Derivation.Dependencies() {
			if standings[g.nodes[dep].index].Missing != nil {
				standings[i].Missing = errBelow
			}
		}
		if standings[i].Missing == nil {
			standings[i].Missing = g.standing(ctx, n)
		}
		standings[i].Chosen = n.chosen()
	}
	return standings, nil
}

// chosen returns what the matchers have chosen, each once.
func (n *node) chosen() []store.RRef {
	var refs []store.RRef
	seen := make(map[store.RRef]bool)
	for _, m := range n.demands {
		for _, ref := range n.choices[demandKey(m)].Chosen {
			if !seen[ref] {
				seen[ref] = true
				refs = append(refs, ref)
			}
		}
	}
	return refs
}
