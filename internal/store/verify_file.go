package store

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// entry looks at a file or symlink in the directory.
func (t *treeLook) entry(dir int, e Entry, h *hasher) {
	name := e.Path[strings.LastIndexByte(e.Path, '/')+1:]
	if e.Kind == KindSymlink || t.quick {
		var st unix.Stat_t
		if err := retry(func() error { return unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) }); err != nil {
			t.cannot(e.Path, err)
			return
		}
		if e.Kind == KindSymlink {
			t.symlink(dir, name, e, &st, h)
		} else {
			t.file(e, &st)
		}
		return
	}
	var fd int
	err := retry(func() (err error) {
		fd, err = unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		t.cannot(e.Path, err)
		return
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := retry(func() error { return unix.Fstat(fd, &st) }); err != nil {
		t.cannot(e.Path, err)
		return
	}
	if t.file(e, &st) {
		t.content(fd, e, h)
	}
}

func (t *treeLook) symlink(dir int, name string, e Entry, st *unix.Stat_t, h *hasher) {
	var n int
	err := retry(func() (err error) {
		n, err = unix.Readlinkat(dir, name, h.buf)
		return err
	})
	if err != nil {
		t.cannot(e.Path, err)
		return
	}
	if target := string(h.buf[:n]); target != e.Target {
		t.tell(e.Path, DamageContent, "leads to %q, and not to %q", target, e.Target)
	}
	t.time(e.Path, st)
}

// file looks at a file without reading it, and reports whether that tells
// nothing about its content.
func (t *treeLook) file(e Entry, st *unix.Stat_t) bool {
	if st.Mode&unix.S_IFMT != unix.S_IFREG { // it was a moment ago
		t.tell(e.Path, DamageType, "is no %v", e.Kind)
		return false
	}
	mode := uint32(0o444)
	if e.Kind == KindExecutable {
		mode = 0o555
	}
	t.attributes(e.Path, st, mode)
	if st.Nlink > 1 {
		t.tell(e.Path, DamageShared, "has %d names: what changes another changes it", st.Nlink)
	}
	if st.Size != e.Size {
		t.tell(e.Path, DamageContent, "has size %d, and not %d", st.Size, e.Size)
		return false
	}
	return true
}

func (t *treeLook) attributes(path string, st *unix.Stat_t, mode uint32) {
	if have := uint32(st.Mode) & 0o7777; have != mode {
		t.tell(path, DamageMode, "has mode %04o, and not %04o", have, mode)
	}
	t.time(path, st)
}

func (t *treeLook) time(path string, st *unix.Stat_t) {
	if have := time.Unix(st.Mtim.Unix()); !have.Equal(time.Unix(frozenTime, 0)) {
		t.tell(path, DamageTime, "has the time %s, and not the start of 1980", have.UTC().Format(time.RFC3339Nano))
	}
}

// content reads a file.
func (t *treeLook) content(fd int, e Entry, h *hasher) {
	f, err := h.copy(t.ctx, io.Discard, io.LimitReader(rawFile{fd, e.Path}, e.Size))
	switch {
	case t.ctx.Err() != nil:
	case err != nil:
		t.cannot(e.Path, err)
	case f.digest != e.Digest:
		t.tell(e.Path, DamageContent, "holds something else, of the same size")
	}
}

// cannot takes note of what looking at a file gave.
func (t *treeLook) cannot(path string, err error) {
	if errors.Is(err, fs.ErrNotExist) { // it was there a moment ago
		t.tell(path, DamageMissing, "is lost")
		return
	}
	t.unreadable(Damage{Path: t.host(path), Tree: t.tree}, err)
}
