package store

import (
	"context"
	"fmt"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// A SourceFile is a file on its way into a source tree.
type SourceFile struct {
	Path string // where it lies in the tree
	From string // the file on this machine; empty: Text is the content
	Text string
}

// AddFiles takes files into the store as a tree. Symlinks are followed.
func (s *Store) AddFiles(ctx context.Context, files []SourceFile) (Hash, error) {
	m, err := sourceManifest(ctx, files)
	if err != nil {
		return Hash{}, err
	}
	if there, err := s.hasSource(m); there || err != nil {
		return m.Hash(), err
	}
	dir, err := s.makeDir("source")
	if err != nil {
		return Hash{}, err
	}
	if err := laySource(ctx, m, files, dir); err != nil {
		return Hash{}, err
	}
	return s.addTree(dir)
}

// AddDir takes a directory into the store as a tree. A .plx directory, where
// plx keeps its own notes on a project, is left out.
func (s *Store) AddDir(ctx context.Context, from string) (Hash, error) {
	m, err := (&scanner{top: from, skip: isNotes}).scan()
	if err != nil {
		return Hash{}, fmt.Errorf("%s: %w", from, err)
	}
	if there, err := s.hasSource(m); there || err != nil {
		return m.Hash(), err
	}
	dir, err := s.makeDir("source")
	if err != nil {
		return Hash{}, err
	}
	if err := copyTree(from, m, dir); err != nil {
		return Hash{}, err
	}
	return s.addTree(dir)
}

// isNotes tells what of a directory never belongs to a source.
func isNotes(p string) bool { return path.Base(p) == ".plx" }

// sourceManifest returns the manifest of the tree that the files make.
func sourceManifest(ctx context.Context, files []SourceFile) (Manifest, error) {
	entries, seen := []Entry(nil), make(map[string]bool)
	sc := &scanner{}
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return Manifest{}, context.Cause(ctx)
		}
		for dir := path.Dir(f.Path); dir != "." && dir != "/" && !seen[dir]; dir = path.Dir(dir) {
			seen[dir] = true
			entries = append(entries, Entry{Path: dir, Kind: KindDir})
		}
		e, err := sc.sourceEntry(f)
		if err != nil {
			return Manifest{}, err
		}
		entries = append(entries, e)
	}
	return NewManifest(entries)
}

func (sc *scanner) sourceEntry(f SourceFile) (Entry, error) {
	if f.From == "" {
		return Entry{Path: f.Path, Kind: KindFile, Size: int64(len(f.Text)), Digest: DigestOf([]byte(f.Text))}, nil
	}
	file, err := os.OpenFile(f.From, os.O_RDONLY|unix.O_NONBLOCK, 0) // a FIFO would be waited for
	if err != nil {
		return Entry{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return Entry{}, err
	}
	if !info.Mode().IsRegular() {
		return Entry{}, fmt.Errorf("%s: not a regular file", f.From)
	}
	e := Entry{Path: f.Path, Kind: KindFile}
	if info.Mode()&0o100 != 0 {
		e.Kind = KindExecutable
	}
	e.Size, e.Digest, err = sc.digest(file)
	return e, err
}

// laySource copies the files to dir, in the directories that m lists.
func laySource(ctx context.Context, m Manifest, files []SourceFile, dir string) error {
	for _, e := range m.Entries() {
		if e.Kind == KindDir {
			if err := os.Mkdir(dir+"/"+e.Path, 0o777); err != nil {
				return err
			}
		}
	}
	for _, f := range files {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := laySourceFile(m, f, dir); err != nil {
			return err
		}
	}
	return nil
}

func laySourceFile(m Manifest, f SourceFile, dir string) error {
	to := dir + "/" + f.Path
	if f.From == "" {
		return os.WriteFile(to, []byte(f.Text), 0o666)
	}
	e, _ := m.Find(f.Path)
	return copyFile(f.From, to, e.Kind == KindExecutable)
}
