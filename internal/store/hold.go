package store

// Who writes to the store, or relies on what is there, holds it: together with
// others, so that gc and rm, who take it alone, wait for them. To keep that
// short a process that is about to do something long calls Release. By then
// what it has found, or made, is noted in a file of its own in tmp, and what is
// noted there is a root for as long as the process lives. From then on each
// write holds the store for itself, and notes what it finds.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// A holding is how this process holds the store.
type holding struct {
	mu       sync.Mutex
	ready    bool            // Hold was called
	readOnly error           // why this process can't write to the store, if so
	lasting  bool            // from Hold until Release
	alone    bool            // no other process holds the store
	inside   int             // for so many the lock is held
	gate     *os.File        // lock/gate: taken before the other, by who waits for it alone, too
	lock     *os.File        // lock/store; nil where a read-only store has none
	ctx      context.Context // of Hold: it ends waiting
	waiting  func()
	noted    map[string]bool // what this process refers to
	actions  map[Hash]string // what it builds
	torn     bool            // the last note may be half a line
	notes    *os.File        // where that is written, from Release on
}

// notesName is the name of a process's notes in its directory in tmp.
const notesName = "roots"

// Hold makes the store ready to be written to, if it can be, and keeps gc away
// until [Store.Release] or [Store.Close]. It waits while gc runs, and calls
// waiting if it must; so does every write later.
func (s *Store) Hold(ctx context.Context, waiting func()) error {
	h := &s.hold
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lasting {
		return nil
	}
	if !h.ready {
		if err := s.getReady(ctx, waiting); err != nil {
			return fmt.Errorf("store %s: %w", s.dir, err)
		}
	}
	if err := s.enterLocked(); err != nil {
		return fmt.Errorf("store %s: %w", s.dir, err)
	}
	h.lasting = true
	return nil
}

// getReady makes the store, if there is none, and opens the locks.
func (s *Store) getReady(ctx context.Context, waiting func()) error {
	h := &s.hold
	h.ctx, h.waiting = ctx, waiting
	err := s.prepare(ctx, waiting)
	if err == nil {
		err = s.openLocks()
	}
	if err == nil {
		err = s.openJournal(s.aloneFor)
	}
	if isReadOnly(err) {
		err = s.openLocksToRead(err)
	}
	if err != nil {
		return err
	}
	h.ready, h.noted, h.actions = true, make(map[string]bool), make(map[Hash]string)
	return nil
}

// aloneFor calls f while no other process holds the store.
func (s *Store) aloneFor(f func() error) error {
	if err := s.waitAlone(); err != nil {
		return err
	}
	err := f()
	return errors.Join(err, flock(s.hold.lock, unix.LOCK_UN), flock(s.hold.gate, unix.LOCK_UN))
}

// exclusively calls f while no other process holds the store; afterwards it is
// held as before. What f finds can't change.
func (s *Store) exclusively(f func() error) error {
	if err := s.Release(); err != nil {
		return err
	}
	h := &s.hold
	h.mu.Lock()
	err := s.waitAlone()
	if err == nil {
		h.inside++
	}
	h.mu.Unlock()
	if err != nil {
		return err
	}
	s.forgetDerivations()
	err = f()
	h.mu.Lock()
	if h.lasting { // f has held it, too
		h.inside--
	}
	h.lasting = true
	err = errors.Join(err, flock(h.lock, unix.LOCK_SH), flock(h.gate, unix.LOCK_UN))
	h.mu.Unlock()
	return err
}

func (s *Store) waitAlone() error {
	if err := s.waitFor(s.hold.gate, unix.LOCK_EX); err != nil {
		return err
	}
	return s.waitFor(s.hold.lock, unix.LOCK_EX)
}

func isReadOnly(err error) bool {
	return errors.Is(err, unix.EROFS) || errors.Is(err, fs.ErrPermission)
}

// openLocks opens the files that are locked while the store is held.
func (s *Store) openLocks() error {
	gate, err := openLock(s.join("lock", "gate"))
	if err != nil {
		return err
	}
	lock, err := openLock(s.join("lock", "store"))
	if err != nil {
		gate.Close()
		return err
	}
	s.hold.gate, s.hold.lock = gate, lock
	return nil
}

// openLocksToRead is for a store that can't be written to, as cause says. If
// it was never written to from elsewhere it has no locks, and needs none.
func (s *Store) openLocksToRead(cause error) error {
	if version, err := s.readVersion(); err != nil || version == 0 {
		return cause
	}
	h := &s.hold
	h.readOnly = cause
	h.gate, _ = os.Open(s.join("lock", "gate"))
	h.lock, _ = os.Open(s.join("lock", "store"))
	return nil
}

// ReadOnly reports whether [Store.Hold] has found that this process can't write
// to the store.
func (s *Store) ReadOnly() bool {
	s.hold.mu.Lock()
	defer s.hold.mu.Unlock()
	return s.hold.readOnly != nil
}

// readOnlyError says which store can't be written to, and why. It has the form
// of an error of getReady.
func (s *Store) readOnlyError(cause error) error {
	var errno unix.Errno
	if errors.As(cause, &errno) {
		cause = errno
	}
	return fmt.Errorf("store %s: %w: what it has can be used, and nothing be added; name another with --store", s.dir, cause)
}

// enter holds the store until leave is called.
func (s *Store) enter() (leave func(), err error) {
	s.hold.mu.Lock()
	defer s.hold.mu.Unlock()
	if !s.hold.ready {
		panic("store: write without Hold")
	}
	if err := s.enterLocked(); err != nil {
		return nil, fmt.Errorf("store %s: %w", s.dir, err)
	}
	return s.leave, nil
}

// enterLocked holds the store. Whoever waits for it alone has the gate, so that
// nobody comes in before it; once it has been through, gc may have removed
// what this process remembers of derivations.
func (s *Store) enterLocked() error {
	h := &s.hold
	if h.inside == 0 && h.lock != nil {
		err := s.waitFor(h.gate, unix.LOCK_SH)
		if err == nil {
			err = s.waitFor(h.lock, unix.LOCK_SH)
			err = errors.Join(err, flock(h.gate, unix.LOCK_UN))
		}
		if err != nil {
			return err
		}
		s.forgetDerivations()
	}
	h.inside++
	return nil
}

func (s *Store) waitFor(f *os.File, how int) error {
	if f == nil {
		return nil
	}
	err := poll(s.hold.ctx, s.hold.waiting, func() error { return flock(f, how|unix.LOCK_NB) })
	if err != nil {
		return fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return nil
}

func (s *Store) leave() {
	s.hold.mu.Lock()
	defer s.hold.mu.Unlock()
	s.leaveLocked()
}

func (s *Store) leaveLocked() {
	h := &s.hold
	if h.inside--; h.inside == 0 && h.lock != nil {
		flock(h.lock, unix.LOCK_UN) // which can't fail
	}
}

func (s *Store) isReady() bool {
	s.hold.mu.Lock()
	defer s.hold.mu.Unlock()
	return s.hold.ready
}

// mustHold catches a caller that writes without [Store.Hold].
func (s *Store) mustHold() {
	if !s.isReady() {
		panic("store: write without Hold")
	}
}

// Release ends what [Store.Hold] began, but for what this process refers to:
// gc may run from now on, and keeps that. It is to be called before anything
// that takes long.
func (s *Store) Release() error {
	h := &s.hold
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.lasting || h.readOnly != nil {
		return nil
	}
	if err := s.writeNotes(); err != nil {
		return fmt.Errorf("store %s: %w", s.dir, err)
	}
	h.lasting = false
	s.leaveLocked()
	return nil
}

// writeNotes begins the file of notes, if there is none yet.
func (s *Store) writeNotes() error {
	if s.hold.notes != nil {
		return nil
	}
	dir, err := s.workDir()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(dir+"/"+notesName, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	text.WriteString("\n") // an attempt before may have left half a line
	if outer := s.outer(); outer != "" {
		text.WriteString(withinNote + outer + "\n")
	}
	for note := range s.hold.noted {
		text.WriteString(note + "\n")
	}
	for key, what := range s.hold.actions {
		text.WriteString(actionNote(key) + what + "\n")
	}
	if _, err := f.Write(text.Bytes()); err != nil {
		f.Close()
		return err
	}
	s.hold.notes = f
	return nil
}

// Refer notes that this process refers to derivations, and their realizations.
// The caller holds the store since before it has found them there.
func (s *Store) Refer(refs iter.Seq[DRef]) error {
	for ref := range refs {
		if err := s.note(ref.String()); err != nil {
			return err
		}
	}
	return nil
}

// note takes down what gc must keep as long as this process lives: the text of
// a reference, or a tree hash. The caller is inside.
func (s *Store) note(texts ...string) error {
	h := &s.hold
	h.mu.Lock()
	defer h.mu.Unlock()
	texts = slices.DeleteFunc(slices.Clone(texts), func(text string) bool { return h.noted[text] })
	if err := h.writeDown(texts...); err != nil {
		return err
	}
	for _, text := range texts {
		h.noted[text] = true
	}
	return nil
}

// writeDown adds lines to the notes, if they are begun. Of a line that was cut
// short, on a full disk, the next must not become a part.
func (h *holding) writeDown(lines ...string) error {
	if h.notes == nil || len(lines) == 0 {
		return nil
	}
	text := strings.Join(lines, "\n") + "\n"
	if h.torn {
		text = "\n" + text
	}
	_, err := h.notes.WriteString(text)
	if h.torn = err != nil; err != nil {
		return fmt.Errorf("note what is in use: %w", err)
	}
	return nil
}

// noteAction takes down that this process builds something, or, with nothing,
// that it does so no more.
func (s *Store) noteAction(key Hash, what string) error {
	h := &s.hold
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.actions[key] = what; what == "" {
		delete(h.actions, key)
	}
	return h.writeDown(actionNote(key) + what)
}

// holdAlone is [Store.Hold] for one who removes objects: it waits until no
// other process holds the store, and lets none come in before it.
func (s *Store) holdAlone(ctx context.Context, waiting func()) error {
	h := &s.hold
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ready {
		if h.alone {
			return nil
		}
		panic("store: removal under Hold")
	}
	if waiting != nil {
		waiting = sync.OnceFunc(waiting)
	}
	if err := s.getReady(ctx, waiting); err != nil {
		return fmt.Errorf("store %s: %w", s.dir, err)
	}
	if h.readOnly != nil {
		return errors.Join(s.readOnlyError(h.readOnly), h.end())
	}
	if err := s.waitAlone(); err != nil {
		return fmt.Errorf("store %s: %w", s.dir, errors.Join(err, h.end()))
	}
	h.alone, h.inside = true, 1
	return nil
}

// letGo ends all of it.
func (h *holding) letGo() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.end()
}

func (h *holding) end() error {
	var errs []error
	for _, f := range []*os.File{h.notes, h.lock, h.gate} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	h.ready, h.readOnly, h.lasting, h.alone, h.inside = false, nil, false, false, 0
	h.notes, h.lock, h.gate, h.noted = nil, nil, nil, nil
	return errors.Join(errs...)
}

// A worker is a process that uses the store, as its directory in tmp tells.
type worker struct {
	dir   string
	alive bool
	notes []string // the lines of its notes
}

// pid returns the number of the process, as its name tells.
func (p worker) pid() string {
	name := strings.TrimPrefix(p.dir[strings.LastIndexByte(p.dir, '/')+1:], workPrefix)
	pid, _, _ := strings.Cut(name, "-")
	return pid
}

// workers returns what is in tmp. What no process has locked is what an ended
// one left.
func (s *Store) workers() ([]worker, error) {
	names, err := dirNames(s.join("tmp"))
	if err != nil {
		return nil, err
	}
	var ps []worker
	for _, name := range names {
		f, err := os.OpenFile(s.join("tmp", name), os.O_RDONLY|unix.O_NONBLOCK, 0)
		if isGone(err) {
			continue
		}
		if err != nil { // it may be in use
			return nil, err
		}
		p := worker{dir: f.Name(), alive: lockAlone(f) != nil}
		f.Close()
		if p.alive {
			data, err := os.ReadFile(p.dir + "/" + notesName)
			if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR) {
				return nil, err
			}
			p.notes = strings.Split(string(data), "\n")
		}
		ps = append(ps, p)
	}
	return ps, nil
}
