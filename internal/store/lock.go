package store

// Locks are the kernel's, on files that are never removed, so that they end
// with their process:
//
//   - lock/store, shared by every process that adds objects, exclusive for gc.
//   - lock/actions, a byte range per action key, exclusive while its results
//     are looked for and made.
//   - each directory in tmp, exclusive for the process that made it.

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lockPoll is how often a lock that another process holds is tried again: the
// kernel's own waiting could not be interrupted.
const lockPoll = 20 * time.Millisecond

// poll calls try until it no longer says that the lock is held.
func poll(ctx context.Context, waiting func(), try func() error) error {
	for first := true; ; first = false {
		err := try()
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EACCES) {
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

// lockFile opens the file or directory at path and locks it.
func lockFile(ctx context.Context, path string, exclusive bool, waiting func()) (*os.File, error) {
	f, err := openLock(path)
	if err != nil {
		return nil, err
	}
	how := unix.LOCK_SH
	if exclusive {
		how = unix.LOCK_EX
	}
	err = poll(ctx, waiting, func() error { return flock(f, how|unix.LOCK_NB) })
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
// another process, and calls waiting once if it must wait. The lock is held
// until release is called.
func (s *Store) LockAction(ctx context.Context, key Hash, waiting func()) (release func(), err error) {
	s.mustHold()
	f, err := openLock(s.join("lock", "actions"))
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	lock := unix.Flock_t{
		Type:  unix.F_WRLCK,
		Start: int64(binary.BigEndian.Uint64(key.sum[:8]) >> 2),
		Len:   1,
	}
	err = poll(ctx, waiting, func() error { return unix.FcntlFlock(f.Fd(), ofdSetLock, &lock) })
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock action %v: %w", key, err)
	}
	return func() { f.Close() }, nil
}

// lockDir locks an open directory for this process, if no other has it.
func lockDir(f *os.File) error { return flock(f, unix.LOCK_EX|unix.LOCK_NB) }
