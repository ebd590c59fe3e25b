package builder

import (
	"errors"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// This file lays a build directory over what an earlier run has left in it.
// Making an inode and removing it costs more than all else that is done to lay
// one, and where a file system doesn't soon use again what was removed, each
// that was makes the next one dearer. So a directory stays, and a file gets
// new content, if it is plain: if nothing but its mode, its times and what is
// in it tells it from a new one. What isn't is removed. No process of the
// earlier run is left. Directories that nobody has touched since they were laid
// are not looked at further (trace.go).

// makeDir makes a directory that has this mode whatever the umask, and that will
// have these names in it. If there is a plain one already, what has them stays.
func (c *copier) makeDir(dir string, mode fs.FileMode, names ...string) error {
	return c.ensureDir(dir, mode, ending{mode: mode}, names)
}

// unsealedDir is [copier.makeDir] for one that [copier.seal] gives this mode once
// all is in it.
func (c *copier) unsealedDir(dir string, mode fs.FileMode, names ...string) error {
	return c.ensureDir(dir, 0o700, ending{mode, true}, names)
}

func (c *copier) ensureDir(dir string, mode fs.FileMode, end ending, names []string) error {
	if c.isKept(dir, end, names) {
		return nil
	}
	c.begin(dir, end, names)
	if c.reuse {
		there, had, ok := openPlainDir(dir)
		if ok {
			return keep(dir, had, mode, there, names)
		}
		if err := errors.Join(c.disturb(dir), Remove(dir)); err != nil {
			return err
		}
	}
	if err := unix.Mkdir(dir, uint32(mode)); err != nil {
		return &fs.PathError{Op: "mkdir", Path: dir, Err: err}
	}
	if mode&0o077 == 0 {
		return nil // the umask has taken nothing of it
	}
	return os.Chmod(dir, mode)
}

// keep makes a directory that is there, with the mode had and these names in
// it, what makeDir is to make.
func keep(dir string, had, mode fs.FileMode, names, stay []string) error {
	change := func(to fs.FileMode) error {
		if had == to {
			return nil
		}
		had = to
		return os.Chmod(dir, to)
	}
	for _, name := range names {
		if slices.Contains(stay, name) {
			continue
		}
		if err := errors.Join(change(mode|0o700), Remove(dir+"/"+name)); err != nil {
			return err
		}
	}
	return change(mode)
}

// openPlainDir returns the names in a directory, and its mode, if it is a plain
// one.
func openPlainDir(dir string) (names []string, mode fs.FileMode, ok bool) {
	fd, err := open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, 0, false
	}
	defer unix.Close(fd)
	st, ok := plain(fd)
	if !ok {
		return nil, 0, false
	}
	buf := make([]byte, 2<<10)
	for {
		n, err := again(func() (int, error) { return unix.ReadDirent(fd, buf) })
		if err != nil || n <= 0 {
			return names, fs.FileMode(st.Mode & 0o7777), err == nil
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
}

// create opens a file to be written from its beginning. It may be longer than
// what is to be in it: then the rest is to be cut off.
func (c *copier) create(name string, mode fs.FileMode) (fd int, old int64, err error) {
	if c.reuse {
		fd, st, ok := openPlainFile(name)
		if ok {
			return fd, st.Size, nil
		}
		if err := errors.Join(c.disturb(name), Remove(name)); err != nil {
			return -1, 0, err
		}
	}
	fd, err = open(name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, uint32(mode))
	return fd, 0, err
}

// cut shortens a file that was longer, if it was.
func cut(fd int, old, size int64) error {
	if old <= size {
		return nil
	}
	return unix.Ftruncate(fd, size)
}

// reopen is how what is there is opened, whatever it is.
const reopen = unix.O_NOFOLLOW | unix.O_NONBLOCK

// openPlainFile opens a file that is there to be written, if it is a plain one.
func openPlainFile(name string) (fd int, st unix.Stat_t, ok bool) {
	fd, err := open(name, unix.O_WRONLY|reopen, 0)
	if errors.Is(err, fs.ErrPermission) && makeWritable(name) {
		fd, err = open(name, unix.O_WRONLY|reopen, 0)
	}
	if err != nil {
		return -1, st, false
	}
	if st, ok = plain(fd); !ok {
		unix.Close(fd)
	}
	return fd, st, ok
}

// makeWritable lets the owner of a plain file write to it. The mode of one that
// isn't may be that of a file elsewhere.
func makeWritable(name string) bool {
	fd, err := open(name, unix.O_RDONLY|reopen, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	_, ok := plain(fd)
	return ok && unix.Fchmod(fd, 0o600) == nil
}
