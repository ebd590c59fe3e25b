package store

import (
	"context"
	"os"
	"slices"
	"strings"
)

// settle makes the tree, unless it is in the store, and returns its hash: that
// of the copies, if a file has changed since it was looked at.
func (in *intake) settle(m Manifest) (Hash, error) {
	s := in.store
	if there, err := s.hasSource(m); there || err != nil {
		return m.Hash(), err
	}
	if err := s.Release(); err != nil { // copying takes long
		return Hash{}, err
	}
	dir, err := s.makeDir("source")
	if err != nil {
		return Hash{}, err
	}
	entries, err := in.layAll(m, dir)
	if err != nil {
		return Hash{}, err
	}
	if !slices.Equal(entries, m.Entries()) {
		if m, err = NewManifest(entries); err != nil {
			return Hash{}, err
		}
	}
	return m.Hash(), s.placeSource(dir, m)
}

// layAll makes what the manifest lists below dir, frozen, and returns what that
// is now.
func (in *intake) layAll(m Manifest, dir string) ([]Entry, error) {
	at := make(map[string]*arrival, len(in.items))
	for i := range in.items {
		at[in.items[i].entry.Path] = &in.items[i]
	}
	entries := slices.Clone(m.Entries())
	for _, e := range entries {
		if in.ctx.Err() != nil {
			return nil, context.Cause(in.ctx)
		}
		if e.Kind != KindDir {
			continue
		}
		if err := os.Mkdir(dir+"/"+e.Path, 0o777); err != nil {
			return nil, err
		}
	}
	runs := runsOf(entries)
	err := in.each(len(runs), func(i int) error {
		for k := range runs[i] {
			e := &runs[i][k]
			if in.ctx.Err() != nil {
				return context.Cause(in.ctx)
			}
			if err := in.lay(e, at[e.Path], dir+"/"+e.Path); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return entries, (&scanner{top: dir, freeze: true}).sealDirs(m)
}

// runLength bounds how many files are made one after the other.
const runLength = 256

// runsOf cuts entries into runs that lie in one directory: two that make files
// in the same one wait for each other.
func runsOf(entries []Entry) (runs [][]Entry) {
	dirOf := func(e Entry) string { return e.Path[:max(0, strings.LastIndexByte(e.Path, '/'))] }
	for start := 0; start < len(entries); {
		end := start + 1
		for end < len(entries) && end-start < runLength && dirOf(entries[end]) == dirOf(entries[start]) {
			end++
		}
		runs, start = append(runs, entries[start:end]), end
	}
	return runs
}

// lay puts what the entry tells in its place, and sets it to what that is now.
func (in *intake) lay(e *Entry, it *arrival, to string) error {
	switch {
	case e.Kind == KindDir:
		return nil
	case e.Kind == KindSymlink:
		return makeFrozenLink(e.Target, to)
	case it.From == "":
		return makeFrozen(to, e.Kind, func(dst rawFile) error {
			_, err := dst.Write([]byte(it.Text))
			return err
		})
	case it.copy != "":
		made := it.copy
		it.copy = ""
		return os.Rename(made, to)
	}
	s, err := in.copyTo(it, to)
	if err == nil {
		err = it.checkSum(s)
	}
	if e.Digest != s.digest {
		in.store.witness.Spoil()
	}
	e.Size, e.Digest = s.size, s.digest
	return err
}

// makeFrozenLink makes a symlink as those of a tree are.
func makeFrozenLink(target, to string) error {
	if err := os.Symlink(target, to); err != nil {
		return err
	}
	return stampFrozen(to)
}
