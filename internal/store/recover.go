package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A suspect is what can't be believed in a store whose journal is of another
// boot: what has changed since some time, unless it was looked at.
type suspect struct {
	on    bool
	since int64 // in ns since 1970
	mend  bool  // set modes and times of what is sound, for they may be lost, too
	mu    sync.Mutex
	trees map[Hash]error // what was found out about trees
}

// changedSince reports whether the file has changed since then, or can't be
// looked at.
func (q *suspect) changedSince(path string) bool {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return true
	}
	return st.Ctim.Nano() >= q.since
}

// believe returns an error if a realization that this process reads may have
// been damaged when the machine went down, and was.
func (s *Store) believe(r Realization) error {
	q := &s.suspect
	if !q.on || !q.changedSince(s.recordPath(r.Ref)) && !q.changedSince(s.TreePath(r.Tree)) {
		return nil
	}
	return errors.Join(s.suspectTree(r.Tree), s.checkBeside(r))
}

// suspectTree looks at a tree, once.
func (s *Store) suspectTree(tree Hash) error {
	q := &s.suspect
	q.mu.Lock()
	defer q.mu.Unlock()
	err, known := q.trees[tree]
	if !known {
		err = s.checkTree(tree)
		q.trees[tree] = err
	}
	return err
}

// checkTree reads all of a tree. The error is a [DamageError] if it is not what
// its name says.
func (s *Store) checkTree(tree Hash) error {
	path := s.TreePath(tree)
	m, err := (&scanner{top: path, freeze: s.suspect.mend}).scan()
	var bad *TreeError
	switch {
	case errors.As(err, &bad), errors.Is(err, fs.ErrNotExist):
		return &DamageError{path, err}
	case err != nil:
		return err
	case m.Hash() != tree:
		return &DamageError{path, errors.New("it has another hash")}
	}
	return nil
}

// A loss is what is found to be damaged after the machine went down.
type loss struct {
	trees   map[Hash]error
	records map[RRef]error
	drvs    []DRef // their sources are lost, and so are their realizations
}

// recover looks at all that has changed since then, and puts aside what is
// damaged. The caller holds the store alone.
func (s *Store) recover(since int64) error {
	done, err := s.changing()
	if err != nil {
		return err
	}
	defer done()
	q := &s.suspect
	q.on, q.mend, q.since, q.trees = true, true, since, make(map[Hash]error)
	defer func() { q.on, q.mend = false, false }()
	l := loss{make(map[Hash]error), make(map[RRef]error), nil}
	if err := s.loseTrees(&l); err != nil {
		return err
	}
	drefs, err := s.Derivations()
	if err != nil {
		return err
	}
	for _, dref := range drefs {
		if err := s.loseDerivation(&l, dref); err != nil {
			return err
		}
	}
	return s.putAside(&l)
}

// loseTrees looks at the trees that have changed. Of those that are sound it
// makes sure that their tops are read-only, and that they have their manifests.
func (s *Store) loseTrees(l *loss) error {
	names, err := dirNames(s.join("tree"))
	if err != nil {
		return err
	}
	for _, name := range names {
		tree, err := ParseHash(name)
		if err != nil || !s.suspect.changedSince(s.TreePath(tree)) {
			continue
		}
		if err = s.suspectTree(tree); err == nil {
			err = errors.Join(freezeTop(s.TreePath(tree)), s.mendManifest(tree, maxInlineManifest))
		}
		var damage *DamageError
		if errors.As(err, &damage) {
			l.trees[tree] = err
		} else if err != nil {
			return err
		}
	}
	return nil
}

// mendManifest makes the manifest of a sound tree again if there is none that
// is whole; where there is none at all, only if it is larger than so many bytes.
func (s *Store) mendManifest(tree Hash, size int) error {
	if _, err := s.Manifest(tree); err == nil {
		return nil
	}
	m, err := (&scanner{top: s.TreePath(tree)}).scan()
	if err != nil || len(m.Text()) <= size && !s.exists(s.manifestPath(tree)) {
		return err
	}
	return s.place(s.manifestPath(tree), m.Text(), time.Time{})
}

// loseDerivation looks at a derivation, its source, and those of its
// realizations that have changed.
func (s *Store) loseDerivation(l *loss, dref DRef) error {
	d, err := s.Derivation(dref)
	var damage *DamageError
	lost := errors.Is(err, ErrNotExist) || errors.As(err, &damage)
	switch {
	case err != nil && !lost:
		return err
	case lost:
	case d.Source.IsZero():
	case l.trees[d.Source] != nil || !s.HasTree(d.Source):
		lost, err = true, fmt.Errorf("%v: its source %v is lost", dref, d.Source)
	default:
		err = s.mendManifest(d.Source, 0)
	}
	if err != nil && !lost {
		return err
	}
	if lost {
		l.drvs = append(l.drvs, dref)
	}
	refs, listErr := s.Realizations(dref)
	if listErr != nil {
		return nil // something else has the directory's name
	}
	for _, ref := range refs {
		if lost {
			l.records[ref] = err
		} else if err := s.loseRecord(l, ref); err != nil {
			return err
		}
	}
	return nil
}

// loseRecord looks at a realization. To the index it adds what may be lost
// there.
func (s *Store) loseRecord(l *loss, ref RRef) error {
	r, err := s.Realization(ref)
	var damage *DamageError
	switch {
	case errors.As(err, &damage):
		l.records[ref] = err
		return nil
	case err != nil:
		return err
	case l.trees[r.Tree] != nil:
		l.records[ref] = l.trees[r.Tree]
		return nil
	case !s.HasTree(r.Tree):
		l.records[ref] = fmt.Errorf("%s is lost", s.TreePath(r.Tree))
		return nil
	case !s.suspect.changedSince(s.recordPath(ref)):
		return nil
	}
	if err := s.checkBeside(r); isDamage(err) {
		l.records[ref] = err
		return nil
	} else if err != nil {
		return err
	}
	return errors.Join(s.placeLink(r), s.index(r))
}

// putAside moves what is damaged to tmp, where gc takes it, and tells of each
// realization that is lost. What refers to one that is lost, or whose record
// was lost without a trace, finds a mark.
func (s *Store) putAside(l *loss) error {
	g, err := s.readGraph(s.hold.ctx)
	if err != nil {
		return err
	}
	for _, n := range g.nodes {
		for _, ref := range n.context {
			if err := s.markLost(l, g, ref); err != nil {
				return err
			}
		}
	}
	for ref, err := range l.records {
		if err := s.asideRealization(ref); err != nil {
			return err
		}
		if s.Lost != nil {
			s.Lost(fmt.Errorf("%v was written when the machine went down, and is to be made again: %w", ref, err))
		}
	}
	for tree := range l.trees {
		if err := s.asideAll(s.manifestPath(tree), s.TreePath(tree)); err != nil {
			return err
		}
	}
	if err := s.dropDerivations(l.drvs); err != nil {
		return err
	}
	for _, dref := range l.drvs { // an empty directory says nothing
		if err := os.Remove(s.drvDir(dref)); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTEMPTY) {
			return err
		}
	}
	return nil
}

// markLost leaves a mark that a realization that something was built from is
// gone, if it is.
func (s *Store) markLost(l *loss, g *graph, ref RRef) error {
	path := s.OutPath(ref) + removedSuffix
	_, there := g.nodes[ref]
	if there && l.records[ref] == nil || s.exists(path) {
		return nil
	}
	return errors.Join(s.makeDrvDir(ref.dref), s.place(path, nil, time.Time{}))
}

// asideRealization moves the record first.
func (s *Store) asideRealization(ref RRef) error {
	return s.asideAll(s.recordPath(ref), s.OutPath(ref), s.LogPath(ref), s.VolatilePath(ref))
}

// asideAll moves files and directories to tmp, under their names.
func (s *Store) asideAll(paths ...string) error {
	for _, path := range paths {
		_, name := splitPath(path)
		if _, err := s.aside(path, name); err != nil {
			return err
		}
	}
	return nil
}
