package store

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// marks is what the roots reach, and what there is.
type marks struct {
	store   *Store
	drvs    map[DRef]bool        // derivations to keep
	kept    map[RRef]bool        // realizations to keep
	trees   map[Hash]bool        // trees to keep
	records map[RRef]Realization // all that there are and can be read
	of      map[DRef][]RRef      // all that there are
	removed map[RRef]bool        // not there any more, but something kept refers to it
	damaged []error
	failed  []error // why something could not be read that may be sound
}

func (s *Store) mark(ctx context.Context, keep []string) (*marks, error) {
	m, err := s.readMarks(ctx)
	if err != nil {
		return nil, err
	}
	roots, err := s.Roots()
	if err != nil {
		return nil, err
	}
	for _, r := range roots {
		m.keep(r.DRefs, r.RRefs)
	}
	if err := m.keepNoted(); err != nil {
		return nil, err
	}
	for _, dir := range keep {
		drefs, rrefs, trees, err := s.LinkedRefs(dir)
		if err != nil {
			return nil, err
		}
		m.keep(drefs, rrefs)
		m.keepTrees(trees)
	}
	return m, errors.Join(m.failed...)
}

// report takes note of what can't be read. If it is the machine that failed,
// what is to be kept is not known, and nothing may be removed.
func (m *marks) report(err error) {
	if isDamage(err) {
		m.damaged = append(m.damaged, err)
	} else {
		m.failed = append(m.failed, err)
	}
}

// keepNoted keeps what running processes refer to.
func (m *marks) keepNoted() error {
	ws, err := m.store.workers()
	if err != nil {
		return err
	}
	for _, w := range ws {
		for _, note := range w.notes {
			if dref, err := ParseDRef(note); err == nil {
				m.keep([]DRef{dref}, nil)
			} else if rref, err := ParseRRef(note); err == nil {
				m.keep(nil, []RRef{rref})
			} else if tree, err := ParseHash(note); err == nil {
				m.trees[tree] = true
			}
		}
	}
	return nil
}

// keepTrees keeps the trees, and the realizations that have one of them.
func (m *marks) keepTrees(trees []Hash) {
	wanted := make(map[Hash]bool, len(trees))
	for _, tree := range trees {
		wanted[tree] = true
		m.trees[tree] = true
	}
	for ref, r := range m.records {
		if wanted[r.Tree] {
			m.realization(ref)
		}
	}
}

// readMarks reads the whole graph. What is damaged is kept.
func (s *Store) readMarks(ctx context.Context) (*marks, error) {
	m := &marks{
		store: s, drvs: map[DRef]bool{}, kept: map[RRef]bool{}, trees: map[Hash]bool{},
		records: map[RRef]Realization{}, of: map[DRef][]RRef{}, removed: map[RRef]bool{},
	}
	drefs, err := s.Derivations()
	if err != nil {
		return nil, err
	}
	var damaged []DRef
	for _, dref := range drefs {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if !m.read(dref) {
			damaged = append(damaged, dref)
		}
	}
	for _, dref := range damaged {
		m.derivation(dref)
	}
	return m, errors.Join(m.failed...)
}

// read reads the records of a derivation, and reports whether all could be
// read. Of one that can't be, the link tells which tree is its.
func (m *marks) read(dref DRef) bool {
	rrefs, err := m.store.Realizations(dref)
	if err != nil { // a file that has a directory's name
		m.report(err)
		m.drvs[dref] = true
		return true
	}
	m.of[dref] = rrefs
	sound := true
	for _, rref := range rrefs {
		r, err := m.store.Realization(rref)
		if err == nil {
			m.records[rref] = r
			continue
		}
		sound = false
		m.report(err)
		m.kept[rref] = true
		target, _ := os.Readlink(m.store.OutPath(rref))
		if tree, err := ParseHash(filepath.Base(target)); err == nil {
			m.trees[tree] = true
		}
	}
	return sound
}

func (m *marks) keep(drefs []DRef, rrefs []RRef) {
	for _, ref := range drefs {
		m.derivation(ref)
		for _, rref := range m.of[ref] {
			m.realization(rref)
		}
	}
	for _, ref := range rrefs {
		m.realization(ref)
	}
}

// size returns the size of a derivation's line, in bytes.
func (m *marks) size(ref DRef) int64 {
	data, _ := m.store.derivationText(ref) // what has no line takes no space
	return int64(len(data))
}

// derivation keeps a derivation, its sources, and the derivations that it
// draws on, so that it can be realized again.
func (m *marks) derivation(ref DRef) {
	if m.drvs[ref] {
		return
	}
	m.drvs[ref] = true
	d, err := m.store.Derivation(ref)
	if err != nil {
		if !errors.Is(err, ErrNotExist) {
			m.report(err)
		}
		return
	}
	m.trees[d.Source] = true
	for _, dep := range d.Dependencies() {
		m.derivation(dep)
	}
}

// realization keeps a realization, and the closure of its context.
func (m *marks) realization(ref RRef) {
	if m.kept[ref] {
		return
	}
	r, ok := m.records[ref]
	if !ok { // removed on purpose: what says so is kept
		m.removed[ref] = true
		m.derivation(ref.dref)
		return
	}
	m.kept[ref] = true
	m.trees[r.Tree] = true
	m.derivation(ref.dref)
	for _, refs := range r.Context {
		for _, dep := range refs {
			m.realization(dep)
		}
	}
}

// deadOrder returns the dead realizations, dependents first, so that none ever
// lacks its context. The order is the same each time.
func (m *marks) deadOrder() []RRef {
	var order []RRef
	seen := make(map[RRef]bool)
	var visit func(ref RRef)
	visit = func(ref RRef) {
		r, ok := m.records[ref]
		if !ok || m.kept[ref] || seen[ref] {
			return
		}
		seen[ref] = true
		for _, name := range slices.Sorted(maps.Keys(r.Context)) {
			for _, dep := range r.Context[name] {
				visit(dep)
			}
		}
		order = append(order, ref)
	}
	refs := make([]RRef, 0, len(m.records))
	for ref := range m.records {
		refs = append(refs, ref)
	}
	slices.SortFunc(refs, RRef.Compare)
	for _, ref := range refs {
		visit(ref)
	}
	slices.Reverse(order)
	return order
}
