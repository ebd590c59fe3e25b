package realize

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"plx/internal/builder"
	"plx/internal/plan"
	"plx/internal/store"
)

// round is step 4 for one round: n runs at once. With claimed, a result that
// differs from one that is there is refused. It returns how many results are
// new, and an error if a run failed.
func (t *task) round(ctx context.Context, n int, claimed bool) (fresh int, err error) {
	switch t.stage.Derivation.Kind {
	case store.ActionImport:
		return t.importSource(ctx)
	case store.ActionFetch:
		return t.fetch(ctx)
	}
	runs, err := t.numbers(n)
	if err != nil {
		return 0, err
	}
	if n == 1 {
		return t.runAll(ctx, runs, claimed)
	}
	end, err := t.g.Store.BeginRound(t.key, runs)
	if err != nil {
		return 0, err
	}
	fresh, err = t.runAll(ctx, runs, claimed)
	if ctx.Err() != nil {
		return fresh, err // the round stays open
	}
	return fresh, errors.Join(err, end())
}

// runAll makes the runs, at once as far as there is room.
func (t *task) runAll(ctx context.Context, runs []int, claimed bool) (fresh int, err error) {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs []error
	)
	for i, run := range runs {
		l, err := t.acquire(ctx)
		if err != nil {
			mu.Lock()
			errs = append(errs, err)
			mu.Unlock()
			break
		}
		one := func() {
			defer l.release()
			existed, err := t.build(ctx, l, run, claimed)
			mu.Lock()
			defer mu.Unlock()
			t.built++
			if err != nil {
				errs = append(errs, err)
			} else if !existed {
				fresh++
			}
		}
		if i == len(runs)-1 {
			one() // here, where the stack has grown already
		} else {
			wg.Go(one)
		}
	}
	wg.Wait()
	if ctx.Err() != nil {
		return fresh, context.Cause(ctx)
	}
	return fresh, oneFailure(errs)
}

// oneFailure makes one error of those of a round. Runs of one command mostly
// fail for the same reason: the one that was kept stands for all.
func oneFailure(errs []error) error {
	var first *BuildError
	var others []error
	for _, err := range errs {
		var e *BuildError
		switch {
		case !errors.As(err, &e):
			others = append(others, err)
		case first == nil || e.Kept != "":
			if first != nil {
				e.Also = append(first.Also, first.Run)
			}
			first = e
		default:
			first.Also = append(first.Also, e.Run)
		}
	}
	if first == nil {
		return errors.Join(others...)
	}
	slices.Sort(first.Also)
	return errors.Join(append([]error{first}, others...)...)
}

// numbers gives out n run numbers that no run of the action has had.
func (t *task) numbers(n int) ([]int, error) {
	free, err := t.g.Store.FreeRuns(t.key, n+len(t.had))
	if err != nil {
		return nil, err
	}
	free = slices.DeleteFunc(free, func(run int) bool { return t.had[run] })[:n]
	for _, run := range free {
		t.had[run] = true
	}
	return free, nil
}

// importSource makes the source tree the result: nothing is run.
func (t *task) importSource(ctx context.Context) (fresh int, err error) {
	d := t.stage.Derivation
	o := t.g.Origin
	o.Action = t.key
	o.Started = time.Now()
	o.Stopped = o.Started
	m, err := t.g.Store.Manifest(d.Source)
	if err != nil {
		return 0, err
	}
	if err := t.examine(ctx, m, nil, t.g.Store.TreePath(d.Source), nil); err != nil {
		return 0, t.failed(0, 1, nil, err)
	}
	r, err := t.g.Store.Import(t.stage.Ref, t.context, d.Source, o)
	if err != nil {
		return 0, err
	}
	t.built++
	t.found = []store.Realization{r}
	t.g.observe(Event{Kind: Built, Stage: t.stage, Refs: []store.RRef{r.Ref}})
	return 1, nil
}

// run runs a command, beside which gc may run.
func (g *graph) run(ctx context.Context, a builder.Action) (builder.Usage, error) {
	if err := g.Store.Release(); err != nil {
		return builder.Usage{}, err
	}
	return g.Run(ctx, a)
}

// build is steps 4 to 6 for one run.
func (t *task) build(ctx context.Context, l *lease, run int, claimed bool) (existed bool, err error) {
	t.recall.Do(t.remember)
	at, err := t.g.sites.take(t.g.Store)
	if err != nil {
		return false, err
	}
	st, over := at.Staging, false
	defer func() { t.g.sites.leave(at, err == nil && over) }()
	if err := st.Announce(t.stage.Ref, run); err != nil {
		return false, err
	}
	try := &try{task: t, st: st, used: at.used, traces: &at.traces, lease: l, run: run, claimed: claimed}
	if err := try.begin(); err != nil {
		return false, err
	}
	if err := try.carry(ctx); err != nil {
		return false, err
	}
	started := time.Now()
	r, existed, err := try.attempts(ctx)
	over = try.over
	if kept := try.release(err == nil); kept != nil {
		err = errors.Join(err, kept)
	}
	e := Event{Kind: Built, Stage: t.stage, Run: run, Refs: []store.RRef{r.Ref}, Elapsed: time.Since(started)}
	switch {
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case isFailure(err):
		err = t.failed(run, try.attempt, st, err)
		e.Kind, e.Err, e.Refs = Failed, err, nil
	case err != nil: // the store's, or the machine's
		err = fmt.Errorf("build %v: %w", t.stage.Ref, err)
		e.Kind, e.Err, e.Refs = Failed, err, nil
	case existed:
		e.Kind = Repeated
	}
	t.g.observe(e)
	if err == nil && len(r.Manifest.Entries()) == 0 && len(t.stage.Derivation.Outputs) == 0 && t.stage.Derivation.Check == "" {
		t.g.observe(Event{Kind: Warned, Stage: t.stage, Err: errEmpty})
	}
	return existed, err
}

// errEmpty warns of what is most likely a mistake.
var errEmpty = errors.New(`the result is empty: what is to be kept must be written below "$out", or to an output that the stage declares`)

// isFailure tells a command that failed, or whose result was refused, from a
// store or machine that did.
func isFailure(err error) bool {
	var (
		run     *BuildError
		tree    *store.TreeError
		promise *PromiseError
		check   *CheckError
		differs *DiffersError
		timeout *builder.TimeoutError
		limit   *builder.LimitError
		fetch   *FetchError
	)
	return errors.As(err, &fetch) || errors.As(err, &run) || errors.As(err, &tree) || errors.As(err, &promise) ||
		errors.As(err, &check) || errors.As(err, &differs) || errors.As(err, &timeout) ||
		errors.As(err, &limit)
}

// make runs the command, holds the result to the promises and the check, and
// commits it.
func (t *try) make(ctx context.Context) (store.Realization, bool, error) {
	command := t.command(t.st.Dir(), t.run, t.log)
	command.Carry, command.Used, command.Traces = t.carriedDir(), t.used, t.traces
	if j, err := builder.NewJobserver(t.g.pool, int(t.lease.wants[slots])-1); err == nil {
		defer j.Close()
		command.Jobs = j.Ends()
	}
	usage, err := t.g.run(ctx, command)
	t.over = usage.Over
	var refused *builder.SandboxError
	if errors.As(err, &refused) {
		return store.Realization{}, false, err
	}
	if err != nil {
		return store.Realization{}, false, &BuildError{Err: err}
	}
	m, err := t.st.Freeze(t.stage.Derivation.VolatilePaths())
	if err != nil {
		return store.Realization{}, false, err
	}
	if err := t.examine(ctx, m, t.st.Volatile(), t.st.Out(), t.log); err != nil {
		return store.Realization{}, false, err
	}
	if t.against != nil {
		return *t.against, true, t.compare(m)
	}
	o := t.origin(t.run, usage)
	o.Carried = command.Carry != ""
	return t.commit(t.st, m, o, t.claimed)
}

// commit is step 6: the result becomes a candidate. Runs of one task commit one
// after another, so that of two that differ where sameness is claimed, the
// second is refused.
func (t *task) commit(st *store.Staging, m store.Manifest, o store.Origin, claimed bool) (store.Realization, bool, error) {
	t.commits.Lock()
	defer t.commits.Unlock()
	if claimed {
		if err := t.same(m); err != nil {
			return store.Realization{}, false, err
		}
	}
	r, existed, err := st.Commit(t.stage.Ref, t.context, o)
	if err != nil {
		return r, false, err
	}
	t.found = slices.DeleteFunc(t.found, func(old store.Realization) bool { return old.Ref == r.Ref })
	t.found = append(t.found, r)
	return r, existed, nil
}

// command returns the stage's command as the runner takes it.
func (t *task) command(dir string, run int, log *os.File) builder.Action {
	d := t.stage.Derivation
	a := builder.Action{
		Dir:     dir,
		Argv:    d.Argv,
		Inputs:  t.inputs,
		Outputs: t.action.Outputs,
		Config:  d.Config,
		Env:     t.env(),
		Args:    t.g.Args,
		Run:     run,
		Log:     log,
		Bin:     t.g.Bin,
		Limits: builder.Limits{
			Timeout: t.stage.Timeout, MaxSilent: t.stage.MaxSilent, MaxLog: t.stage.MaxLog, MaxOutput: t.stage.MaxOutput,
			Memory: t.stage.Resources[plan.Memory], PIDs: t.stage.Resources[plan.PIDs],
		},
		Network:    d.Network,
		Open:       d.Sandbox.Paths,
		Tools:      d.Tools,
		Unconfined: d.Sandbox.Off,
	}
	if d.Script != "" {
		a.Argv = append(slices.Clone(d.Shell), "-c", d.Script)
	}
	if !d.Source.IsZero() {
		a.Source = t.g.Store.TreePath(d.Source)
	}
	return a
}

// env returns what the stage sets, and the variables that it passes through
// and that are set.
func (t *task) env() map[string]string {
	env := make(map[string]string, len(t.stage.Derivation.Env)+len(t.stage.PassEnv))
	for _, name := range t.stage.PassEnv {
		if value, ok := t.g.LookupEnv(name); ok {
			env[name] = value
		}
	}
	for name, value := range t.stage.Derivation.Env {
		env[name] = value
	}
	return env
}

func (t *task) origin(run int, u builder.Usage) store.Origin {
	o := t.g.Origin
	o.Action, o.Run, o.Tools = t.key, run, t.tools
	o.Started, o.Stopped = u.Started, u.Stopped
	o.User, o.System, o.MaxRSS, o.Sandbox = u.User, u.System, u.MaxRSS, u.Sandbox
	return o
}

// same refuses a result that differs from one that is there.
func (t *task) same(m store.Manifest) error {
	for _, r := range t.found {
		if r.Tree != m.Hash() {
			return &DiffersError{Have: r.Ref, Paths: store.Differences(r.Manifest, m)}
		}
	}
	return nil
}
