package store

// Evidence is what was seen outside of the store on the way to an answer. The
// rules are:
//
//   - A thing is noted with its stamp before it is looked at, and with a digest
//     of what was seen. A stamp counts only if it was older than
//     seenGranularity at that time (see seen.go).
//
//   - Evidence holds if everything in it has its stamp still, or its digest:
//     then the answer would come out the same.
//
//   - What was seen twice, and not the same, is no evidence of anything.

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zeebo/blake3"
	"golang.org/x/sys/unix"
)

// An aspect is what was looked at.
type aspect byte

const (
	aspectContent aspect = 'c' // of a file, through links
	aspectSource  aspect = 's' // content, and whether its owner may execute it
	aspectNames   aspect = 'n' // in a directory, with their kinds, and where links lead
	aspectKind    aspect = 'k' // directory, file, something else, or nothing, through links
	aspectReal    aspect = 'r' // where links lead at last
	aspectDir     aspect = 'd' // the names in a directory and all below it, and the stamps of the files: none was too young
	aspectTool    aspect = 't' // where a program is found; the path is its name, NUL, the search path
)

// stamped reports whether a stamp says that the aspect is the same.
func (a aspect) stamped() bool {
	return a == aspectContent || a == aspectSource || a == aspectNames
}

// A clue is one thing that was seen.
type clue struct {
	aspect aspect
	path   string
	stamp  stamp // zero: too young to tell
	digest Digest
}

// Evidence is everything that was seen. Its methods may be called on nil, and
// then note nothing.
type Evidence struct {
	mu      sync.Mutex
	clues   []clue
	renewed []int // the clues with a newer stamp than the one that was read
	index   map[clueName]int
	spoiled bool
	now     func() time.Time
}

type clueName struct {
	aspect aspect
	path   string
}

// NewEvidence returns evidence of nothing yet.
func NewEvidence() *Evidence {
	return &Evidence{index: make(map[clueName]int), now: time.Now}
}

// Witness has s note in e what it reads of files that are no part of it.
func (s *Store) Witness(e *Evidence) { s.witness = e }

// Spoil says that e is not evidence of what was done.
func (e *Evidence) Spoil() {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.spoiled = true
}

// note adds a clue. seen is the time before the stamp was taken.
func (e *Evidence) note(c clue, seen time.Time) {
	if e == nil {
		return
	}
	if !c.stamp.settled(seen, seenGranularity) {
		c.stamp = stamp{}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	name := clueName{c.aspect, c.path}
	if i, twice := e.index[name]; twice {
		e.spoiled = e.spoiled || e.clues[i].digest != c.digest
		return
	}
	e.index[name] = len(e.clues)
	e.clues = append(e.clues, c)
}

// settled reports whether what has the stamp can't change any more without
// getting another, as its clock stands still for no longer than the grain.
func (st stamp) settled(seen time.Time, grain time.Duration) bool {
	return seen.UnixNano()-max(st.mtime, st.ctime) > int64(grain)
}

// clock returns the time.
func (e *Evidence) clock() time.Time {
	if e == nil {
		return time.Time{}
	}
	return e.now()
}

// ReadFile is [os.ReadFile] for a path that is absolute.
func (e *Evidence) ReadFile(path string) ([]byte, error) {
	seen := e.clock()
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, stErr := fstatFile(f)
	var data bytes.Buffer
	data.Grow(int(st.size) + bytes.MinRead)
	if _, err := data.ReadFrom(f); err != nil {
		return nil, err
	}
	if stErr != nil { // a pipe, which says something else the next time
		e.Spoil()
	} else if e != nil {
		e.note(clue{aspectContent, path, st, DigestOf(data.Bytes())}, seen)
	}
	return data.Bytes(), nil
}

// File notes what a file contains that is about to be written, or was just now.
func (e *Evidence) File(path string, data []byte) {
	e.note(clue{aspect: aspectContent, path: path, digest: DigestOf(data)}, time.Time{})
}

// Has reports whether e is of one file, which contains the data.
func (e *Evidence) Has(data []byte) bool {
	return len(e.clues) == 1 && e.clues[0].digest == DigestOf(data)
}

// source notes a file that was taken in.
func (e *Evidence) source(path string, s sight, executable bool, seen time.Time) {
	if e != nil {
		e.note(clue{aspectSource, path, s.stamp, sourceDigest(s.digest, executable)}, seen)
	}
}

// dir notes a directory that was taken in, and what its print is.
func (e *Evidence) dir(path string, print Hash) {
	e.note(clue{aspect: aspectDir, path: path, digest: textDigest(print.String(), nil)}, time.Time{})
}

// sourceDigest tells what a file contains, and whether it is executable.
func sourceDigest(d Digest, executable bool) Digest {
	if executable {
		d.sum[0] ^= 0xff
	}
	return d
}

// ReadDir is [os.ReadDir] for a path that is absolute.
func (e *Evidence) ReadDir(path string) ([]fs.DirEntry, error) {
	if e == nil {
		return os.ReadDir(path)
	}
	seen := e.now()
	var x unix.Stat_t
	if err := unix.Stat(path, &x); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	list, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	e.note(clue{aspectNames, path, stampOf(&x), namesDigest(path, list)}, seen)
	return list, nil
}

// namesDigest tells what is in a directory, but for plx's own notes: they appear
// with the first answer.
func namesDigest(dir string, list []fs.DirEntry) Digest {
	var text []byte
	for _, d := range list {
		if isNotes(d.Name()) {
			continue
		}
		text = fmt.Appendf(text, "%s\x00%d\x00", d.Name(), d.Type())
		if d.Type() == fs.ModeSymlink {
			target, _ := os.Readlink(dir + "/" + d.Name())
			text = append(text, target...)
		}
		text = append(text, 0)
	}
	return DigestOf(text)
}

// Stat is [os.Stat] for a path that is absolute.
func (e *Evidence) Stat(path string) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	if e != nil {
		e.note(clue{aspect: aspectKind, path: path, digest: kindDigest(info, err)}, time.Time{})
	}
	return info, err
}

// kindDigest tells directories, files and the rest apart.
func kindDigest(info fs.FileInfo, err error) Digest {
	switch {
	case err != nil:
		return DigestOf([]byte("none"))
	case info.IsDir():
		return DigestOf([]byte("dir"))
	case info.Mode().IsRegular():
		return DigestOf([]byte("file"))
	default:
		return DigestOf([]byte("other"))
	}
}

// RealPath is [filepath.EvalSymlinks] for a path that is absolute.
func (e *Evidence) RealPath(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if e != nil {
		e.note(clue{aspect: aspectReal, path: path, digest: textDigest(real, err)}, time.Time{})
	}
	return real, err
}

func textDigest(text string, err error) Digest {
	if err != nil {
		return Digest{}
	}
	return DigestOf([]byte(text))
}

// Tool notes where a program was found.
func (e *Evidence) Tool(name, search, path string) {
	if e != nil {
		e.note(clue{aspect: aspectTool, path: name + "\x00" + search, digest: textDigest(path, nil)}, time.Time{})
	}
}

// Sum returns a hash of all that was seen. ok is false if it can't be believed.
func (e *Evidence) Sum() (sum Hash, ok bool) {
	if e == nil {
		return Hash{}, false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	h := blake3.New()
	sorted := slices.SortedFunc(slices.Values(e.clues), func(a, b clue) int { // some are noted at once
		return cmp.Or(cmp.Compare(a.aspect, b.aspect), cmp.Compare(a.path, b.path))
	})
	for _, c := range sorted {
		h.Write([]byte{byte(c.aspect)})
		h.WriteString(c.path)
		h.Write([]byte{0})
		h.Write(c.digest.sum[:])
	}
	copy(sum.sum[:], h.Sum(nil))
	return sum, !e.spoiled
}

// A Checker tells whether evidence holds. It looks at each thing once.
type Checker struct {
	FindTool func(name, search string) (string, error)

	now  func() time.Time // nil: time.Now
	seen map[clueName]clue
	hash hasher
}

// Holds reports whether all is as it was seen. fresh is true if stamps in e
// were brought up to date.
func (c *Checker) Holds(e *Evidence) (holds, fresh bool) {
	if e.spoiled {
		return false, false
	}
	for i := range e.clues {
		was := &e.clues[i]
		if was.stamp != (stamp{}) {
			if st, err := stampAt(was.path); err == nil && st == was.stamp {
				continue
			}
		}
		is := c.look(was.aspect, was.path)
		if is.digest != was.digest {
			return false, false
		}
		if is.stamp != was.stamp {
			was.stamp, fresh = is.stamp, true
			e.renewed = append(e.renewed, i)
		}
	}
	return true, fresh
}

// FileStamp returns a text that another content of the file would not have.
func FileStamp(path string) (string, error) {
	st, err := stampAt(path)
	return fmt.Sprint(st.size, st.mtime, st.ctime, st.device, st.inode), err
}

func stampAt(path string) (stamp, error) {
	var x unix.Stat_t
	err := unix.Stat(path, &x)
	return stampOf(&x), err
}

// look finds out how something is now. A thing that can't be seen has no
// digest that anything had.
func (c *Checker) look(a aspect, path string) clue {
	name := clueName{a, path}
	if is, known := c.seen[name]; known {
		return is
	}
	is := clue{aspect: a, path: path}
	seen := c.clock()
	var err error
	switch a {
	case aspectContent, aspectSource:
		is.stamp, is.digest, err = c.file(a, path)
	case aspectNames:
		if is.stamp, err = stampAt(path); err == nil {
			var list []fs.DirEntry
			list, err = os.ReadDir(path)
			is.digest = namesDigest(path, list)
		}
	case aspectKind:
		is.digest = kindDigest(os.Stat(path))
	case aspectReal:
		is.digest = textDigest(filepath.EvalSymlinks(path))
	case aspectDir:
		print, _, err := walkDir(context.Background(), path)
		is.digest = textDigest(print.String(), err)
	case aspectTool:
		tool, search, _ := strings.Cut(path, "\x00")
		is.digest = textDigest(c.FindTool(tool, search))
	}
	if err != nil {
		is.digest = Digest{}
	}
	if !is.stamp.settled(seen, seenGranularity) {
		is.stamp = stamp{}
	}
	if c.seen == nil {
		c.seen = make(map[clueName]clue)
	}
	c.seen[name] = is
	return is
}

func (c *Checker) clock() time.Time {
	if c.now == nil {
		return time.Now()
	}
	return c.now()
}

// file reads a regular file.
func (c *Checker) file(a aspect, path string) (st stamp, d Digest, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // a FIFO would be waited for
	if err != nil {
		return st, d, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return st, d, err
	}
	if st, err = fstatFile(f); err != nil {
		return st, d, err
	}
	read, err := c.hash.copy(context.Background(), io.Discard, f)
	if err == nil && read.bytes != st.size {
		err = errors.New("it changes")
	}
	d = read.digest
	if a == aspectSource {
		d = sourceDigest(d, info.Mode()&0o100 != 0)
	}
	return st, d, err
}
