package builder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// modes are those of what is laid.
type modes struct{ file, executable, dir fs.FileMode }

// The command may change what is ours to give away, and not what is theirs who
// made it.
var (
	ours   = modes{0o644, 0o755, 0o755}
	theirs = modes{0o444, 0o555, 0o555}
)

const (
	// smallFile is the size in bytes up to which a file is copied by one read
	// and one write: asking the file system to share so little costs more.
	smallFile = 64 << 10

	// stride is how many bytes are copied before the context is looked at
	// again: a fraction of a second's work for a disk.
	stride = 16 << 20
)

// A copier copies trees. Of a file's metadata it keeps the executable bit, and
// what it makes has the time [epoch]: a command that looks at times, as make
// and tar do, sees the same ones everywhere.
type copier struct {
	ctx   context.Context
	reuse bool // what is to be made may be there already, left by an earlier run
	buf   []byte

	traces *Traces          // what an earlier run has laid; nil: that is not known
	kept   map[string]bool  // the directories that are still so
	laid   map[string]trace // those that are laid
}

// dir copies the directory src, which may be a link to one, to dst, which
// doesn't exist but for what an earlier run has left.
func (c *copier) dir(dst, src string, m modes) error {
	entries, err := os.ReadDir(src)
	if err != nil {
		return err
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	if err := c.unsealedDir(dst, m.dir, names...); err != nil {
		return err
	}
	for _, entry := range entries {
		name := "/" + entry.Name()
		if err := c.entry(dst+name, src+name, entry.Type(), m); err != nil {
			return err
		}
	}
	return c.seal(dst, m.dir)
}

// seal gives a directory its mode and its time once all is in it.
func (c *copier) seal(dir string, mode fs.FileMode) error {
	if c.kept[dir] {
		return nil
	}
	if err := os.Chmod(dir, mode); err != nil {
		return err
	}
	return stamp(dir)
}

// stamp gives a file, or a symlink itself, its time.
func stamp(name string) error {
	t := unix.Timespec{Sec: epoch}
	err := unix.UtimesNanoAt(unix.AT_FDCWD, name, []unix.Timespec{t, t}, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return &fs.PathError{Op: "utimensat", Path: name, Err: err}
	}
	return nil
}

// entry copies what lies at src, and is of the kind, to dst.
func (c *copier) entry(dst, src string, kind fs.FileMode, m modes) error {
	if c.ctx.Err() != nil {
		return interrupted(c.ctx)
	}
	switch kind {
	case fs.ModeDir:
		return c.dir(dst, src, m)
	case fs.ModeSymlink:
		if err := c.link(dst, src); err != nil {
			return err
		}
	case 0:
		if err := c.file(dst, src, m); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%s: it is neither a file nor a directory nor a symlink", src)
	}
	return stamp(dst)
}

func (c *copier) link(dst, src string) error {
	target, err := os.Readlink(src)
	if err != nil {
		return err
	}
	if c.reuse {
		if err := errors.Join(c.disturb(dst), Remove(dst)); err != nil {
			return err
		}
	}
	return os.Symlink(target, dst)
}

// parts copies of src what lies at the paths or below them, read-only, with
// the directories that lead there.
func (c *copier) parts(dst, src string, paths []string) error {
	top := topmost(paths)
	if slices.Contains(top, ".") {
		return c.dir(dst, src, theirs)
	}
	dirs := append([]string{""}, parents(slices.Values(top))...)
	for _, dir := range dirs {
		if err := c.unsealedDir(filepath.Join(dst, dir), theirs.dir, namesIn(dir, dirs, top)...); err != nil {
			return err
		}
	}
	for _, p := range top {
		info, err := os.Lstat(filepath.Join(src, p))
		if err != nil {
			return err
		}
		err = c.entry(filepath.Join(dst, p), filepath.Join(src, p), info.Mode().Type(), theirs)
		if err != nil {
			return err
		}
	}
	for _, dir := range slices.Backward(dirs) {
		if err := c.seal(filepath.Join(dst, dir), theirs.dir); err != nil {
			return err
		}
	}
	return nil
}

// namesIn returns the names of those paths that lie in the directory.
func namesIn(dir string, paths ...[]string) []string {
	if dir == "" {
		dir = "."
	}
	var names []string
	for _, p := range slices.Concat(paths...) {
		if p != "" && path.Dir(p) == dir {
			names = append(names, path.Base(p))
		}
	}
	return names
}

// file copies a regular file. It works on bare descriptors: an [os.File] costs
// up to five more system calls, which for a small file is as many again.
func (c *copier) file(dst, src string, m modes) error {
	in, err := open(src, unix.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer unix.Close(in)
	var st unix.Stat_t
	if err := unix.Fstat(in, &st); err != nil {
		return &fs.PathError{Op: "stat", Path: src, Err: err}
	}
	mode := m.file
	if st.Mode&0o100 != 0 {
		mode = m.executable
	}
	out, old, err := c.create(dst, mode)
	if err != nil {
		return err
	}
	err = c.content(out, in, st.Size)
	if err == nil {
		err = cut(out, old, st.Size)
	}
	if err == nil {
		err = unix.Fchmod(out, uint32(mode)) // the umask may have taken some of it
	}
	if closed := unix.Close(out); err == nil {
		err = closed
	}
	if err != nil && c.ctx.Err() == nil {
		return fmt.Errorf("copy %s to %s: %w", src, dst, err)
	}
	return err
}

func open(name string, flags int, mode uint32) (int, error) {
	fd, err := again(func() (int, error) { return unix.Open(name, flags|unix.O_CLOEXEC, mode) })
	if err != nil {
		return -1, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return fd, nil
}

// content copies size bytes, which must be all that in has.
func (c *copier) content(out, in int, size int64) error {
	if size > smallFile && share(out, in) {
		return nil
	}
	inKernel := size > smallFile
	for left := size; left > 0; {
		if c.ctx.Err() != nil {
			return interrupted(c.ctx)
		}
		n := 0
		if inKernel {
			n = transfer(out, in, int(min(left, stride)))
			inKernel = n > 0
		}
		if n == 0 {
			var err error
			if n, err = c.pass(out, in, left); err != nil {
				return err
			}
		}
		left -= int64(n)
	}
	return nil
}

// pass copies up to size bytes through memory, at least one.
func (c *copier) pass(out, in int, size int64) (int, error) {
	size = min(size, smallFile)
	if int64(len(c.buf)) < size {
		c.buf = make([]byte, size) // most are smaller by far, and many a copier copies one
	}
	n, err := again(func() (int, error) { return unix.Read(in, c.buf[:size]) })
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	return n, writeAll(out, c.buf[:n])
}

func writeAll(out int, data []byte) error {
	for len(data) > 0 {
		n, err := again(func() (int, error) { return unix.Write(out, data) })
		if err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// again calls f until no signal interrupts it.
func again(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if err != unix.EINTR {
			return n, err
		}
	}
}
