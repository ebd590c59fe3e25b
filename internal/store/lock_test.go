package store

import (
	"context"
	"errors"
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
	if n > 1 || (n == 1) != (err != nil) {
		t.Errorf("waiting was called %d times, and the error is %v", n, err)
	}
	return err != nil
}

func lockable(t *testing.T, s *Store, key Hash) bool {
	t.Helper()
	return !waits(t, func(ctx context.Context, waiting func()) error {
		release, err := s.LockAction(ctx, key, waiting)
		if err == nil {
			release()
		}
		return err
	})
}

func TestLockAction(t *testing.T) {
	s := held(t)
	key, other := HashOf([]byte("action")), HashOf([]byte("other"))
	release, err := s.LockAction(t.Context(), key, nil)
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
			release, err := s.LockAction(t.Context(), key, nil)
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
