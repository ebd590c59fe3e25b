package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"plx/internal/store"
)

// A world is what can be seen in a store: each derivation, and each
// realization with its log. Two stores with the same world serve the same.
type world map[string]string

// differences names what is in only one of two worlds, or in both with another
// log.
func (w world) differences(other world) []string {
	var names []string
	for name, log := range w {
		if have, there := other[name]; !there || have != log {
			names = append(names, name)
		}
	}
	for name := range other {
		if _, there := w[name]; !there {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// soundWorld returns the world of the store at dir. What can be seen must be
// complete: trees with their hashes and read-only, derivations and what they
// draw on, links, volatile outputs, logs, contexts.
func soundWorld(t *testing.T, dir string) world {
	t.Helper()
	s, err := store.Open(dir)
	if err != nil {
		t.Error(err)
		return nil
	}
	w := make(world)
	drefs, err := s.Derivations()
	if err != nil {
		t.Error(err)
	}
	for _, dref := range drefs {
		w[dref.String()] = ""
		rrefs, err := s.Realizations(dref)
		if err != nil {
			t.Error(err)
		}
		if err := checkDerivation(s, dref, len(rrefs) > 0); err != nil {
			t.Errorf("%v: %v", dref, err)
		}
		for _, ref := range rrefs {
			if err := checkRealization(s, ref); err != nil {
				t.Errorf("%v: %v", ref, err)
			}
			log, err := os.ReadFile(s.LogPath(ref))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
			w[ref.String()] = string(log)
		}
	}
	return w
}

// checkDerivation wants the derivation's source to be there and, if it is
// realized, the derivations that it draws on: gc may be on its way.
func checkDerivation(s *store.Store, ref store.DRef, realized bool) error {
	d, err := s.Derivation(ref)
	if err != nil {
		return err
	}
	for _, dep := range d.Dependencies() {
		if _, err := s.Derivation(dep); realized && err != nil {
			return err
		}
	}
	if d.Source.IsZero() {
		return nil
	}
	m, err := s.Manifest(d.Source)
	if err != nil {
		return err
	}
	return checkTree(s.TreePath(d.Source), m)
}

func checkRealization(s *store.Store, ref store.RRef) error {
	r, err := s.Realization(ref)
	if err != nil {
		return err
	}
	if r.Manifest.Hash() != r.Tree {
		return errors.New("its manifest is not its tree's")
	}
	if err := checkTree(s.TreePath(r.Tree), r.Manifest); err != nil {
		return err
	}
	if to, err := filepath.EvalSymlinks(s.OutPath(ref)); err != nil || filepath.Base(to) != r.Tree.String() {
		return fmt.Errorf("its link leads to %q: %v", to, err)
	}
	for _, p := range r.Volatile {
		if _, err := os.Lstat(s.VolatilePath(ref) + "/" + p); err != nil {
			return err
		}
	}
	for _, refs := range r.Context {
		for _, dep := range refs {
			if _, err := s.Realization(dep); err != nil {
				return fmt.Errorf("its context: %w", err)
			}
		}
	}
	found, err := s.RealizationsOf(r.Action)
	if err != nil || !slices.ContainsFunc(found, func(f store.Realization) bool { return f.Ref == ref }) {
		return fmt.Errorf("it is not found by its action key: %v", err)
	}
	return nil
}

// checkTree wants a directory to hold what the manifest lists, read-only, and
// nothing else.
func checkTree(dir string, m store.Manifest) error {
	left := make(map[string]store.Entry)
	for _, e := range m.Entries() {
		left[e.Path] = e
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		p, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		e, listed := left[p]
		if p == "." {
			e, listed = store.Entry{Kind: store.KindDir}, true
		}
		if !listed {
			return fmt.Errorf("%s is not in the manifest", path)
		}
		delete(left, p)
		return checkEntry(path, e)
	})
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%s lacks %q", dir, slices.Sorted(maps.Keys(left)))
	}
	return err
}

// checkEntry wants what is at the path to be what e says.
func checkEntry(path string, e store.Entry) error {
	modes := map[store.Kind]fs.FileMode{
		store.KindFile: 0o444, store.KindExecutable: 0o555, store.KindDir: fs.ModeDir | 0o555, store.KindSymlink: fs.ModeSymlink | 0o777,
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if info.Mode() != modes[e.Kind] {
		return fmt.Errorf("%s has the mode %v, want %v", path, info.Mode(), modes[e.Kind])
	}
	switch e.Kind {
	case store.KindFile, store.KindExecutable:
		data, err := os.ReadFile(path)
		if err == nil && store.DigestOf(data) != e.Digest {
			err = fmt.Errorf("%s has other bytes than its manifest says", path)
		}
		return err
	case store.KindSymlink:
		target, err := os.Readlink(path)
		if err == nil && target != e.Target {
			err = fmt.Errorf("%s leads to %s, want %s", path, target, e.Target)
		}
		return err
	default:
		return nil
	}
}
