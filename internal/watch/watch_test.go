package watch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// patience is how long a change may take to be told: far longer than it does.
const patience = time.Minute

// told reports whether a change is told of.
func told(t *testing.T, w *Watcher, change func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := change(); err != nil {
		t.Fatal(err)
	}
	if err := w.Wait(ctx); err != nil {
		t.Error(err)
	}
}

func write(path string) func() error {
	return func() error { return os.WriteFile(path, []byte("text"), 0o666) }
}

func shallow(string) bool { return false }
func deep(string) bool    { return true }

func newWatcher(t *testing.T) *Watcher {
	t.Helper()
	w := New()
	t.Cleanup(func() { w.Close() })
	if w.Lost != nil {
		t.Skip(w.Lost)
	}
	return w
}

// A file is watched through what becomes of its directory: it may be written,
// replaced, removed and made again.
func TestWatchFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "stage.toml")
	w := newWatcher(t)
	w.Watch([]string{path}, shallow)
	told(t, w, write(path))
	told(t, w, write(path))
	told(t, w, func() error {
		if err := write(path + "~")(); err != nil {
			return err
		}
		return os.Rename(path+"~", path)
	})
	told(t, w, func() error { return os.Remove(path) })
	told(t, w, write(path))
}

// Below a directory that is watched deep, all is; one that is made later is told
// of, and watched when it is asked for again.
func TestWatchBelow(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "a/b"), 0o777); err != nil {
		t.Fatal(err)
	}
	w := newWatcher(t)
	w.Watch([]string{dir}, deep)
	told(t, w, write(filepath.Join(dir, "a/b/file")))
	told(t, w, func() error { return os.Mkdir(filepath.Join(dir, "a/new"), 0o777) })
	w.Watch([]string{dir}, deep)
	told(t, w, write(filepath.Join(dir, "a/new/file")))
}

// A directory that takes the place of a watched one is watched, when it is asked
// for again.
func TestWatchReplaced(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lib")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	w := newWatcher(t)
	w.Watch([]string{filepath.Join(dir, "x"), filepath.Dir(dir)}, shallow)
	told(t, w, func() error {
		if err := os.Rename(dir, dir+".old"); err != nil {
			return err
		}
		return os.Mkdir(dir, 0o777)
	})
	w.Watch([]string{filepath.Join(dir, "x")}, shallow)
	told(t, w, write(filepath.Join(dir, "x")))
}

func TestWaitEnds(t *testing.T) {
	w := newWatcher(t)
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if err := w.Wait(ctx); !errors.Is(err, why) {
		t.Errorf("got %v, want %v", err, why)
	}
}

// What the system does not tell of is looked at now and then.
func TestWaitPolls(t *testing.T) {
	w := &Watcher{watched: make(map[string]bool), Lost: errors.New("there is no inotify")}
	w.Watch([]string{t.TempDir()}, deep)
	told(t, w, func() error { return nil })
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}
