package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
)

var errWaited = errors.New("waited")

// waits reports whether f has to wait: it is called with what to call then,
// and with a context that ends at that.
func waits(t *testing.T, f func(ctx context.Context, waiting func()) error) bool {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	n := 0
	err := f(ctx, func() { n++; cancel(errWaited) })
	if err != nil && !errors.Is(err, errWaited) {
		t.Fatal(err)
	}
	if n != 0 != (err != nil) {
		t.Errorf("waiting was called %d times, and the error is %v", n, err)
	}
	return err != nil
}

func lockable(t *testing.T, s *Store, key Hash) bool {
	t.Helper()
	return !waits(t, func(ctx context.Context, waiting func()) error {
		release, err := s.LockAction(ctx, key, "mine", func(string) { waiting() })
		if err == nil {
			release()
		}
		return err
	})
}

func TestLockAction(t *testing.T) {
	s := held(t)
	key, other := HashOf([]byte("action")), HashOf([]byte("other"))
	release, err := s.LockAction(t.Context(), key, "this", nil)
	if err != nil {
		t.Fatal(err)
	}
	if lockable(t, s, key) {
		t.Error("two have the lock")
	}
	if !lockable(t, s, other) {
		t.Error("the lock is on another action, too")
	}
	release()
	if !lockable(t, s, key) {
		t.Error("the lock is held after release")
	}
}

func TestLockActionExcludes(t *testing.T) {
	s := held(t)
	key := HashOf([]byte("action"))
	var inside atomic.Int32
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			release, err := s.LockAction(t.Context(), key, "this", nil)
			if err != nil {
				t.Error(err)
				return
			}
			if inside.Add(1) > 1 {
				t.Error("two have the lock")
			}
			inside.Add(-1)
			release()
		})
	}
	wg.Wait()
}

// Between processes, and a killed one has no lock.
func TestLockActionOfAnotherProcess(t *testing.T) {
	s := held(t)
	key := HashOf([]byte("action"))
	p := start(t, "action", s.Dir())
	if lockable(t, s, key) {
		t.Error("two processes have the lock")
	}
	p.end(t)
	if !lockable(t, s, key) {
		t.Error("the lock is held after its process")
	}
	p = start(t, "action", s.Dir())
	if lockable(t, s, key) {
		t.Error("two processes have the lock")
	}
	p.kill()
	if !lockable(t, s, key) {
		t.Error("a killed process has the lock")
	}
}

func gcWaits(t *testing.T, s *Store) bool {
	t.Helper()
	return waits(t, func(ctx context.Context, waiting func()) error {
		_, err := s.GC(ctx, GCOptions{Waiting: waiting})
		return err
	})
}

func TestGCWaitsForHold(t *testing.T) {
	s := held(t)
	gc := open(t, s.Dir())
	if !gcWaits(t, gc) {
		t.Error("gc runs while the store is held")
	}
	p := start(t, "hold", s.Dir())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !gcWaits(t, gc) {
		t.Error("gc runs while another process holds the store")
	}
	p.kill()
	if gcWaits(t, gc) {
		t.Error("gc waits for nobody")
	}
}

func TestHoldWaitsForGC(t *testing.T) {
	s := held(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	gc, other := open(t, s.Dir()), open(t, s.Dir())
	if err := gc.holdAlone(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if !waits(t, s.Hold) || !waits(t, other.Hold) {
		t.Error("the store can be held while gc runs")
	}
	if err := gc.Close(); err != nil {
		t.Fatal(err)
	}
	if waits(t, s.Hold) || waits(t, other.Hold) {
		t.Error("two can't hold the store")
	}
}

// Who has released the store lets gc in, and keeps what it refers to.
func TestGCBesideRelease(t *testing.T) {
	s := held(t)
	dref, other := derive(t, s, Derivation{Name: "a"}), derive(t, s, Derivation{Name: "b"})
	r := result(t, s, dref, nil, "1")
	source, err := s.AddFiles(t.Context(), []SourceFile{{Path: "x", Text: "x"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Release(); err != nil {
		t.Fatal(err)
	}
	late := derive(t, s, Derivation{Name: "late"})
	gc := open(t, s.Dir())
	if gcWaits(t, gc) {
		t.Fatal("gc waits for who has released the store")
	}
	for _, ref := range []DRef{dref, other, late} {
		if _, err := reread(t, s).Derivation(ref); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Realization(r.Ref); err != nil || !s.HasTree(r.Tree) || !s.HasTree(source) {
		t.Errorf("what is in use is gone: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if g := collect(t, open(t, s.Dir()), GCOptions{}); len(g.Derivations) != 3 || len(g.Trees) != 2 {
		t.Errorf("got %+v, want all of it", g)
	}
}

// reread returns the store as another process finds it.
func reread(t *testing.T, s *Store) *Store {
	t.Helper()
	return open(t, s.Dir())
}

// A note that could not be written is no note, and what is left of it doesn't
// swallow the next.
func TestNoteAfterFailure(t *testing.T) {
	s := held(t)
	if err := s.Release(); err != nil {
		t.Fatal(err)
	}
	whole := s.hold.notes
	full, err := os.Open(whole.Name()) // which can't be written to
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	d := Derivation{Name: "a", Kind: ActionRun, Script: "1"}
	s.hold.notes = full
	if _, err := addDerivation(s, d); err == nil {
		t.Fatal("a note that can't be written is no error")
	}
	s.hold.notes = whole
	if _, err := whole.WriteString("dref:half"); err != nil {
		t.Fatal(err)
	}
	ref, err := addDerivation(s, d)
	if err != nil {
		t.Fatal(err)
	}
	collect(t, open(t, s.Dir()), GCOptions{})
	if !reread(t, s).hasDerivation(ref) {
		t.Error("what is in use is gone")
	}
}

// Who waits is told who builds now, not who did before.
func TestHolderIsTheLast(t *testing.T) {
	s := held(t)
	key := HashOf([]byte("action"))
	release, err := s.LockAction(t.Context(), key, "old", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Release(); err != nil {
		t.Fatal(err)
	}
	if by := s.holder(key); by == "" {
		t.Error("nobody is named")
	}
	release()
	if by := s.holder(key); by != "" {
		t.Errorf("%s, but it has ended", by)
	}
}

// Each write after Release waits for gc, and those that wait for gc are let in
// before another gc.
func TestWriteWaitsForGC(t *testing.T) {
	s := held(t)
	if err := s.Release(); err != nil {
		t.Fatal(err)
	}
	gc := open(t, s.Dir())
	if err := gc.holdAlone(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	added := make(chan error)
	go func() {
		_, err := s.AddFiles(t.Context(), []SourceFile{{Path: "x", Text: "x"}})
		added <- err
	}()
	select {
	case err := <-added:
		t.Errorf("added while gc runs: %v", err)
	default:
	}
	if err := gc.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-added; err != nil {
		t.Error(err)
	}
}

// Who waits for an action is told for whom.
func TestLockActionTellsWho(t *testing.T) {
	s := held(t)
	p := start(t, "action", s.Dir())
	said := ""
	ctx, cancel := context.WithCancel(t.Context())
	_, err := s.LockAction(ctx, HashOf([]byte("action")), "mine", func(by string) { said = by; cancel() })
	if want := fmt.Sprintf("process %d, which builds theirs", p.cmd.Process.Pid); err == nil || said != want {
		t.Errorf("got %q, %v, want %q", said, err, want)
	}
}

// Who holds the store can't remove from it: it would have the wrong lock.
func TestRemovalUnderHold(t *testing.T) {
	s := held(t)
	defer func() {
		if recover() == nil {
			t.Error("GC under Hold doesn't panic")
		}
	}()
	s.GC(t.Context(), GCOptions{})
}

func TestHoldTwice(t *testing.T) {
	s := held(t)
	hold(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("again: %v", err)
	}
	if _, err := os.Stat(s.Dir() + "/lock/store"); err != nil {
		t.Error(err)
	}
}
