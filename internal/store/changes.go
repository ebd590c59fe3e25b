package store

// What was worked out once need not be worked out again as long as the store
// says the same. The file changes tells whether it does: whoever changes what
// answers are made from says so there first. The rules are:
//
//   - A writer locks the file, shared, appends a line with the hashes that its
//     change is about, makes the change, and unlocks.
//
//   - Who wants to keep an answer takes the lock alone, without waiting, before
//     it looks at anything, and again at the end. Both times no writer is on its
//     way; what was written in between, the lines in between tell. An answer is
//     kept with the place of the end.
//
//   - Who finds an answer reads the lines since that place, without a lock. If
//     none is about what the answer is made from, it holds.
//
//   - A line that a killed process left without its change costs time, and
//     nothing else. So does a damaged one: it is about everything. After the
//     machine went down nothing that was kept before is believed.
//
// changes_test.go and docs/design/answers.md say why this suffices.

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"plx/internal/builder/host"
)

const (
	changesFormat = "plx changes 1 "
	changesHead   = len(changesFormat) + 26 + 1 // with the text that tells one file from others, and a newline

	// everything stands for all hashes.
	everything = "*"

	// changesTail is how much before a place tells that the file is the same:
	// the last line, or most of it.
	changesTail = 64

	// maxNews is how many bytes of lines are read to save an answer: above
	// that it is likely, and about as quick, that all is worked out again.
	maxNews = 8 << 20

	// maxChanges is the size from which on gc begins a new file.
	maxChanges = 4 << 20
)

// A recorder tells of changes.
type recorder struct {
	mu     sync.Mutex
	file   *os.File // changes; locked while inside
	self   string   // begins each line of this process
	inside int
}

func (s *Store) changesPath() string { return s.join("changes") }

// changing says that what the hashes are about is to change; none stand for
// everything. done is to be called when it has changed, or will not.
func (s *Store) changing(about ...Hash) (done func(), err error) {
	c := &s.changes
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := s.enterChanges(); err != nil {
		return nil, fmt.Errorf("store %s: changes: %w", s.dir, err)
	}
	line := c.self + "\t"
	for i, h := range about {
		if i > 0 {
			line += " "
		}
		line += h.String()
	}
	if len(about) == 0 {
		line += everything
	}
	if _, err := c.file.WriteString(line + "\n"); err != nil {
		c.leave()
		return nil, fmt.Errorf("store %s: changes: %w", s.dir, err)
	}
	return sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.leave()
	}), nil
}

// enterChanges takes the lock, shared, on the file that is in its place.
func (s *Store) enterChanges() error {
	c := &s.changes
	if c.inside > 0 {
		c.inside++
		return nil
	}
	if c.self == "" {
		c.self = rand.Text()
	}
	for {
		if c.file == nil {
			var err error
			if c.file, err = s.openChanges(); err != nil {
				return err
			}
		}
		if err := flock(c.file, unix.LOCK_SH); err != nil {
			return err
		}
		if isLinked(c.file) {
			c.inside = 1
			return nil
		}
		c.file.Close() // another is in its place by now
		c.file = nil
	}
}

func (c *recorder) leave() {
	if c.inside--; c.inside == 0 {
		flock(c.file, unix.LOCK_UN) // which can't fail
	}
}

// isLinked reports whether the open file is still in its place.
func isLinked(f *os.File) bool {
	var st unix.Stat_t
	return unix.Fstat(int(f.Fd()), &st) == nil && st.Nlink > 0
}

// openChanges opens the file, and makes it if there is none, or a damaged one.
func (s *Store) openChanges() (*os.File, error) {
	for {
		f, err := os.OpenFile(s.changesPath(), os.O_RDWR|os.O_APPEND, 0)
		if errors.Is(err, fs.ErrNotExist) {
			if err := s.beginChanges(); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		head := make([]byte, changesHead)
		if _, err := f.ReadAt(head, 0); err == nil && isChangesHead(head) {
			return f, nil
		}
		err = s.replaceChanges(f)
		f.Close()
		if err != nil {
			return nil, err
		}
	}
}

func isChangesHead(head []byte) bool {
	return strings.HasPrefix(string(head), changesFormat) && head[changesHead-1] == '\n'
}

func newChanges() []byte { return []byte(changesFormat + rand.Text() + "\n") }

// beginChanges makes the file, unless another process is quicker: that may
// have written to it.
func (s *Store) beginChanges() error {
	tmp := s.join("tmp", ".changes-"+rand.Text())
	if err := os.WriteFile(tmp, newChanges(), 0o644); err != nil {
		return err
	}
	err := os.Link(tmp, s.changesPath())
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	return errors.Join(err, os.Remove(tmp))
}

// replaceChanges puts a new file in the place of the open one, when no writer
// is on its way, and unless another is there by now.
func (s *Store) replaceChanges(f *os.File) error {
	if err := poll(s.hold.ctx, nil, func() error { return lockAlone(f) }); err != nil {
		return err
	}
	if !isLinked(f) {
		return nil
	}
	return writeFile(s.changesPath(), newChanges(), 0o644)
}

// trimChanges begins a new file if the old one is large. The caller holds the
// store alone.
func (s *Store) trimChanges() error {
	f, err := os.OpenFile(s.changesPath(), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() < maxChanges {
		return err
	}
	return s.replaceChanges(f)
}

// close ends it.
func (c *recorder) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil {
		return nil
	}
	err := c.file.Close()
	c.file, c.inside = nil, 0
	return err
}

// A moment is a place in the file of changes: all that was said before it was
// done by then.
type moment struct {
	boot          string
	device, inode uint64
	head          string // of the file
	place         int64
	last          string // what comes before the place
}

// A changesReader reads the file.
type changesReader struct {
	file   *os.File
	moment moment // that is now, if no writer is on its way
}

// readChanges opens the file to read it. There may be none that can be read.
func (s *Store) readChanges(flags int) (changesReader, error) {
	f, err := os.OpenFile(s.changesPath(), flags, 0)
	return changesReader{file: f}, err
}

// look finds out the moment.
func (r *changesReader) look() error {
	var st unix.Stat_t
	if err := unix.Fstat(int(r.file.Fd()), &st); err != nil {
		return err
	}
	head := make([]byte, changesHead)
	if _, err := r.file.ReadAt(head, 0); err != nil {
		return err
	}
	if !isChangesHead(head) {
		return errors.New("it is no file of changes")
	}
	last, err := r.before(st.Size)
	r.moment = moment{host.BootID(), uint64(st.Dev), st.Ino, string(head), st.Size, last}
	return err
}

// before returns what comes before a place.
func (r *changesReader) before(place int64) (string, error) {
	last := make([]byte, min(changesTail, place))
	_, err := r.file.ReadAt(last, place-int64(len(last)))
	return string(last), err
}

// since returns the lines since m. ok is false if it can't be told.
func (r *changesReader) since(m moment) (lines []byte, ok bool) {
	now := r.moment
	if m.boot == "" || m.boot != now.boot || m.device != now.device || m.inode != now.inode || m.head != now.head {
		return nil, false
	}
	if m.place < int64(changesHead) || m.place > now.place || now.place-m.place > maxNews {
		return nil, false
	}
	if last, err := r.before(m.place); err != nil || last != m.last {
		return nil, false
	}
	lines = make([]byte, now.place-m.place)
	if _, err := r.file.ReadAt(lines, m.place); err != nil && !errors.Is(err, io.EOF) {
		return nil, false
	}
	return lines, true
}

// changesNow returns the present moment if no writer is on its way, and what
// was written since m; with the zero moment nothing.
func (s *Store) changesNow(m moment) (now moment, lines []byte, ok bool) {
	r, err := s.readChanges(os.O_RDWR) // for some file systems lock only what can be written to
	if err != nil {
		return now, nil, false
	}
	defer r.file.Close()
	if lockAlone(r.file) != nil || !isLinked(r.file) || r.look() != nil {
		return now, nil, false
	}
	if m == (moment{}) {
		return r.moment, nil, true
	}
	lines, ok = r.since(m)
	return r.moment, lines, ok
}

// concern reports whether one of the lines, but for those that begin with
// self, is about something that is wanted.
func concern(lines []byte, self string, wanted func(Hash) bool) bool {
	for line := range bytes.Lines(lines) {
		who, about, ok := strings.Cut(string(line), "\t")
		if ok && who == self && self != "" && strings.HasSuffix(about, "\n") {
			continue
		}
		text, whole := strings.CutSuffix(about, "\n")
		if !ok || !whole {
			return true
		}
		for word := range strings.SplitSeq(text, " ") {
			h, err := ParseHash(word)
			if err != nil || wanted(h) {
				return true
			}
		}
	}
	return false
}
