package realize

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"plx/internal/plan"
	"plx/internal/store"
)

// Adopt takes a directory as a result of the stage, in the context that is
// chosen now: what it depends on must have been realized, or else the error is
// a [MatchError]. A copy is held to the promises and to the check; if they
// refuse it, the error is a [BuildError]. It reports whether such a result was
// there already. The store is held.
func (z *Realizer) Adopt(ctx context.Context, c *plan.Closure, s *plan.Stage, dir string) (r store.Realization, existed bool, err error) {
	if err := HasCommand(s); err != nil {
		return r, false, err
	}
	if err := z.Store.Refer(c.Refs()); err != nil {
		return r, false, err
	}
	t, err := z.ready(ctx, c, s)
	if err != nil {
		return r, false, err
	}
	release, err := t.lock(ctx)
	if err != nil {
		return r, false, err
	}
	defer release()
	st, err := z.Store.Stage()
	if err != nil {
		return r, false, err
	}
	defer st.Abort()
	run, err := t.numbers(1)
	if err != nil {
		return r, false, err
	}
	now := time.Now()
	if err = st.Fill(dir); err == nil {
		r, existed, err = t.keepHand(ctx, st, store.Origin{Run: run[0], Started: now, Stopped: now}, nil)
	}
	if isFailure(err) {
		err = &BuildError{Stage: s.Name, Ref: s.Ref, Run: run[0], Err: err}
	}
	return r, existed, err
}

// ready returns the task of the stage. Nothing is built for it.
func (z *Realizer) ready(ctx context.Context, c *plan.Closure, s *plan.Stage) (*task, error) {
	q := *z
	q.AssertRealized = true
	g := q.graph(c.Below(s))
	g.spare = func() func() { return func() {} } // nobody else waits
	n, done := g.nodes[s.Ref], make(map[*node]bool)
	for _, e := range n.stage.Inputs {
		for _, from := range e.From {
			if err := g.query(ctx, g.nodes[from.Ref], done); err != nil {
				return nil, fmt.Errorf("input %s of %s: %w", e.Name, s.Name, err)
			}
		}
	}
	return g.resolve(ctx, n)
}

// lock waits until nobody else builds the action, and finds what there is.
func (t *task) lock(ctx context.Context) (release func(), err error) {
	waiting := func(by string) { t.g.observe(Event{Kind: Waiting, Stage: t.stage, Because: by}) }
	if release, err = t.g.Store.LockAction(ctx, t.key, t.stage.Name, waiting); err != nil {
		return nil, err
	}
	if t.found, err = t.own(); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// keepHand is steps 5 and 6 for what a person has left in out. Of o, run and
// times are used.
func (t *task) keepHand(ctx context.Context, st *store.Staging, o store.Origin, log *os.File) (r store.Realization, existed bool, err error) {
	m, err := st.Freeze(t.stage.Derivation.VolatilePaths())
	if err != nil {
		return r, false, err
	}
	if err := t.examine(ctx, m, st.Volatile(), st.Out(), log); err != nil {
		return r, false, err
	}
	by := t.g.Origin
	by.Action, by.Tools, by.Hand = t.key, t.tools, true
	by.Run, by.Started, by.Stopped = o.Run, o.Started, o.Stopped
	return t.commit(st, m, by, slices.ContainsFunc(t.demands, t.claim))
}
