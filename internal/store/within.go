package store

// A command that isn't isolated may run plx on the store that its own run
// uses. If that plx waited for something that its own run builds, or is about
// to build, both would wait forever. So each process notes which other one's
// command it is part of, and who waits for an action looks at that.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// withinNote begins the note on whose command a process is part of: the name of
// that process's directory in tmp follows.
const withinNote = "within "

// withinPause is how often who waits looks for whom it waits.
const withinPause = time.Second

// outer returns the name of the directory in tmp of the process whose command
// this one is part of; empty if it is not part of one that uses this store.
func (s *Store) outer() string {
	if s.Within == "" {
		return ""
	}
	work := filepath.Dir(s.Within)
	theirs, err := os.Stat(filepath.Dir(work))
	if err != nil {
		return ""
	}
	if ours, err := os.Stat(s.join("tmp")); err != nil || !os.SameFile(theirs, ours) {
		return ""
	}
	return filepath.Base(work)
}

// looker returns a function that returns an error if a process builds the
// action whose command this process is part of. It looks now and then.
func (s *Store) looker(key Hash) func() error {
	var looked time.Time
	outer := s.outer()
	return func() error {
		if outer == "" || time.Since(looked) < withinPause {
			return nil
		}
		looked = time.Now()
		return s.lookWithin(outer, key)
	}
}

func (s *Store) lookWithin(outer string, key Hash) error {
	ps, err := s.workers()
	if err != nil {
		return err
	}
	byName := make(map[string]worker, len(ps))
	for _, p := range ps {
		byName[filepath.Base(p.dir)] = p
	}
	for range ps { // of which none is twice within another
		p, there := byName[outer]
		if !there {
			return nil
		}
		if what := p.builds(key); what != "" {
			return fmt.Errorf("process %s builds %s, or is about to, and waits for this command to end: "+
				"a command can't wait for the run that it belongs to; what it needs must be an input of its stage", p.pid(), what)
		}
		outer = p.within()
	}
	return nil
}

// builds returns what the process says that it builds under the action key;
// empty for nothing.
func (p worker) builds(key Hash) string {
	last := ""
	for _, note := range p.notes {
		if what, ok := strings.CutPrefix(note, actionNote(key)); ok {
			last = what
		}
	}
	return last
}

// within returns whose command the process is part of.
func (p worker) within() string {
	for _, note := range p.notes {
		if name, ok := strings.CutPrefix(note, withinNote); ok {
			return name
		}
	}
	return ""
}
