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
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// seenGranularity is the longest time that the clock of a file system stands
// still: 2 s for FAT, 1 s for HFS+ and some servers, some ms for others.
const seenGranularity = 2 * time.Second

// seenFormat marks a file of remembered digests and its version.
const seenFormat = "plx files 1"

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

// A seen is what is remembered of files, by their paths.
type seen struct {
	path string // where it is kept

	mu      sync.Mutex
	files   map[string]sight
	looked  map[string]bool // these are as they were
	changed bool
	now     func() time.Time
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
		c.files, err = parseSeen(data)
	}
	if err != nil {
		c.files, c.changed = make(map[string]sight), !errors.Is(err, fs.ErrNotExist)
	}
	return c
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
	for path, old := range c.files { // those of other targets stay, those that are gone don't
		if _, st, err := statFile(path); !c.looked[path] && (err != nil || st != old.stamp) {
			delete(c.files, path)
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
	have, ok := c.files[path]
	if !ok || have.stamp != st {
		return sight{}, false
	}
	c.looked[path] = true
	return have, true
}

// add remembers what was seen in a file that was opened at the time.
func (c *seen) add(path string, s sight, opened time.Time) {
	if c == nil || opened.UnixNano()-max(s.mtime, s.ctime) <= int64(seenGranularity) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.files[path], c.looked[path], c.changed = s, true, true
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

// text returns a line with the format and the hash of the rest; then a line
// for each file.
func (c *seen) text() []byte {
	var b bytes.Buffer
	for _, path := range slices.Sorted(maps.Keys(c.files)) {
		s := c.files[path]
		sha256 := s.sha256
		if sha256 == "" {
			sha256 = "-"
		}
		fmt.Fprintf(&b, "%v %s %d %d %d %d %d %s\n", s.digest, sha256, s.size, s.mtime, s.ctime, s.device, s.inode, escapePath(path))
	}
	return append([]byte(seenFormat+" "+HashOf(b.Bytes()).String()+"\n"), b.Bytes()...)
}

// parseSeen reads what [seen.text] writes.
func parseSeen(data []byte) (map[string]sight, error) {
	head, rest, _ := strings.Cut(string(data), "\n")
	if head != seenFormat+" "+HashOf([]byte(rest)).String() {
		return nil, errors.New("damaged, or of another version")
	}
	files := make(map[string]sight, strings.Count(rest, "\n"))
	for line := range strings.Lines(rest) {
		path, s, err := parseSight(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, err
		}
		files[path] = s
	}
	return files, nil
}

func parseSight(line string) (path string, s sight, err error) {
	f := strings.SplitN(line, " ", 8)
	if len(f) != 8 {
		return "", s, fmt.Errorf("%q: want 8 fields", line)
	}
	var errs [6]error
	s.digest, errs[0] = ParseDigest(f[0])
	if f[1] != "-" {
		s.sha256 = f[1]
	}
	s.size, errs[1] = strconv.ParseInt(f[2], 10, 64)
	s.mtime, errs[2] = strconv.ParseInt(f[3], 10, 64)
	s.ctime, errs[3] = strconv.ParseInt(f[4], 10, 64)
	s.device, errs[4] = strconv.ParseUint(f[5], 10, 64)
	s.inode, errs[5] = strconv.ParseUint(f[6], 10, 64)
	return pathUnescapes.Replace(f[7]), s, errors.Join(errs[:]...)
}
