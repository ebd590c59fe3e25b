// Package watch owns telling when files change: it watches the directories that
// they are in, for editors replace files, and new ones may match a glob.
package watch

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// quietTime is for how long nothing must change before a change is told: what
// changes many files, as git checkout does, is one.
const quietTime = 200 * time.Millisecond

// pollTime is how often changes are told of, whether there are any or not,
// where the system doesn't tell of them: over a network, or when it watches for
// others as much as it can.
const pollTime = 2 * time.Second

// A Watcher waits for changes.
type Watcher struct {
	notify  *fsnotify.Watcher // nil: the system doesn't tell
	watched map[string]bool   // directories
	Lost    error             // why not all is watched; nil: all is
}

// New returns a watcher that watches nothing yet.
func New() *Watcher {
	w := &Watcher{watched: make(map[string]bool)}
	w.notify, w.Lost = fsnotify.NewWatcher()
	return w
}

// Close ends it.
func (w *Watcher) Close() error {
	if w.notify == nil {
		return nil
	}
	return w.notify.Close()
}

// Watch watches the paths besides those that it watches: of a file the
// directory that it is in, and of a directory all that is below it, if deep says
// so. What is not there is passed over.
func (w *Watcher) Watch(paths []string, deep func(path string) bool) {
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case err != nil || !info.IsDir():
			w.add(filepath.Dir(path))
		case deep(path):
			w.addBelow(path)
		default:
			w.add(path)
		}
	}
}

func (w *Watcher) addBelow(top string) {
	filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			w.add(path)
		}
		return nil
	})
}

func (w *Watcher) add(dir string) {
	if w.notify == nil || w.watched[dir] {
		return
	}
	err := w.notify.Add(dir)
	switch {
	case err == nil:
		w.watched[dir] = true
	case !errors.Is(err, fs.ErrNotExist) && w.Lost == nil:
		w.Lost = err
	}
}

// Wait returns when something has changed, and nothing has for a moment. A
// directory that is made is told of, and that is when to watch it.
func (w *Watcher) Wait(ctx context.Context) error {
	poll := make(<-chan time.Time)
	if w.Lost != nil {
		poll = time.After(pollTime)
	}
	var quiet <-chan time.Time
	events, errs := w.channels()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case e := <-events:
			if e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename) {
				delete(w.watched, e.Name) // another directory may take its place
			}
			quiet = time.After(quietTime)
		case <-errs: // more has changed than could be told
			quiet = time.After(quietTime)
		case <-quiet:
			return nil
		case <-poll:
			return nil
		}
	}
}

func (w *Watcher) channels() (chan fsnotify.Event, chan error) {
	if w.notify == nil {
		return nil, nil
	}
	return w.notify.Events, w.notify.Errors
}
