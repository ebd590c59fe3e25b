package builder

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Remove removes a build directory and all that is in it, whatever modes the
// command left, as far as files are this user's. It follows no symlink. What
// isn't there is removed already.
func Remove(dir string) error {
	r := remover{top: unix.AT_FDCWD}
	if err := r.remove(unix.AT_FDCWD, dir, 0); err != nil {
		return fmt.Errorf("remove %s: %w", dir, err)
	}
	return nil
}

// maxOpen is how many directories are open at once, each in the one before.
// What lies deeper is moved up, so that no depth uses up all descriptors.
const maxOpen = 64

// A remover removes one tree. Names are looked up in open directories, so that
// none is too long.
type remover struct {
	top   int // the topmost directory, open
	moved int // how many have been moved into it
}

// remove removes what has the name in the directory parent.
func (r *remover) remove(parent int, name string, depth int) error {
	err := unlink(parent, name)
	if err != errNotEmpty {
		return err
	}
	if depth == maxOpen {
		return r.lift(parent, name)
	}
	dir, err := openToClear(parent, name)
	if err != nil {
		return err
	}
	defer dir.Close()
	if depth == 0 {
		r.top = int(dir.Fd())
	}
	// More than one pass is needed for what was moved up, and where a file
	// system passes over names when others go meanwhile.
	for err = errNotEmpty; err == errNotEmpty; err = unlink(parent, name) {
		if err := r.clear(dir, depth); err != nil {
			return err
		}
	}
	return err
}

// clear removes what is in the directory.
func (r *remover) clear(dir *os.File, depth int) error {
	if _, err := dir.Seek(0, io.SeekStart); err != nil {
		return err
	}
	for {
		names, err := dir.Readdirnames(1000)
		if len(names) == 0 && errors.Is(err, io.EOF) {
			return nil
		}
		if len(names) == 0 && err != nil {
			return err
		}
		for _, name := range names {
			if err := r.remove(int(dir.Fd()), name, depth+1); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
}

// lift moves a directory into the topmost one, under a name that is free.
func (r *remover) lift(parent int, name string) error {
	dir, err := openToClear(parent, name) // to be moved, it must be writable
	if err != nil {
		return err
	}
	defer dir.Close()
	for {
		r.moved++
		err := unix.Renameat(parent, name, r.top, ".lifted-"+strconv.Itoa(r.moved))
		switch err {
		case unix.EEXIST, unix.ENOTEMPTY, unix.ENOTDIR, unix.EINTR:
			continue
		}
		return err
	}
}

var errNotEmpty = errors.New("directory not empty")

// unlink removes a file, a symlink or an empty directory. For one that isn't
// empty it returns errNotEmpty.
func unlink(parent int, name string) error {
	err := unlinkat(parent, name, 0)
	if err == nil || err == unix.ENOENT {
		return nil
	}
	switch asDir := unlinkat(parent, name, unix.AT_REMOVEDIR); asDir {
	case unix.ENOTEMPTY, unix.EEXIST:
		return errNotEmpty
	case unix.ENOTDIR:
		return err
	default:
		return asDir
	}
}

func unlinkat(parent int, name string, flags int) error {
	for {
		if err := unix.Unlinkat(parent, name, flags); err != unix.EINTR {
			return err
		}
	}
}

// openToClear opens a directory and gives its owner all rights to it.
func openToClear(parent int, name string) (*os.File, error) {
	fd, err := openDir(parent, name)
	if err == unix.EACCES {
		makeReadable(parent, name)
		fd, err = openDir(parent, name)
	}
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err == nil && st.Mode&0o700 != 0o700 {
		unix.Fchmod(fd, 0o700) // if it can't be, that shows when a name is removed
	}
	return os.NewFile(uintptr(fd), name), nil
}

func openDir(parent int, name string) (int, error) {
	return again(func() (int, error) {
		return unix.Openat(parent, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
}

// makeReadable is for a directory that can't be opened. Linux before 6.6 can't
// be told not to follow a symlink, but name was a directory just now, and no
// process of the command is left to change that.
func makeReadable(parent int, name string) {
	if unix.Fchmodat(parent, name, 0o700, unix.AT_SYMLINK_NOFOLLOW) != nil {
		unix.Fchmodat(parent, name, 0o700, 0)
	}
}
