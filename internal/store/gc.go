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
	"path/filepath"
	"slices"
	"strings"
)

// GCOptions say what [Store.GC] does.
type GCOptions struct {
	Keep    []string // directories whose symlinks into the store are roots
	DryRun  bool     // remove nothing
	Waiting func()   // called if other processes must be waited for
}

// Garbage is what no root reaches.
type Garbage struct {
	Derivations  []DRef
	Realizations []RRef // dependents first
	Trees        []Hash
	Work         []string // paths of what ended processes left: in tmp, or beside a record that they didn't write
	Bytes        int64    // that removing all of it gives back, by the sizes of the files
	Kept         int      // realizations that stay
	Damaged      []error  // records that could not be read: they stay, for a person to look at
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
	m, err := s.mark(ctx, o.Keep)
	if err != nil {
		return Garbage{}, err
	}
	g, err := s.garbage(m)
	if err != nil || o.DryRun {
		return g, err
	}
	if err := s.sweep(ctx, g, m); err != nil {
		return g, err
	}
	return g, s.Close() // deletes what was moved to this process's work
}

// garbage lists what the marks don't hold.
func (s *Store) garbage(m *marks) (Garbage, error) {
	g := Garbage{Kept: len(m.kept), Damaged: m.damaged, Realizations: m.deadOrder()}
	for dref := range m.of {
		if !m.drvs[dref] {
			g.Derivations = append(g.Derivations, dref)
			g.Bytes += m.size(dref) + diskSize(s.drvDir(dref))
		}
	}
	slices.SortFunc(g.Derivations, DRef.Compare)
	for _, ref := range g.Realizations {
		if m.drvs[ref.dref] {
			g.Bytes += diskSize(s.recordPath(ref)) + diskSize(s.LogPath(ref)) + diskSize(s.VolatilePath(ref))
		}
	}
	names, err := dirNames(s.join("tree"))
	if err != nil {
		return g, err
	}
	for _, name := range names {
		tree, err := ParseHash(strings.TrimSuffix(name, ".manifest"))
		if err != nil || m.trees[tree] || len(g.Trees) > 0 && g.Trees[len(g.Trees)-1] == tree {
			continue
		}
		g.Trees = append(g.Trees, tree)
		g.Bytes += diskSize(s.TreePath(tree)) + diskSize(s.manifestPath(tree))
	}
	work, err := s.deadWork()
	if err != nil {
		return g, err
	}
	orphans, err := s.orphans(m)
	g.Work = append(work, orphans...)
	for _, dir := range g.Work {
		g.Bytes += diskSize(dir)
	}
	return g, err
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

// diskSize returns the sum of the sizes of a file, or of all files below a
// directory, in bytes.
func diskSize(path string) int64 {
	var n int64
	filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // gone meanwhile: it takes no space
		}
		if info, err := d.Info(); err == nil && !d.IsDir() {
			n += info.Size()
		}
		return nil
	})
	return n
}

// sweep moves the garbage to this process's work, to be deleted with it.
func (s *Store) sweep(ctx context.Context, g Garbage, m *marks) error {
	for _, ref := range g.Realizations {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := s.dropRealization(ref); err != nil {
			return err
		}
	}
	if err := s.dropDerivations(g.Derivations); err != nil {
		return err
	}
	for _, tree := range g.Trees {
		if err := errors.Join(s.drop(s.manifestPath(tree)), s.drop(s.TreePath(tree))); err != nil {
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
func (s *Store) orphans(m *marks) ([]string, error) {
	var orphans []string
	for _, dref := range slices.SortedFunc(maps.Keys(m.drvs), DRef.Compare) {
		if _, there := m.of[dref]; !there {
			continue
		}
		names, err := dirNames(s.drvDir(dref))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			base, _, _ := strings.Cut(name, ".")
			hash, err := ParseHash(base)
			ref := RRef{hash, dref}
			switch {
			case err != nil, m.records[ref].Ref == ref, m.kept[ref]:
			case name == base+removedSuffix && m.removed[ref]:
			default:
				orphans = append(orphans, s.drvDir(dref)+"/"+name)
			}
		}
	}
	return orphans, nil
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
