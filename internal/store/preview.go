package store

import (
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// A Preview tells what sources would be in a store, and adds none: for a dry
// run.
type Preview struct {
	store     *Store
	manifests map[Hash]Manifest
	files     map[Hash]map[string]SourceFile // where the files of a tree come from
}

// Preview returns a preview of the store.
func (s *Store) Preview() *Preview {
	return &Preview{store: s, manifests: make(map[Hash]Manifest), files: make(map[Hash]map[string]SourceFile)}
}

// AddFiles returns what [Store.AddFiles] would.
func (p *Preview) AddFiles(ctx context.Context, files []SourceFile) (Hash, error) {
	in := newIntake(ctx, p.store, false)
	m, err := in.manifest(files)
	return p.add(m, in), err
}

// AddDir returns what [Store.AddDir] would.
func (p *Preview) AddDir(ctx context.Context, from string) (Hash, error) {
	in := newIntake(ctx, p.store, false)
	print, err := in.walk(from)
	if err != nil {
		return Hash{}, err
	}
	tree, known := p.store.seen.tree(from, print)
	if known && p.store.exists(p.store.manifestPath(tree)) {
		return tree, nil
	}
	m, err := in.walked()
	if err != nil {
		return Hash{}, fmt.Errorf("%s: %w", from, err)
	}
	return p.add(m, in), nil
}

func (p *Preview) add(m Manifest, in *intake) Hash {
	tree := m.Hash()
	files := make(map[string]SourceFile, len(in.items))
	for _, it := range in.items {
		files[it.entry.Path] = it.SourceFile
	}
	p.manifests[tree], p.files[tree] = m, files
	return tree
}

// Text returns what a file of a source tree holds, if it can be read, up to one
// byte more than most.
func (p *Preview) Text(tree Hash, path string, most int64) ([]byte, bool) {
	file := SourceFile{From: p.store.TreePath(tree) + "/" + path}
	if files, ok := p.files[tree]; ok {
		file = files[path]
	}
	if file.From == "" {
		return []byte(file.Text), true
	}
	f, err := os.OpenFile(file.From, os.O_RDONLY|unix.O_NONBLOCK, 0) // a FIFO would be waited for
	if err != nil {
		return nil, false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	return data, err == nil
}

// Manifest returns the manifest of a source tree that is in the store, or
// would be.
func (p *Preview) Manifest(tree Hash) (Manifest, error) {
	if m, ok := p.manifests[tree]; ok {
		return m, nil
	}
	return p.store.Manifest(tree)
}
