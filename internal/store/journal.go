package store

// The journal says from when on what was written may not be on the disk: since
// some time of some boot of the machine. It spares an fsync per file. The rules
// are:
//
//   - It is on the disk before anything is written that it is about: it is
//     synced when it is made, and by the first process after each boot.
//
//   - A process that has written syncs the file system when it is done, and now
//     and then while it goes on. After that it sets the time to when it began to
//     sync. That need not be on the disk: an earlier time is only more careful.
//
//   - Who finds a journal of another boot believes nothing that has changed
//     since, by its ctime, which no program can set. Who can write looks at all of it,
//     alone, puts aside what is damaged, and begins a new journal. Who can't
//     looks at what it reads.
//
//   - A clock that is set back would make what is written look old: who finds
//     the clock behind the journal sets the journal back first.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"plx/internal/builder/host"
)

// journalFormat marks the journal and its version. What follows has always the
// same length, so that it can be written in place, as a whole.
const journalFormat = "plx journal 1\nboot %-36.36s\nsince %020d\n"

// journalSize is its length in bytes: the time stands at its end, before a
// newline.
const journalSize = 14 + 5 + 36 + 1 + 6 + 20 + 1

// journalMargin is how far the clock of a file system may be from that of the
// machine: coarse ticks, and servers that keep their own time.
const journalMargin = 3 * time.Second

// syncEvery is how long what is written may wait for the disk while a process
// goes on.
const syncEvery = 30 * time.Second

// A journal is what the store's journal says.
type journal struct {
	boot  string
	since int64 // in ns since 1970
}

// journalNow says that all that was written up to now is on the disk.
func journalNow() journal { return journal{host.BootID(), time.Now().Add(-journalMargin).UnixNano()} }

func (j journal) text() []byte { return fmt.Appendf(nil, journalFormat, j.boot, j.since) }

// parseJournal reads a journal. One that is damaged says that nothing can be
// believed.
func parseJournal(data []byte) journal {
	lines := strings.Split(string(data), "\n")
	if len(lines) != 4 {
		return journal{}
	}
	var j journal
	boot, isBoot := strings.CutPrefix(lines[1], "boot ")
	since, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "since "), 10, 64)
	j.boot, j.since = strings.TrimRight(boot, " "), since
	if err != nil || !isBoot || string(j.text()) != string(data) {
		return journal{}
	}
	return j
}

func (s *Store) journalPath() string { return s.join("journal") }

// suspicion returns the time from which on nothing may be believed, in ns since
// 1970, or never.
func (s *Store) suspicion() (since int64, suspicious bool, err error) {
	data, err := os.ReadFile(s.journalPath())
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil // a store that is being made, or of the first format
	}
	if err != nil {
		return 0, false, err
	}
	j := parseJournal(data)
	return j.since, j.boot != host.BootID(), nil
}

// A syncer is how far what this process has written is on the disk.
type syncer struct {
	mu      sync.Mutex
	file    *os.File   // the journal
	dirty   bool       // a result was written since the last sync
	last    time.Time  // when that was
	turn    sync.Mutex // one syncs at a time
	running sync.WaitGroup
	err     error // of a sync that nobody waited for
}

// openJournal sees to it that the journal is this boot's. The caller keeps
// others away with alone while it looks at what an earlier boot has left.
func (s *Store) openJournal(alone func(func() error) error) error {
	f, err := os.OpenFile(s.journalPath(), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		err = alone(s.beginJournal)
		if err == nil {
			f, err = os.OpenFile(s.journalPath(), os.O_RDWR, 0)
		}
	}
	if err != nil {
		return err
	}
	s.disk.file, s.disk.last = f, time.Now()
	if _, bad, err := s.suspicion(); err != nil {
		return err
	} else if !bad {
		s.suspect.on = false
		return s.mindClock()
	}
	return alone(func() error {
		since, bad, err := s.suspicion()
		if err != nil {
			return err
		}
		if bad {
			if err := s.recover(since); err != nil {
				return fmt.Errorf("look at what was written before the machine went down: %w", err)
			}
		}
		return s.startJournal()
	})
}

// beginJournal makes the first one, of a store that has none yet.
func (s *Store) beginJournal() error {
	if s.exists(s.journalPath()) {
		return nil // another process was quicker
	}
	dir, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := host.SyncFS(dir); err != nil {
		return err
	}
	if err := writeFile(s.journalPath(), journalNow().text(), 0o644); err != nil {
		return err
	}
	return host.SyncFS(dir)
}

// startJournal makes the journal this boot's, when all is on the disk.
func (s *Store) startJournal() error {
	now := journalNow()
	if err := host.SyncFS(s.disk.file); err != nil {
		return err
	}
	if _, err := s.disk.file.WriteAt(now.text(), 0); err != nil {
		return err
	}
	return s.disk.file.Sync()
}

// mindClock sets the journal back if the clock is behind it.
func (s *Store) mindClock() error {
	if s.disk.file == nil {
		return nil // of a store that can't be written to
	}
	data := make([]byte, journalSize)
	if _, err := s.disk.file.ReadAt(data, 0); err != nil {
		return fmt.Errorf("%s: %w", s.journalPath(), err)
	}
	now := time.Now().UnixNano()
	if since, err := strconv.ParseInt(string(data[journalSize-21:journalSize-1]), 10, 64); err == nil && since <= now {
		return nil // as nearly always
	}
	if parseJournal(data).since <= now {
		return nil
	}
	if _, err := s.disk.file.WriteAt(journalNow().text(), 0); err != nil {
		return err
	}
	return s.disk.file.Sync()
}

// committing is called before a result is written: that should survive.
func (s *Store) committing() error {
	d := &s.disk
	d.mu.Lock()
	d.dirty = true
	due := d.file != nil && time.Since(d.last) > syncEvery
	if due {
		d.last = time.Now()
	}
	d.mu.Unlock()
	if due {
		d.running.Go(func() {
			if err := s.Sync(); err != nil {
				d.mu.Lock()
				d.err = errors.Join(d.err, err)
				d.mu.Unlock()
			}
		})
	}
	return s.mindClock()
}

// Sync waits until the results that this process has written are on the disk.
// What else it has written costs nothing to be made again.
func (s *Store) Sync() error {
	d := &s.disk
	d.turn.Lock()
	defer d.turn.Unlock()
	d.mu.Lock()
	dirty, err := d.dirty, d.err
	d.dirty, d.err, d.last = false, nil, time.Now()
	d.mu.Unlock()
	if !dirty || d.file == nil {
		return err
	}
	since := journalNow()
	syncErr := host.SyncFS(d.file)
	if syncErr == nil {
		_, syncErr = d.file.WriteAt(since.text(), 0)
	}
	if syncErr != nil {
		syncErr = fmt.Errorf("store %s: sync: %w", s.dir, syncErr)
	}
	return errors.Join(err, syncErr)
}

// closeJournal syncs, and ends.
func (s *Store) closeJournal() error {
	s.disk.running.Wait()
	err := s.Sync()
	if s.disk.file != nil {
		err = errors.Join(err, s.disk.file.Close())
		s.disk.file = nil
	}
	return err
}
