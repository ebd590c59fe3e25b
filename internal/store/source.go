package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path"

	"golang.org/x/sys/unix"
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
	m, err := in.dir(from)
	if err != nil {
		return Hash{}, err
	}
	return in.settle(m)
}

// isNotes tells what of a directory never belongs to a source.
func isNotes(p string) bool { return path.Base(p) == ".plx" }

// isStore tells a store by what lies at its top. One that is kept in a project
// must not be taken into itself.
func isStore(dir string) bool {
	for _, name := range []string{"drv", "tree", "action", "version"} {
		if _, err := os.Lstat(dir + "/" + name); err != nil {
			return false
		}
	}
	return true
}

// An intake is files on their way into the store. A large file is copied at
// once when it is first read, so that it is read once; others when it is known
// that the store doesn't have the tree.
type intake struct {
	ctx    context.Context
	store  *Store
	copies map[string]string // of files that are copied already, where; nil: none is
	files  map[string]SourceFile
	buf    []byte
}

// largeFile is the size in bytes from which reading a file twice takes longer
// than making, perhaps in vain, a copy of it.
const largeFile = 1 << 20

// newIntake returns an intake; one that doesn't write only finds out manifests.
func newIntake(ctx context.Context, s *Store, writes bool) *intake {
	in := &intake{ctx: ctx, store: s, files: make(map[string]SourceFile), buf: make([]byte, scanBuffer)}
	if writes {
		s.mustHold()
	}
	if writes && !s.ReadOnly() {
		in.copies = make(map[string]string)
	}
	return in
}

// discard removes copies that were made in vain.
func (in *intake) discard() {
	for _, c := range in.copies {
		os.Remove(c)
	}
}

// manifest returns the manifest of the tree that the files make.
func (in *intake) manifest(files []SourceFile) (Manifest, error) {
	entries, seen := []Entry(nil), make(map[string]bool)
	for _, f := range files {
		for dir := path.Dir(f.Path); dir != "." && dir != "/" && !seen[dir]; dir = path.Dir(dir) {
			seen[dir] = true
			entries = append(entries, Entry{Path: dir, Kind: KindDir})
		}
		e, err := in.take(f)
		if err != nil {
			return Manifest{}, err
		}
		entries = append(entries, e)
	}
	return NewManifest(entries)
}

// dir returns the manifest of the directory.
func (in *intake) dir(from string) (Manifest, error) {
	take := func(p string) (Entry, error) { return in.take(SourceFile{Path: p, From: from + "/" + p}) }
	skip := func(p string) bool { return isNotes(p) || isStore(from+"/"+p) }
	m, err := (&scanner{top: from, skip: skip, take: take}).scan()
	if err != nil {
		return Manifest{}, fmt.Errorf("%s: %w", from, err)
	}
	return m, nil
}

// take finds out what a file is.
func (in *intake) take(f SourceFile) (Entry, error) {
	if in.ctx.Err() != nil {
		return Entry{}, context.Cause(in.ctx)
	}
	in.files[f.Path] = f
	if f.From == "" {
		return Entry{Path: f.Path, Kind: KindFile, Size: int64(len(f.Text)), Digest: DigestOf([]byte(f.Text))}, nil
	}
	executable, st, err := statFile(f.From)
	if err != nil {
		return Entry{}, err
	}
	s, known := in.store.seen.find(f.From, st)
	if !known || f.SHA256 != "" && s.sha256 == "" {
		if s, err = in.read(f, st.size); err != nil {
			return Entry{}, err
		}
	}
	if f.SHA256 != "" && f.SHA256 != s.sha256 {
		return Entry{}, &SumError{Path: f.From, Want: f.SHA256, Have: s.sha256}
	}
	e := Entry{Path: f.Path, Kind: KindFile, Size: s.size, Digest: s.digest}
	if executable {
		e.Kind = KindExecutable
	}
	return e, nil
}

// read reads a file, and makes a copy of it if it is large.
func (in *intake) read(f SourceFile, size int64) (sight, error) {
	if in.copies == nil || size < largeFile || in.copies[f.Path] != "" {
		return in.digest(f.From, nil, f.SHA256 != "")
	}
	to, err := in.store.workPath("copy")
	if err != nil {
		return sight{}, err
	}
	in.copies[f.Path] = to
	if err := in.store.Release(); err != nil { // copying takes long
		return sight{}, err
	}
	return in.copy(f.From, to, f.SHA256 != "")
}

// copy copies a file, and returns what the copy contains.
func (in *intake) copy(from, to string, sum bool) (s sight, err error) {
	dst, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return s, err
	}
	s, err = in.digest(from, dst, sum)
	return s, errors.Join(err, dst.Close())
}

// digest reads a file, with dst to make a copy of it, and remembers what it
// has seen. A copy that shares the file's blocks is not read if the file is
// known.
func (in *intake) digest(from string, dst *os.File, sum bool) (s sight, err error) {
	opened := in.store.seen.clock()
	src, err := os.OpenFile(from, os.O_RDONLY|unix.O_NONBLOCK, 0) // a FIFO would be waited for
	if err != nil {
		return s, err
	}
	defer src.Close()
	before, err := fstatFile(src)
	if err != nil {
		return s, err
	}
	read := src
	if dst != nil && cloneFile(dst, src) == nil {
		after, err := fstatFile(src)
		if s, known := in.store.seen.find(from, after); known && err == nil && !sum {
			return s, nil
		}
		read, dst = dst, nil // the clone is what counts
	}
	s.digest, s.sha256, s.size, err = in.hash(read, dst, sum)
	if err != nil {
		return s, err
	}
	if s.size == before.size {
		s.stamp = before
		in.store.seen.add(from, s, opened)
	}
	return s, nil
}

// hash reads src, and appends what it reads to dst unless that is nil.
func (in *intake) hash(src, dst *os.File, sum bool) (d Digest, hex256 string, size int64, err error) {
	h256 := sha256.New()
	var to []io.Writer
	if sum {
		to = append(to, h256)
	}
	if dst != nil {
		to = append(to, dst)
	}
	f, err := copyHashed(in.ctx, io.MultiWriter(to...), src, in.buf)
	if err != nil {
		return d, "", 0, err
	}
	return f.digest, sumText(h256, sum), f.bytes, nil
}

func sumText(h hash.Hash, wanted bool) string {
	if !wanted {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

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
	entries := make([]Entry, len(m.Entries()))
	for i, e := range m.Entries() {
		if entries[i], err = in.lay(e, dir+"/"+e.Path); err != nil {
			return Hash{}, err
		}
	}
	if m, err = NewManifest(entries); err != nil {
		return Hash{}, err
	}
	if err := (&scanner{top: dir, freeze: true}).sealAll(m); err != nil {
		return Hash{}, err
	}
	return m.Hash(), s.placeSource(dir, m)
}

// lay puts what the entry tells in its place, and returns what that is now.
func (in *intake) lay(e Entry, to string) (Entry, error) {
	if in.ctx.Err() != nil {
		return e, context.Cause(in.ctx)
	}
	f := in.files[e.Path]
	made := in.copies[e.Path]
	switch {
	case e.Kind == KindDir:
		return e, os.Mkdir(to, 0o777)
	case e.Kind == KindSymlink:
		return e, os.Symlink(e.Target, to)
	case f.From == "":
		return e, os.WriteFile(to, []byte(f.Text), 0o666)
	case made != "":
		delete(in.copies, e.Path)
		return e, os.Rename(made, to)
	}
	s, err := in.copy(f.From, to, f.SHA256 != "")
	if err == nil && f.SHA256 != s.sha256 && f.SHA256 != "" {
		err = &SumError{Path: f.From, Want: f.SHA256, Have: s.sha256}
	}
	e.Size, e.Digest = s.size, s.digest
	return e, err
}
