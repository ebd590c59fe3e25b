package realize

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"plx/internal/builder"
	"plx/internal/store"
)

// A try is one run of a command, over all its attempts.
type try struct {
	*task
	st      *store.Staging
	lease   *lease         // what it takes
	carried *store.Carried // nil: the stage carries nothing
	log     *os.File
	run     int
	claimed bool               // a result that differs from one that is there is refused
	against *store.Realization // if it is a check: what the result is compared with, and it is not committed
	attempt int                // from 1
	used    bool               // the directory may hold what an earlier run has left
	traces  *builder.Traces    // of that
	over    bool               // no process can be left that knows the directory
}

// The time between two attempts: it doubles.
const (
	firstPause   = time.Second
	longestPause = time.Minute
)

// begin makes the log, and tells of it.
func (t *try) begin() (err error) {
	if t.log, err = t.st.Log(); err == nil {
		t.g.observe(Event{Kind: Building, Stage: t.stage, Run: t.run, Log: t.st.LogPath()})
	}
	return err
}

// attempts makes a result, however often that takes.
func (t *try) attempts(ctx context.Context) (r store.Realization, existed bool, err error) {
	last := t.stage.Retries + 1
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		t.attempt++
		if r, existed, err = t.make(ctx); err == nil {
			return r, existed, nil
		}
		t.handOn()
		if !isRetried(err) || t.attempt == last || ctx.Err() != nil {
			return r, false, err
		}
		why := err
		if build := (*BuildError)(nil); errors.As(err, &build) {
			why = build.Err
		}
		t.note("attempt %d of %d: %v", t.attempt, last, why)
		t.g.observe(Event{Kind: Retrying, Stage: t.stage, Run: t.run, Attempt: t.attempt, Err: why, Wait: pause})
		if err := t.again(ctx, pause); err != nil {
			return r, false, err
		}
		t.note("attempt %d of %d", t.attempt+1, last)
	}
}

// again waits, with nothing taken, and prepares another attempt.
func (t *try) again(ctx context.Context, pause time.Duration) error {
	if err := t.st.Reset(); err != nil {
		return err
	}
	t.lease.release()
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
	if !t.lease.retake(ctx, nil) {
		return context.Cause(ctx)
	}
	return nil
}

// note adds a line of plx's own to the log.
func (t *try) note(format string, args ...any) {
	fmt.Fprintf(t.log, "plx: "+format+"\n", args...) // a log that is full is no reason to fail
}

// isRetried reports whether another attempt may come to another end.
func isRetried(err error) bool {
	var (
		build   *BuildError
		exit    *builder.ExitError
		limit   *builder.LimitError
		timeout *builder.TimeoutError
		differs *DiffersError
	)
	if errors.As(err, &build) {
		return errors.As(err, &exit) || errors.As(err, &limit) || errors.As(err, &timeout)
	}
	return isFailure(err) && !errors.As(err, &differs)
}

// carry finds what earlier attempts at the run have left.
func (t *try) carry(ctx context.Context) (err error) {
	if len(t.stage.Derivation.Carry) > 0 {
		t.carried, err = t.g.Store.Carry(ctx, t.key, t.run)
	}
	return err
}

// carriedDir returns where that is, or nothing.
func (t *try) carriedDir() string {
	if t.carried == nil {
		return ""
	}
	return t.carried.Dir()
}

// handOn keeps what an attempt has left for the next. What can't be kept is
// told, and not what the run fails for.
func (t *try) handOn() {
	if t.carried == nil {
		return
	}
	if err := t.carried.Keep(t.st, t.stage.Derivation.Carry); err != nil {
		t.g.observe(Event{Kind: Warned, Stage: t.stage, Err: err})
	}
}

// release lets others have what is carried.
func (t *try) release(done bool) error {
	if t.carried == nil {
		return nil
	}
	return t.carried.Release(done)
}
