package realize

import (
	"context"
	"errors"
	"fmt"

	"plx/internal/match"
	"plx/internal/plan"
	"plx/internal/store"
)

// union is steps 3 to 7 for an input's matcher over a set: it chooses among the
// realizations of all members together. What it lacks is made in rounds of all
// members. Each member has what its own matcher wants by now.
func (g *graph) union(ctx context.Context, e plan.Edge) (match.Choice, error) {
	members := g.members(e)
	c, err := g.chooseOf(ctx, e, members)
	for most := 3 * c.Lacking; err == nil && c.Lacking > 0; most-- {
		if g.AssertRealized || most == 0 {
			return c, g.unmet(e, members, c, "no more may be built for it")
		}
		fresh, failed := g.moreOf(ctx, members, e.Match.Deterministic())
		if ctx.Err() != nil {
			return c, context.Cause(ctx)
		}
		if c, err = g.chooseOf(ctx, e, members); err != nil || c.Lacking == 0 {
			break
		}
		if failed != nil {
			return c, failed
		}
		if fresh == 0 {
			return c, g.unmet(e, members, c, "building again made nothing new")
		}
	}
	return c, err
}

// members returns the members of a set that an input draws on.
func (g *graph) members(e plan.Edge) []*node {
	members := make([]*node, len(e.From))
	for i, from := range e.From {
		members[i] = g.nodes[from.Ref]
	}
	return members
}

// found returns the realizations that were chosen of a set.
func (g *graph) found(e plan.Edge, c match.Choice) []store.Realization {
	byRef := make(map[store.RRef]store.Realization)
	for _, n := range g.members(e) {
		n.more.Lock()
		for _, r := range n.task.found {
			byRef[r.Ref] = r
		}
		n.more.Unlock()
	}
	chosen := make([]store.Realization, len(c.Chosen))
	for i, ref := range c.Chosen {
		chosen[i] = byRef[ref]
	}
	return chosen
}

// chooseOf asks the matcher of e.
func (g *graph) chooseOf(ctx context.Context, e plan.Edge, members []*node) (match.Choice, error) {
	var candidates []match.Candidate
	for i, n := range members {
		n.more.Lock()
		candidates = append(candidates, n.task.candidates(i)...)
		n.more.Unlock()
	}
	c, err := e.Match.Choose(ctx, candidates, memberValues{g})
	if err != nil {
		return c, &MatchError{Stage: e.Name, Ref: members[0].stage.Ref, Matcher: *e.Match, Found: len(candidates), Err: err}
	}
	return c, nil
}

// moreOf makes a round of each member.
func (g *graph) moreOf(ctx context.Context, members []*node, claimed bool) (fresh int, failed error) {
	var errs []error
	for _, n := range members {
		made, err := n.task.again(ctx, claimed)
		fresh += made
		errs = append(errs, err)
	}
	return fresh, errors.Join(errs...)
}

// again makes a round of a stage that is done.
func (t *task) again(ctx context.Context, claimed bool) (fresh int, err error) {
	t.more.Lock()
	defer t.more.Unlock()
	release, err := t.g.Store.LockAction(ctx, t.key, t.stage.Name, nil)
	if err != nil {
		return 0, err
	}
	defer release()
	return t.round(ctx, t.runs(), claimed)
}

func (g *graph) unmet(e plan.Edge, members []*node, c match.Choice, why string) error {
	found := 0
	for _, n := range members {
		found += len(n.task.found)
	}
	return &MatchError{
		Stage: e.Name, Ref: members[0].stage.Ref, Matcher: *e.Match, Found: found, Choice: c,
		Err: fmt.Errorf("of a set of %d stages: %s", len(members), why),
	}
}

// memberValues answers what a matcher over a set asks, for each candidate as
// its own stage does.
type memberValues struct{ g *graph }

// Value follows a lens into a candidate.
func (v memberValues) Value(ref store.RRef, lens string) (any, error) {
	return (&values{v.g.nodes[ref.DRef()].task}).Value(ref, lens)
}

// Score returns the number that a script prints for a candidate.
func (v memberValues) Score(ctx context.Context, ref store.RRef, script string) (float64, error) {
	return (&values{v.g.nodes[ref.DRef()].task}).Score(ctx, ref, script)
}
