package realize

import (
	"context"
	"errors"

	"plx/internal/match"
	"plx/internal/plan"
	"plx/internal/store"
)

// Ranks returns what the own matchers of stages of the closure choose among the
// realizations that there are, each with its place, from 1. A stage whose
// matcher, or one of those that its inputs wait for, is not satisfied has none.
// It runs nothing and writes nothing.
func (z *Realizer) Ranks(ctx context.Context, c *plan.Closure, stages []*plan.Stage) (map[store.RRef]int, error) {
	q := *z
	q.AssertRealized = true
	g := q.graph(c)
	for _, n := range g.order {
		n.demands = nil
	}
	below := make(map[*node]bool)
	for _, s := range stages {
		n := g.nodes[s.Ref]
		n.demand(s.Match)
		g.demandBelow(n, below)
	}
	done, unmet := make(map[*node]bool), make(map[*node]bool)
	ranks := make(map[store.RRef]int)
	for _, s := range c.Below(stages...).Stages() {
		n := g.nodes[s.Ref]
		for _, dep := range s.Derivation.Dependencies() {
			unmet[n] = unmet[n] || unmet[g.nodes[dep]]
		}
		if unmet[n] {
			continue
		}
		if err := g.query(ctx, n, done); err != nil {
			var lacking *MatchError
			var differs *match.DiffersError
			if !errors.As(err, &lacking) && !errors.As(err, &differs) {
				return nil, err
			}
			unmet[n] = true
		}
	}
	for _, s := range stages {
		for i, ref := range g.nodes[s.Ref].choices[demandKey(s.Match)].Chosen {
			ranks[ref] = i + 1
		}
	}
	return ranks, nil
}
