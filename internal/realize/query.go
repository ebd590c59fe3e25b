package realize

import (
	"context"

	"plx/internal/plan"
	"plx/internal/store"
)

// Chosen returns what the stage's own matcher chooses among the realizations
// that there are. It runs nothing and writes nothing. If something is missing
// the error is a [MatchError].
func (z *Realizer) Chosen(ctx context.Context, c *plan.Closure, s *plan.Stage) ([]store.RRef, error) {
	q := *z
	q.AssertRealized = true
	g := q.graph(c)
	for _, n := range g.order {
		n.demands = nil
	}
	n := g.nodes[s.Ref]
	n.demand(s.Match)
	g.demandBelow(n, make(map[*node]bool))
	if err := g.query(ctx, n, make(map[*node]bool)); err != nil {
		return nil, err
	}
	return n.choices[demandKey(s.Match)].Chosen, nil
}

// demandBelow asks what n depends on for what n needs of it.
func (g *graph) demandBelow(n *node, done map[*node]bool) {
	if done[n] {
		return
	}
	done[n] = true
	for _, e := range n.stage.Inputs {
		for _, from := range e.From {
			dep := g.nodes[from.Ref]
			dep.demand(chooser(e, from))
			g.demandBelow(dep, done)
		}
	}
}

// query chooses for n, after what it depends on.
func (g *graph) query(ctx context.Context, n *node, done map[*node]bool) error {
	if done[n] {
		return nil
	}
	done[n] = true
	for _, e := range n.stage.Inputs {
		for _, from := range e.From {
			if err := g.query(ctx, g.nodes[from.Ref], done); err != nil {
				return err
			}
		}
	}
	return g.standing(ctx, n)
}

// standing chooses for n among what is there. What it depends on has been asked.
func (g *graph) standing(ctx context.Context, n *node) error {
	t, err := g.resolve(ctx, n)
	if err != nil {
		return err
	}
	if t.found, err = t.own(); err != nil {
		return err
	}
	for _, m := range n.demands {
		c, err := t.choose(ctx, m)
		if err != nil {
			return err
		}
		if c.Lacking > 0 {
			return t.unsatisfied(m, c, "run plx realize to make it")
		}
		t.take(m, c)
	}
	return nil
}
