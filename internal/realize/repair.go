package realize

import (
	"context"
	"fmt"
	"os"

	"plx/internal/plan"
	"plx/internal/store"
)

// Remake makes a realization again whose files are lost: from the same, in
// the same way, with the number of the run that it had; a fetch is downloaded.
// The closure has the stage, and what is in no derivation: passenv, timeout.
// If the result is not the same, nothing is changed, and the error is a
// [store.OtherResultError]. That of a command that fails is a [BuildError].
func (z *Realizer) Remake(ctx context.Context, c *plan.Closure, r store.Realization) error {
	t, err := z.remaking(ctx, c, r)
	if err != nil {
		return fmt.Errorf("remake %v: %w", r.Ref, err)
	}
	waiting := func(by string) { z.Observe(Event{Kind: Waiting, Stage: t.stage, Because: by}) }
	release, err := z.Store.LockAction(ctx, t.key, t.stage.Name, waiting)
	if err != nil {
		return err
	}
	defer release()
	st, err := z.Store.Stage()
	if err != nil {
		return err
	}
	defer st.Abort()
	if r.Hand {
		return fmt.Errorf("remake %v: it was made by hand: plx adopt takes it again", r.Ref)
	}
	run := t.runOf(r)
	z.Observe(Event{Kind: Building, Stage: t.stage, Run: run})
	switch t.stage.Derivation.Kind {
	case store.ActionImport:
		return fmt.Errorf("remake %v: it is its source, which is lost: plx instantiate takes it in again", r.Ref)
	case store.ActionFetch:
		err = t.fetchAgain(ctx, st, r)
	default:
		err = t.runAgain(ctx, st, r, run)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// runOf returns the number of the run of the task's action that gave r.
func (t *task) runOf(r store.Realization) int {
	if also, ok := r.Also[t.key]; ok && r.Action != t.key {
		return also
	}
	return r.Run
}

// remaking returns the task that made r: its inputs are those of its context.
func (z *Realizer) remaking(ctx context.Context, c *plan.Closure, r store.Realization) (*task, error) {
	g := z.graph(c)
	g.spare = func() func() { return func() {} } // nobody else waits
	t := g.newTask(g.nodes[r.Ref.DRef()])
	for name, in := range t.stage.Derivation.Inputs {
		var chosen []store.Realization
		for _, ref := range r.Context[name] {
			dep, err := z.Store.Realization(ref)
			if err != nil {
				return nil, err
			}
			chosen = append(chosen, dep)
		}
		if err := t.addInput(name, in, chosen); err != nil {
			return nil, err
		}
	}
	var err error
	if t.tools, err = g.toolsOf(ctx, t.node); err != nil {
		return nil, err
	}
	if t.stage.Derivation.Kind == store.ActionRun {
		t.action.Tools = toolDigests(t.tools)
	}
	t.key, err = t.action.Key()
	return t, err
}

// runAgain runs the command.
func (t *task) runAgain(ctx context.Context, st *store.Staging, r store.Realization, run int) error {
	log, err := os.Create(st.LogPath())
	if err != nil {
		return err
	}
	defer log.Close()
	if _, err := t.g.run(ctx, t.command(st.Dir(), run, log)); err != nil {
		return &BuildError{Stage: t.stage.Name, Ref: t.stage.Ref, Run: run, Err: err, Tail: tail(st.LogPath())}
	}
	if _, err := st.Freeze(t.stage.Derivation.VolatilePaths()); err != nil {
		return err
	}
	return st.Mend(r)
}

// fetchAgain downloads the file.
func (t *task) fetchAgain(ctx context.Context, st *store.Staging, r store.Realization) error {
	if err := os.Mkdir(st.Out(), 0o777); err != nil {
		return err
	}
	f := t.stage.Derivation.Fetch
	if err := t.g.Store.Release(); err != nil {
		return err
	}
	waiting := func() { t.g.observe(Event{Kind: Waiting, Stage: t.stage}) }
	partial, release, err := t.g.Store.Partial(ctx, f.Hash, waiting)
	if err != nil {
		return err
	}
	done := false
	defer func() { release(done) }() // what there is of it serves the next attempt
	tell := func(p Download) { t.g.observe(Event{Kind: Fetching, Stage: t.stage, Download: p}) }
	if _, err := t.g.Fetch(ctx, *f, partial, st.Out(), tell); err != nil {
		return err
	}
	if _, err := st.Freeze(nil); err != nil {
		return err
	}
	err = st.Mend(r)
	done = err == nil
	return err
}
