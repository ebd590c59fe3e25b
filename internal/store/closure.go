package store

// This file finds out what belongs into an archive: what gc keeps for the
// realizations that are packed.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
)

// Listing returns what an archive of the realizations holds: they and what
// they are built from, with the derivations and source trees that these need
// to be made again. It writes nothing. The error is [ErrNotExist] if one of
// them is not in the store, or a [DamageError].
func (s *Store) Listing(ctx context.Context, targets []RRef) (Listing, error) {
	l := &lister{ctx: ctx, store: s, at: make(map[string]int)}
	for _, ref := range targets {
		if !slices.Contains(l.Targets, ref) {
			l.Targets = append(l.Targets, ref)
		}
	}
	for _, ref := range slices.SortedFunc(slices.Values(l.Targets), RRef.Compare) {
		if err := l.realization(ref); err != nil {
			return Listing{}, err
		}
	}
	return l.Listing, nil
}

// A lister makes a listing.
type lister struct {
	Listing
	ctx   context.Context
	store *Store
	at    map[string]int // by name, where the object is in the listing
	hash  hasher
}

// add appends the object, unless it is there, and returns where it is.
func (l *lister) add(o object) int {
	i, ok := l.at[o.name()]
	if !ok {
		i = len(l.objects)
		l.at[o.name()] = i
		l.objects = append(l.objects, o)
	}
	return i
}

func (l *lister) has(name string) bool {
	_, ok := l.at[name]
	return ok
}

func (l *lister) realization(ref RRef) error {
	if l.has(realizationEntry(ref)) {
		return nil
	}
	if l.ctx.Err() != nil {
		return context.Cause(l.ctx)
	}
	r, err := l.store.Realization(ref)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(r.Context)) {
		for _, dep := range r.Context[name] {
			if err := l.built(r, dep); err != nil {
				return err
			}
		}
	}
	if err := l.derivation(ref.dref); err != nil {
		return err
	}
	if err := l.tree(r.Tree, r.Manifest, r.Ref, false); err != nil {
		return err
	}
	data, err := r.encode()
	if err != nil {
		return err
	}
	o := object{rref: ref, made: r.Made, text: fileOf(data)}
	if o.log, err = l.log(ref); err != nil {
		return err
	}
	if len(r.Volatile) > 0 {
		m, err := l.store.volatileManifest(ref)
		if err != nil {
			return err
		}
		o.volatile = treeOf(m.Hash(), m)
	}
	l.add(o)
	return nil
}

// built lists what r was built from. What was removed is remembered.
func (l *lister) built(r Realization, dep RRef) error {
	err := l.realization(dep)
	if !errors.Is(err, ErrNotExist) || l.store.exists(l.store.recordPath(dep)) {
		return err
	}
	if !l.store.exists(l.store.OutPath(dep) + removedSuffix) {
		return &DamageError{l.store.recordPath(r.Ref), fmt.Errorf("it was built from %w", err)}
	}
	if err := l.derivation(dep.dref); err != nil {
		return err
	}
	l.add(object{rref: dep, removed: true})
	return nil
}

// derivation lists a derivation after those that it draws on and its source.
func (l *lister) derivation(ref DRef) error {
	if l.has(drvEntry(ref)) {
		return nil
	}
	d, err := l.store.Derivation(ref)
	if errors.Is(err, ErrNotExist) { // something here refers to it
		return l.store.drvDamage(ref, errors.New("it is not there"))
	}
	if err != nil {
		return err
	}
	for _, dep := range d.Dependencies() {
		if err := l.derivation(dep); err != nil {
			return err
		}
	}
	if !d.Source.IsZero() {
		m, err := l.store.Manifest(d.Source)
		if err != nil {
			return err
		}
		if err := l.tree(d.Source, m, RRef{}, true); err != nil {
			return err
		}
	}
	_, data, err := d.Ref()
	l.add(object{dref: ref, text: packedFile{bytes: int64(len(data))}})
	return err
}

func (l *lister) tree(tree Hash, m Manifest, of RRef, source bool) error {
	if !l.store.HasTree(tree) {
		return &DamageError{l.store.TreePath(tree), fs.ErrNotExist}
	}
	t := treeOf(tree, m)
	t.of = of
	i := l.add(object{tree: t})
	l.objects[i].tree.source = l.objects[i].tree.source || source
	return nil
}

func (l *lister) log(ref RRef) (packedFile, error) {
	f, err := os.Open(l.store.LogPath(ref))
	if errors.Is(err, fs.ErrNotExist) {
		return packedFile{}, nil
	}
	if err != nil {
		return packedFile{}, err
	}
	defer f.Close()
	return l.hash.copy(l.ctx, io.Discard, f)
}

// volatileManifest reads the volatile outputs of a realization.
func (s *Store) volatileManifest(ref RRef) (Manifest, error) {
	m, err := (&scanner{top: s.VolatilePath(ref)}).scan()
	var odd *TreeError
	if errors.Is(err, fs.ErrNotExist) || errors.As(err, &odd) {
		return Manifest{}, &DamageError{s.VolatilePath(ref), err}
	}
	return m, err
}
