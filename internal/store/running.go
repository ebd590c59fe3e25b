package store

// A build that is under way is found by the notes of its process, which say
// which run of which derivation it is, and where its log grows.

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// logNote begins the note on a build of the derivation.
func logNote(ref DRef) string { return "log " + ref.String() + " " }

// Announce notes which run of which derivation is made here, for those who want
// to follow its log.
func (st *Staging) Announce(ref DRef, run int) error {
	return st.store.note(fmt.Sprintf("%s%d %s", logNote(ref), run, filepath.Base(st.log)))
}

// A Running is a build that is under way.
type Running struct {
	Run int    // its number
	Log string // where its log is, as long as it is under way
}

// Running returns the builds of the derivation that are under way, here and in
// other processes, in the order of their numbers.
func (s *Store) Running(ref DRef) ([]Running, error) {
	ps, err := s.workers()
	if err != nil {
		return nil, err
	}
	var found []Running
	for _, p := range ps {
		for _, note := range p.notes {
			what, ok := strings.CutPrefix(note, logNote(ref))
			if !ok {
				continue
			}
			var r Running
			var name string
			if n, err := fmt.Sscanf(what, "%d %s", &r.Run, &name); n != 2 || err != nil || name != filepath.Base(name) {
				continue
			}
			if r.Log = filepath.Join(p.dir, name); s.exists(r.Log) {
				found = append(found, r)
			}
		}
	}
	slices.SortFunc(found, func(a, b Running) int { return a.Run - b.Run })
	return found, nil
}
