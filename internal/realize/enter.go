package realize

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"plx/internal/builder"
	"plx/internal/plan"
	"plx/internal/store"
)

// A Session is what runs in the place of a stage's command, for a person.
type Session struct {
	Argv     []string
	Streams  [3]*os.File       // standard input, output and error
	Terminal bool              // they are a terminal of the session's own
	Env      map[string]string // variables besides those of the stage
	Failed   bool              // it is in the directory of the last failed build
	Begin    func() error      // called before it starts
	Keep     func() (bool, error)
}

// errMoved is for what the directory of a failed build can't become.
var errMoved = errors.New("the stage has other inputs now than when it failed: what is there can't become its result; plx shell without --failed begins anew")

// Enter realizes what the stage depends on, and runs the session where its
// command would run, isolated in the same way, and without limits of time. If
// the session ends well and Keep says so, what it has left in out becomes a
// realization, after promises and check; the error is a [BuildError] if these
// refuse it, and a [builder.ExitError] if the session failed. The store is held.
func (z *Realizer) Enter(ctx context.Context, c *plan.Closure, s *plan.Stage, session Session) (r store.Realization, kept bool, err error) {
	if err := HasCommand(s); err != nil {
		return r, false, err
	}
	t, err := z.approach(ctx, c, s)
	if err != nil {
		return r, false, err
	}
	st, laid, err := t.stageFor(session)
	if st != nil {
		defer st.Abort()
	}
	if err != nil {
		return r, false, err
	}
	kept, started, err := t.hold(ctx, st, session, laid == t.key)
	if err == nil && kept {
		r, err = t.keepSession(ctx, st, started)
	}
	var exit *builder.ExitError
	switch {
	case isFailure(err):
		err = t.failed(0, 1, st, err)
	case session.Terminal && !session.Failed && errors.As(err, &exit):
		if _, lost := st.Keep(s.Ref, laid); lost == nil {
			err = fmt.Errorf("%w\nwhat is there is kept until plx gc; a shell there: plx shell --failed %s", err, s.Name)
		}
	case !kept && session.Failed:
		_, back := st.Keep(s.Ref, laid)
		err = errors.Join(err, back)
	}
	return r, kept && err == nil, err
}

// approach realizes what the stage depends on, and returns its task.
func (z *Realizer) approach(ctx context.Context, c *plan.Closure, s *plan.Stage) (t *task, err error) {
	if err := z.Store.Refer(c.Refs()); err != nil {
		return nil, err
	}
	g := z.graph(c.Below(s))
	if err := g.findTools(ctx); err != nil {
		return nil, err
	}
	err = g.walk(ctx, z.Jobs, z.KeepGoing, func(ctx context.Context, n *node) error {
		if n.stage.Ref != s.Ref {
			return g.realize(ctx, n)
		}
		t, err = g.resolve(ctx, n) // the last
		return err
	})
	g.spare = func() func() { return func() {} }
	return t, err
}

// stageFor returns the directory for a session, and for which action key what
// is there was laid.
func (t *task) stageFor(session Session) (*store.Staging, store.Hash, error) {
	if session.Failed {
		return t.g.Store.StageFailed(t.stage.Ref)
	}
	st, err := t.g.Store.Stage()
	return st, t.key, err
}

// hold runs the session, and reports whether what it has left is to be kept.
func (t *task) hold(ctx context.Context, st *store.Staging, session Session, same bool) (kept bool, started time.Time, err error) {
	run, err := t.numbers(1)
	if err != nil {
		return false, started, err
	}
	command := t.command(st.Dir(), run[0], nil)
	command.Argv, command.Streams, command.Terminal, command.Laid = session.Argv, session.Streams, session.Terminal, session.Failed
	command.Limits = builder.Limits{Memory: command.Memory, PIDs: command.PIDs}
	for name, value := range session.Env {
		if _, set := command.Env[name]; !set {
			command.Env[name] = value
		}
	}
	if err := session.Begin(); err != nil {
		return false, started, err
	}
	usage, err := t.g.run(ctx, command)
	if err != nil {
		return false, started, fmt.Errorf("shell %s: %w", t.stage.Name, err)
	}
	if kept, err = session.Keep(); kept && !same {
		return false, started, errMoved
	}
	return kept, usage.Started, err
}

// keepSession makes what a session has left a realization. The number of its
// run is another if somebody else has used that meanwhile.
func (t *task) keepSession(ctx context.Context, st *store.Staging, started time.Time) (r store.Realization, err error) {
	release, err := t.lock(ctx)
	if err != nil {
		return r, err
	}
	defer release()
	clear(t.had)
	run, err := t.numbers(1)
	if err != nil {
		return r, err
	}
	r, _, err = t.keepHand(ctx, st, store.Origin{Run: run[0], Started: started, Stopped: time.Now()}, nil)
	return r, err
}
