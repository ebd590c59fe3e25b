package store

import (
	"context"
	"fmt"
	"time"
)

// A SourceFile is a file on its way into a source tree.
type SourceFile struct {
	Path   string // where it lies in the tree
	From   string // the file on this machine; empty: Text is the content
	Text   string
	SHA256 string // what the file must have, in hex; empty: anything
}

// A SumError says that a file is not the one that was asked for.
type SumError struct {
	Path string
	Want string // its SHA-256, in hex
	Have string
}

func (e *SumError) Error() string {
	return fmt.Sprintf("%s: has the SHA-256 %s, not %s", e.Path, e.Have, e.Want)
}

// AddFiles takes files into the store as a tree. Symlinks are followed. The
// error is a [SumError] if a file has another SHA-256 than it must.
func (s *Store) AddFiles(ctx context.Context, files []SourceFile) (Hash, error) {
	in := newIntake(ctx, s, true)
	defer in.discard()
	m, err := in.manifest(files)
	if err != nil {
		return Hash{}, err
	}
	return in.settle(m)
}

// AddDir takes a directory into the store as a tree. A .plx directory, where
// plx keeps its own notes on a project, is left out.
func (s *Store) AddDir(ctx context.Context, from string) (Hash, error) {
	in := newIntake(ctx, s, true)
	defer in.discard()
	began := s.seen.clock()
	print, err := in.walk(from)
	if err != nil {
		return Hash{}, err
	}
	if tree, known := s.seen.tree(from, print); known {
		if there, err := s.hasSourceTree(tree); there || err != nil {
			s.witness.dir(from, print)
			return tree, err
		}
	}
	m, err := in.walked()
	if err != nil {
		return Hash{}, fmt.Errorf("%s: %w", from, err)
	}
	tree, err := in.settle(m)
	if err == nil && tree == m.Hash() {
		in.rememberTree(from, print, tree, began)
	}
	if known, ok := s.seen.tree(from, print); ok && known == tree {
		s.witness.dir(from, print)
	} else {
		s.witness.Spoil() // a file is too young for its times to tell
	}
	return tree, err
}

// rememberTree remembers what the directory is, if all files in it were old
// enough at the time, and are those that were read.
func (in *intake) rememberTree(from string, print, tree Hash, began time.Time) {
	for _, it := range in.items {
		if it.entry.Kind != KindFile && it.entry.Kind != KindExecutable {
			continue
		}
		if s, known := in.store.seen.find(it.From, it.stamp); !known || s.digest != it.entry.Digest || it.young(began) {
			return
		}
	}
	in.store.seen.addTree(from, treeSight{print, tree})
}
