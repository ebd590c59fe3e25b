package store

// Garbage collection has three parts: mark reads the graph once, from the
// roots; sweep moves what is dead out of sight, dependents before what they
// depend on, records before trees; and what was moved is deleted when others
// may use the store again.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// GCOptions say what [Store.GC] does. Of what no root reaches, and of what
// KeepLast makes garbage, goes what OlderThan and MaxSize both let go.
type GCOptions struct {
	Keep      []string      // directories whose symlinks into the store are roots
	KeepLast  int           // of a derivation that is kept keep the newest so many; 0: all
	OlderThan time.Duration // spare what was used within that time; 0: nothing
	MaxSize   int64         // stop when the store is no larger, in bytes; 0: never
	DryRun    bool          // remove nothing
	Explain   bool          // tell what keeps the rest, which takes longer
	Waiting   func()        // called if other processes must be waited for
}

// Garbage is what gc removes.
type Garbage struct {
	Derivations  []DRef
	Realizations []RRef // dependents first
	Trees        []Hash
	Work         []string // paths of what ended processes left: in tmp, or beside a record that they didn't write
	Bytes        int64    // that removing all of it gives back, by the sizes of the files
	Kept         int      // realizations that stay
	Spared       int      // those of them that are garbage
	Left         int64    // with MaxSize: the size of what stays
	Damaged      []error  // records that could not be read: they stay, for a person to look at
	Keepers      []Kept   // with Explain: what keeps the rest, but for what is spared
}

// Empty reports whether there is none.
func (g Garbage) Empty() bool {
	return len(g.Derivations) == 0 && len(g.Realizations) == 0 && len(g.Trees) == 0 && len(g.Work) == 0
}

// GC removes what no root reaches, and returns what that was.
func (s *Store) GC(ctx context.Context, o GCOptions) (Garbage, error) {
	if !o.DryRun {
		if err := s.holdAlone(ctx, o.Waiting); err != nil {
			return Garbage{}, fmt.Errorf("gc: %w", err)
		}
	}
	g, err := s.gc(ctx, o)
	if err != nil {
		return g, fmt.Errorf("gc: %w", err)
	}
	return g, nil
}

func (s *Store) gc(ctx context.Context, o GCOptions) (Garbage, error) {
	graph, err := s.readGraph(ctx)
	if err != nil {
		return Garbage{}, err
	}
	keepers, err := graph.keepers(o.Keep)
	if err != nil {
		return Garbage{}, err
	}
	m := newMarks(graph, o.MaxSize > 0)
	for _, k := range keepers {
		m.keep(k, o.KeepLast)
	}
	rooted := len(m.kept)
	work, err := s.deadWork()
	if err := errors.Join(append(m.failed, err)...); err != nil {
		return Garbage{}, err
	}
	m = m.spare(work, o)
	if err := errors.Join(m.failed...); err != nil {
		return Garbage{}, err
	}
	g := m.garbage(work)
	g.Spared = len(m.kept) - rooted
	if o.Explain {
		g.Keepers = graph.kept(keepers, o.KeepLast)
	}
	if o.DryRun {
		return g, nil
	}
	if err := s.sweep(ctx, g, m); err != nil {
		return g, err
	}
	return g, errors.Join(s.trimChanges(), s.Close()) // deletes what was moved to this process's work
}

// garbage lists what the marks don't hold.
func (m *marks) garbage(work []string) Garbage {
	g := Garbage{Kept: len(m.kept), Left: m.bytes, Damaged: m.damaged, Realizations: m.deadOrder()}
	for _, ref := range g.Realizations {
		g.Bytes += m.ownSize(ref)
	}
	for _, dref := range m.drefs {
		if _, sound := m.of[dref]; sound && !m.drvs[dref] {
			g.Derivations = append(g.Derivations, dref)
			g.Bytes += m.drvSize(dref)
			for _, name := range m.beside[dref] {
				g.Bytes += diskSize(m.store.drvDir(dref) + "/" + name)
			}
		}
	}
	for _, tree := range slices.SortedFunc(maps.Keys(m.trees), Hash.Compare) {
		if !m.held[tree] {
			g.Trees = append(g.Trees, tree)
			g.Bytes += m.treeSize(tree)
		}
	}
	for _, path := range slices.Concat(work, m.orphans()) {
		if !m.work[path] {
			g.Work = append(g.Work, path)
			g.Bytes += diskSize(path)
		}
	}
	return g
}

// deadWork returns what ended processes left in tmp.
func (s *Store) deadWork() ([]string, error) {
	ps, err := s.workers()
	if err != nil {
		return nil, err
	}
	var dead []string
	for _, p := range ps {
		if !p.alive {
			dead = append(dead, p.dir)
		}
	}
	return dead, nil
}

// sweep moves the garbage to this process's work, to be deleted with it.
func (s *Store) sweep(ctx context.Context, g Garbage, m *marks) error {
	if !g.Empty() {
		done, err := s.changing()
		if err != nil {
			return err
		}
		defer done()
	}
	var last DRef
	for _, ref := range g.Realizations {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var err error
		switch {
		case m.drvs[ref.dref]:
			err = s.dropRealization(ref)
		case ref.dref != last: // one move takes all of the derivation's
			err = s.drop(s.drvDir(ref.dref))
		}
		if err != nil {
			return err
		}
		last = ref.dref
	}
	for _, dref := range g.Derivations {
		if len(m.of[dref]) > 0 {
			continue // gone already
		}
		if err := s.drop(s.drvDir(dref)); err != nil {
			return err
		}
	}
	if err := s.dropDerivations(g.Derivations); err != nil {
		return err
	}
	for _, tree := range g.Trees {
		if err := s.dropTree(tree, m.trees[tree]); err != nil {
			return err
		}
	}
	for _, dir := range g.Work {
		if err := s.drop(dir); err != nil {
			return err
		}
	}
	return errors.Join(s.dropStaleRoots(), s.dropStaleLines(m))
}

func (s *Store) dropTree(tree Hash, files treeFiles) error {
	if files.manifest {
		if err := s.drop(s.manifestPath(tree)); err != nil {
			return err
		}
	}
	if files.dir {
		return s.drop(s.TreePath(tree))
	}
	return nil
}

// dropRealization removes the record, then what belongs to it: nothing, if the
// record stays.
func (s *Store) dropRealization(ref RRef) error {
	for _, path := range []string{s.recordPath(ref), s.OutPath(ref), s.LogPath(ref), s.VolatilePath(ref)} {
		if err := s.drop(path); err != nil {
			return err
		}
	}
	return nil
}

// orphans returns what a killed commit left beside kept derivations: what
// belongs to a record that is not there. That one was removed is remembered
// for as long as something refers to it.
func (m *marks) orphans() []string {
	var orphans []string
	for _, dref := range slices.SortedFunc(maps.Keys(m.beside), DRef.Compare) {
		if !m.drvs[dref] {
			continue
		}
		for _, name := range m.beside[dref] {
			base, _, _ := strings.Cut(name, ".")
			hash, err := ParseHash(base)
			if err == nil && !(name == base+removedSuffix && m.removed[RRef{hash, dref}]) {
				orphans = append(orphans, m.store.drvDir(dref)+"/"+name)
			}
		}
	}
	return orphans
}

func (s *Store) dropStaleRoots() error {
	roots, err := s.Roots()
	if err != nil {
		return err
	}
	for _, r := range roots {
		if !r.Stale {
			continue
		}
		if err := os.Remove(s.join("root", r.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// dropStaleLines takes the realizations that are gone out of the index.
func (s *Store) dropStaleLines(m *marks) error {
	names, err := dirNames(s.join("action"))
	if err != nil {
		return err
	}
	var paths []string
	alive := make(map[string]bool)
	for _, name := range names {
		path := s.join("action", name)
		t, err := readTable(path)
		if err != nil {
			return err
		}
		paths = append(paths, path)
		t.addAlive(alive, m)
	}
	return s.filterTables(paths, func(value, key []byte) bool {
		text, _, _ := strings.Cut(string(value), "\t")
		_, _, _, note := cutNote(string(value))
		ref, err := ParseRRef(text)
		return m.kept[ref] || err != nil && (!note || alive[string(key)])
	})
}

// addAlive adds the action keys that a kept realization answers.
func (t table) addAlive(alive map[string]bool, m *marks) {
	for line := range bytes.Lines(t) {
		value, key, _ := cutLine(line)
		text, _, _ := strings.Cut(string(value), "\t")
		if ref, err := ParseRRef(text); err == nil && m.kept[ref] {
			alive[string(key)] = true
		}
	}
}
