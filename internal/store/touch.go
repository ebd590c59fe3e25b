package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// touchEvery is how exactly the time of last use is known: to note it more
// often would make every run that finds nothing to do write to the disk.
const touchEvery = time.Hour

// Touch notes that a realization is used. In a store that can't be written to
// it does nothing.
func (s *Store) Touch(ref RRef) error {
	path := s.OutPath(ref)
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // somebody removed the link; the realization is there without it
	}
	if err != nil {
		return fmt.Errorf("%v: %w", ref, err)
	}
	if time.Since(info.ModTime()) < touchEvery {
		return nil
	}
	now := unix.NsecToTimespec(time.Now().UnixNano())
	err = unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{now, now}, unix.AT_SYMLINK_NOFOLLOW)
	if err == nil || errors.Is(err, unix.EROFS) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		return nil
	}
	return fmt.Errorf("%v: %w", ref, err)
}
