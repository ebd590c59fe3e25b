package store

// Locks are the kernel's, on files that are never removed, so that they end
// with their process:
//
//   - lock/store, shared by every process that writes or relies on what it
//     reads, while it does; exclusive for gc and rm.
//   - lock/gate, shared for a moment by who comes to lock/store, exclusive for
//     who waits for that alone: or the others might never all be gone.
//   - lock/actions, a byte range per action key, exclusive while its results
//     are looked for and made.
//   - each directory in tmp, exclusive for the process that made it.
//   - each table, exclusive while lines are appended.

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"plx/internal/builder/host"
)

// lockPoll is how often a lock that another process holds is tried again: the
// kernel's own waiting could not be interrupted.
const lockPoll = 20 * time.Millisecond

// poll calls try until it no longer says that the lock is held.
func poll(ctx context.Context, waiting func(), try func() error) error {
	for first := true; ; first = false {
		err := try()
		if !isHeld(err) {
			return err
		}
		if first && waiting != nil {
			waiting()
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lockPoll):
		}
	}
}

// isHeld reports whether a lock was not to be had since another has it.
func isHeld(err error) bool { return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) }

// lockFile opens the file at path and locks it for this process alone.
func lockFile(ctx context.Context, path string, waiting func()) (*os.File, error) {
	f, err := openLock(path)
	if err != nil {
		return nil, err
	}
	err = poll(ctx, waiting, func() error { return lockAlone(f) })
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}

func openLock(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
}

func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// LockAction waits until no other build of the action is under way, here or in
// another process, and calls waiting once if it must wait, with what is known
// of who that is. The lock is held until release is called. What tells others
// what is built under it. The caller is not inside: to wait for a build, and
// keep gc waiting that it may wait for, would be to wait forever.
func (s *Store) LockAction(ctx context.Context, key Hash, what string, waiting func(by string)) (release func(), err error) {
	s.mustHold()
	if s.ReadOnly() {
		return nil, s.readOnlyError(s.hold.readOnly)
	}
	unlock, err := s.lockKey(ctx, key, func() error {
		if waiting != nil {
			waiting(s.holder(key))
		}
		return s.Release()
	})
	if err != nil {
		return nil, err
	}
	if err := s.noteAction(key, what); err != nil {
		unlock()
		return nil, err
	}
	return func() {
		s.noteAction(key, "") // it is for people: without it they are told of what has ended
		unlock()
	}, nil
}

// actionNote begins the note on who builds an action.
func actionNote(key Hash) string { return "action " + key.String() + " " }

// holder tells who builds the action, as far as that is known.
func (s *Store) holder(key Hash) string {
	ps, err := s.workers()
	if err != nil {
		return ""
	}
	by := ""
	for _, p := range ps {
		if what := p.builds(key); what != "" {
			by = "process " + p.pid() + ", which builds " + what
		}
	}
	return by
}

// lockKey locks the byte that belongs to a key, and calls waiting once if it
// must wait for that.
func (s *Store) lockKey(ctx context.Context, key Hash, waiting func() error) (release func(), err error) {
	f, err := s.keyLocks.take(s)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	lock := unix.Flock_t{
		Type:  unix.F_WRLCK,
		Start: int64(binary.BigEndian.Uint64(key.sum[:8]) >> 2),
		Len:   1,
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	look := s.looker(key)
	err = poll(ctx, func() {
		if waiting != nil {
			if err := waiting(); err != nil {
				cancel(err)
			}
		}
	}, func() error {
		err := unix.FcntlFlock(uintptr(f.fd), host.LockOpenFile, &lock)
		if isHeld(err) {
			if own := look(); own != nil {
				return own
			}
		}
		return err
	})
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock action %v: %w", key, err)
	}
	return func() {
		lock.Type = unix.F_UNLCK
		if unix.FcntlFlock(uintptr(f.fd), host.LockOpenFile, &lock) != nil {
			f.Close() // which unlocks it, too
			return
		}
		s.keyLocks.leave(f)
	}, nil
}

// keyLocks are lock/actions, opened once for each key that is locked at a time:
// a lock is that of the open file. One without a lock is used again.
type keyLocks struct {
	mu   sync.Mutex
	idle []rawFile
}

func (k *keyLocks) take(s *Store) (rawFile, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if n := len(k.idle); n > 0 {
		f := k.idle[n-1]
		k.idle = k.idle[:n-1]
		return f, nil
	}
	return openRawAs(s.dir+"/lock/actions", unix.O_RDWR|unix.O_CREAT, 0o666)
}

func (k *keyLocks) leave(f rawFile) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.idle = append(k.idle, f)
}

// close closes those that are idle.
func (k *keyLocks) close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var errs []error
	for _, f := range k.idle {
		errs = append(errs, f.Close())
	}
	k.idle = nil
	return errors.Join(errs...)
}

// lockAlone locks an open file or directory for this process, if no other has it.
func lockAlone(f *os.File) error { return flock(f, unix.LOCK_EX|unix.LOCK_NB) }
