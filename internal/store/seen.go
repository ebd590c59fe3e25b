package store

// This file remembers what was read of files of a project, so that those that
// have not changed are not read again. The rules are:
//
//   - What is remembered is a cache: without it, or with a damaged one, all is
//     the same but for the time that it takes.
//
//   - A file is the one that was read if its path, size, mtime, ctime, inode
//     and device are. The ctime is what a program can't set back.
//
//   - A file is remembered only if its mtime and ctime are older than
//     seenGranularity at the time when it was opened to be read. A younger one
//     could change afterwards without another time, since the clock of its file
//     system stands still for so long; it is read again the next time.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// seenGranularity is the longest time that the clock of a file system stands
// still: 2 s for FAT, 1 s for HFS+ and some servers, some ms for others.
const seenGranularity = 2 * time.Second

// A stamp tells whether a file is the one that was read.
type stamp struct {
	size         int64
	mtime, ctime int64 // in ns since 1970
	device       uint64
	inode        uint64
}

// A sight is what was seen in a file.
type sight struct {
	stamp
	digest Digest
	sha256 string // in hex; empty: it was not asked for
}

// young reports whether the file could have changed after it was opened at the
// time, and look the same.
func (st stamp) young(opened time.Time) bool {
	return opened.UnixNano()-max(st.mtime, st.ctime) <= int64(seenGranularity)
}

// A treeSight is what was seen in a directory that was taken in.
type treeSight struct {
	print Hash // of the names and stamps of all files in it
	tree  Hash
}

// A seen is what is remembered of files, by their paths.
type seen struct {
	path string // where it is kept
	now  func() time.Time

	mu      sync.Mutex
	trees   map[string]treeSight
	unread  string // what files are, before anybody asks
	files   map[string]sight
	looked  map[string]bool // these are as they were
	changed bool
}

// RememberFiles has s use what the file at the path remembers of files that
// were read before, and add to it what s reads from now on; it is written by
// [Store.KeepRemembered]. Without it, every file is read each time.
func (s *Store) RememberFiles(path string) {
	s.seen = openSeen(path)
}

// openSeen reads what is kept at the path.
func openSeen(path string) *seen {
	c := &seen{path: path, looked: make(map[string]bool), now: time.Now}
	data, err := os.ReadFile(path)
	if err == nil {
		c.trees, c.unread, err = parseSeen(string(data))
	}
	if err != nil {
		c.trees, c.changed = make(map[string]treeSight), !errors.Is(err, fs.ErrNotExist)
	}
	return c
}

// read reads what files are, the first time.
func (c *seen) read() {
	switch {
	case c.files != nil:
		return
	case c.unread == "":
		c.files = make(map[string]sight)
		return
	}
	files, err := parseSights(c.unread)
	if c.files, c.unread = files, ""; err != nil {
		c.files, c.changed = make(map[string]sight), true
	}
}

// KeepRemembered writes what [Store.RememberFiles] asked for, if there is
// anything new. The directory must exist.
func (s *Store) KeepRemembered() error {
	if s.seen == nil {
		return nil
	}
	if err := s.seen.keep(); err != nil {
		return fmt.Errorf("remember files: %w", err)
	}
	return nil
}

func (c *seen) keep() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.changed {
		return nil
	}
	c.read()
	for path, old := range c.files { // those of other targets stay, those that are gone don't
		if _, st, err := statFile(path); !c.looked[path] && (err != nil || st != old.stamp) {
			delete(c.files, path)
		}
	}
	for path := range c.trees {
		if _, err := os.Lstat(path); err != nil {
			delete(c.trees, path)
		}
	}
	tmp, err := os.CreateTemp(filepath.Dir(c.path), ".files-")
	if err != nil {
		return err
	}
	_, err = tmp.Write(c.text())
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), c.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	c.changed = false
	return nil
}

// find returns what was seen in the file if it is the same still.
func (c *seen) find(path string, st stamp) (sight, bool) {
	if c == nil {
		return sight{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read()
	have, ok := c.files[path]
	if !ok || have.stamp != st {
		return sight{}, false
	}
	c.looked[path] = true
	return have, true
}

// add remembers what was seen in a file that was opened at the time.
func (c *seen) add(path string, s sight, opened time.Time) {
	if c == nil || s.young(opened) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read()
	c.files[path], c.looked[path], c.changed = s, true, true
}

// tree returns what a directory was when all in it was as the print tells.
func (c *seen) tree(path string, print Hash) (Hash, bool) {
	if c == nil {
		return Hash{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	have, ok := c.trees[path]
	return have.tree, ok && have.print == print
}

// addTree remembers what a directory is.
func (c *seen) addTree(path string, s treeSight) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trees[path] != s {
		c.trees[path], c.changed = s, true
	}
}

// clock returns the time.
func (c *seen) clock() time.Time {
	if c == nil {
		return time.Time{}
	}
	return c.now()
}

// statFile looks at a regular file, through links.
func statFile(path string) (executable bool, st stamp, err error) {
	var x unix.Stat_t
	for {
		if err := unix.Stat(path, &x); err == nil {
			break
		} else if !errors.Is(err, unix.EINTR) {
			return false, st, &fs.PathError{Op: "stat", Path: path, Err: err}
		}
	}
	if x.Mode&unix.S_IFMT != unix.S_IFREG {
		return false, st, fmt.Errorf("%s: not a regular file", path)
	}
	return x.Mode&unix.S_IXUSR != 0, stampOf(&x), nil
}

// fstatFile is statFile for an open file.
func fstatFile(f *os.File) (st stamp, err error) {
	var x unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &x); err != nil {
		return st, &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	if x.Mode&unix.S_IFMT != unix.S_IFREG {
		return st, fmt.Errorf("%s: not a regular file", f.Name())
	}
	return stampOf(&x), nil
}

func stampOf(x *unix.Stat_t) stamp {
	return stamp{x.Size, x.Mtim.Nano(), x.Ctim.Nano(), uint64(x.Dev), x.Ino}
}
