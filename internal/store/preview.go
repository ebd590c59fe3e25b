package store

import (
	"context"
	"fmt"
)

// A Preview tells what sources would be in a store, and adds none: for a dry
// run.
type Preview struct {
	store     *Store
	manifests map[Hash]Manifest
}

// Preview returns a preview of the store.
func (s *Store) Preview() *Preview {
	return &Preview{store: s, manifests: make(map[Hash]Manifest)}
}

// AddFiles returns what [Store.AddFiles] would.
func (p *Preview) AddFiles(ctx context.Context, files []SourceFile) (Hash, error) {
	m, err := sourceManifest(ctx, files)
	return p.add(m), err
}

// AddDir returns what [Store.AddDir] would.
func (p *Preview) AddDir(ctx context.Context, from string) (Hash, error) {
	m, err := (&scanner{top: from, skip: isNotes}).scan()
	if err != nil {
		return Hash{}, fmt.Errorf("%s: %w", from, err)
	}
	return p.add(m), nil
}

func (p *Preview) add(m Manifest) Hash {
	p.manifests[m.Hash()] = m
	return m.Hash()
}

// Manifest returns the manifest of a source tree that is in the store, or
// would be.
func (p *Preview) Manifest(tree Hash) (Manifest, error) {
	if m, ok := p.manifests[tree]; ok {
		return m, nil
	}
	return p.store.Manifest(tree)
}
