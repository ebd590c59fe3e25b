package realize

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"plx/internal/store"
)

// A Fetcher downloads what f says, and leaves the result in dir, an empty
// directory. It may keep what it has of the file in partial, for the next
// attempt; nobody else uses that meanwhile. It calls tell from one goroutine.
// If the result is refused, undo puts back into partial what was taken from it.
//
// A failure of what is fetched, and not of this machine, is a [FetchError].
type Fetcher func(ctx context.Context, f store.Fetch, partial, dir string, tell func(Download)) (undo func() error, err error)

// A Download says how far a fetch is.
type Download struct {
	URL   string
	Done  int64         // bytes that are there
	Total int64         // bytes of the file; -1: not known
	Err   error         // why it stops; nil: it goes on
	Wait  time.Duration // with Err: when the mirror is asked again; 0: it isn't
}

// A FetchError says that a file was not to be had, or was not the one wanted,
// or could not be unpacked.
type FetchError struct{ Err error }

func (e *FetchError) Error() string { return e.Err.Error() }

// Unwrap returns what the [Fetcher] met with.
func (e *FetchError) Unwrap() error { return e.Err }

// fetch is a round of a fetch: there is one result, so one is made.
func (t *task) fetch(ctx context.Context) (fresh int, err error) {
	l, err := t.acquire(ctx)
	if err != nil {
		return 0, err
	}
	defer l.release()
	t.recall.Do(t.remember)
	t.g.observe(Event{Kind: Building, Stage: t.stage})
	started := time.Now()
	var log bytes.Buffer
	r, existed, err := t.download(ctx, started, &log)
	t.built++
	e := Event{Kind: Built, Stage: t.stage, Refs: []store.RRef{r.Ref}, Elapsed: time.Since(started)}
	switch {
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case isFailure(err):
		err = t.failedFetch(&log, err)
		e.Kind, e.Err, e.Refs = Failed, err, nil
	case err != nil:
		err = fmt.Errorf("fetch %v: %w", t.stage.Ref, err)
		e.Kind, e.Err, e.Refs = Failed, err, nil
	case existed:
		e.Kind = Repeated
	default:
		fresh = 1
	}
	t.g.observe(e)
	return fresh, err
}

// failedFetch keeps what there is to tell of a fetch that failed.
func (t *task) failedFetch(log *bytes.Buffer, cause error) error {
	e := &BuildError{Stage: t.stage.Name, Ref: t.stage.Ref, Err: cause}
	fmt.Fprintf(log, "plx: %v\n", cause)
	path, err := t.g.Store.KeepLog(t.stage.Ref, log.Bytes())
	if err != nil {
		t.g.observe(Event{Kind: Warned, Stage: t.stage, Err: err})
		return e
	}
	e.Log = path
	return e
}

// note adds a line on a download that stops.
func (p Download) note(log *bytes.Buffer) {
	if p.Err == nil {
		return
	}
	fmt.Fprintf(log, "%s: after %d bytes: %v", p.URL, p.Done, p.Err)
	if p.Wait > 0 {
		fmt.Fprintf(log, "; again in %v", p.Wait)
	}
	fmt.Fprintln(log)
}

// download is steps 4 to 6 for a fetch. What goes wrong is noted in the log.
func (t *task) download(ctx context.Context, started time.Time, log *bytes.Buffer) (r store.Realization, existed bool, err error) {
	d := t.stage.Derivation
	st, err := t.g.Store.Stage()
	if err != nil {
		return r, false, err
	}
	defer st.Abort()
	if err := os.Mkdir(st.Out(), 0o777); err != nil {
		return r, false, err
	}
	if err := t.g.Store.Release(); err != nil {
		return r, false, err
	}
	waiting := func() { t.g.observe(Event{Kind: Waiting, Stage: t.stage}) }
	partial, release, err := t.g.Store.Partial(ctx, d.Fetch.Hash, waiting)
	if err != nil {
		return r, false, err
	}
	tell := func(p Download) {
		p.note(log)
		t.g.observe(Event{Kind: Fetching, Stage: t.stage, Download: p})
	}
	undo, err := t.g.Fetch(ctx, *d.Fetch, partial, st.Out(), tell)
	if err != nil {
		return r, false, errors.Join(err, release(false))
	}
	if r, existed, err = t.keep(ctx, st, started); err != nil {
		return r, false, errors.Join(err, undo(), release(false))
	}
	return r, existed, release(true)
}

// keep is steps 5 and 6 for a fetch.
func (t *task) keep(ctx context.Context, st *store.Staging, started time.Time) (r store.Realization, existed bool, err error) {
	m, err := st.Freeze(nil)
	if err != nil {
		return r, false, err
	}
	if err := t.examine(ctx, m, nil, st.Out(), nil); err != nil {
		return r, false, err
	}
	o := t.g.Origin
	o.Action, o.Started, o.Stopped = t.key, started, time.Now()
	return t.commit(st, m, o, false)
}
