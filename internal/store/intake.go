package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"plx/internal/builder/host"
)

// An intake is files on their way into the store. A large file is copied at
// once when it is first read, so that it is read once; others when it is known
// that the store doesn't have the tree.
type intake struct {
	ctx      context.Context
	store    *Store
	copies   bool               // large files are copied
	from     string             // the directory that was walked
	dirs     map[string]dirLook // what is in it, by the paths of directories
	items    []arrival
	hashers  sync.Pool
	unshared atomic.Bool // the file system can't make files share blocks
}

// An arrival is a file, directory or symlink on its way.
type arrival struct {
	SourceFile
	stamp
	entry  Entry  // what it is; of a file, once that was taken
	looked bool   // the stamp and the kind are known
	copy   string // where a copy of it is; empty: nowhere
}

// largeFile is the size in bytes from which reading a file twice takes longer
// than making, perhaps in vain, a copy of it.
const largeFile = 1 << 20

// newIntake returns an intake; one that doesn't write only finds out manifests.
func newIntake(ctx context.Context, s *Store, writes bool) *intake {
	in := &intake{ctx: ctx, store: s}
	in.hashers.New = func() any { return new(hasher) }
	if writes {
		s.mustHold()
		in.copies = !s.ReadOnly()
	}
	return in
}

// discard removes copies that were made in vain.
func (in *intake) discard() {
	for _, it := range in.items {
		if it.copy != "" {
			os.Remove(it.copy)
		}
	}
}

// manifest returns the manifest of the tree that the files make.
func (in *intake) manifest(files []SourceFile) (Manifest, error) {
	seen := make(map[string]bool)
	for _, f := range files {
		for dir := path.Dir(f.Path); dir != "." && dir != "/" && !seen[dir]; dir = path.Dir(dir) {
			seen[dir] = true
			in.items = append(in.items, arrival{entry: Entry{Path: dir, Kind: KindDir}})
		}
		in.items = append(in.items, arrival{SourceFile: f, entry: Entry{Path: f.Path, Kind: KindFile}})
	}
	entries, err := in.takeAll()
	if err != nil {
		return Manifest{}, err
	}
	return NewManifest(entries)
}

// takeAll finds out what the items are.
func (in *intake) takeAll() ([]Entry, error) {
	entries := make([]Entry, len(in.items))
	err := in.each(len(in.items), func(i int) error {
		err := in.take(&in.items[i])
		entries[i] = in.items[i].entry
		if err != nil {
			err = nameTooLong(in.items[i].Path, err)
		}
		return err
	})
	return entries, err
}

// each calls do for 0 to n-1, several at once, until one fails.
func (in *intake) each(n int, do func(i int) error) error {
	var mu sync.Mutex
	var failed error
	first := n
	var stopped atomic.Bool
	InParallel(n, func(i int) {
		if stopped.Load() {
			return
		}
		err := do(i)
		if in.ctx.Err() != nil {
			err = context.Cause(in.ctx)
		}
		if err == nil {
			return
		}
		stopped.Store(true)
		mu.Lock()
		defer mu.Unlock()
		if i < first {
			first, failed = i, err
		}
	})
	return failed
}

// take finds out what a file is.
func (in *intake) take(it *arrival) (err error) {
	e := &it.entry
	if e.Kind != KindFile && e.Kind != KindExecutable {
		return nil
	}
	if it.From == "" {
		e.Size, e.Digest = int64(len(it.Text)), DigestOf([]byte(it.Text))
		return nil
	}
	noted := in.store.witness.clock()
	if !it.looked {
		var executable bool
		if executable, it.stamp, err = statFile(it.From); err != nil {
			return err
		}
		if executable {
			e.Kind = KindExecutable
		}
	}
	s, known := in.store.seen.find(it.From, it.stamp)
	if !known || it.SHA256 != "" && s.sha256 == "" {
		if s, err = in.read(it); err != nil {
			return err
		}
	}
	in.store.witness.source(it.From, s, e.Kind == KindExecutable, noted)
	e.Size, e.Digest = s.size, s.digest
	return it.checkSum(s)
}

// checkSum returns an error if the file has another SHA-256 than it must.
func (it *arrival) checkSum(s sight) error {
	if it.SHA256 != "" && it.SHA256 != s.sha256 {
		return &SumError{Path: it.From, Want: it.SHA256, Have: s.sha256}
	}
	return nil
}

// read reads a file, and makes a copy of it if it is large.
func (in *intake) read(it *arrival) (sight, error) {
	if !in.copies || it.size < largeFile || it.copy != "" {
		return in.digest(it, noFile())
	}
	to, err := in.store.workPath("copy")
	if err != nil {
		return sight{}, err
	}
	it.copy = to
	if err := in.store.Release(); err != nil { // copying takes long
		return sight{}, err
	}
	return in.copyTo(it, to)
}

// copyTo copies a file, and returns what the copy contains.
func (in *intake) copyTo(it *arrival, to string) (s sight, err error) {
	err = makeFrozen(to, it.entry.Kind, func(dst rawFile) error {
		s, err = in.digest(it, dst)
		return err
	})
	return s, err
}

// makeFrozen makes a file as those of a tree are.
func makeFrozen(to string, kind Kind, fill func(rawFile) error) error {
	mode := kind.frozenMode()
	dst, err := createRaw(to, mode)
	if err != nil {
		return err
	}
	if err = fill(dst); err == nil {
		err = dst.freeze(mode)
	}
	return errors.Join(err, dst.Close())
}

// digest reads a file, with dst to make a copy of it, and remembers what it
// has seen. A copy that shares the file's blocks is not read if the file is
// known.
func (in *intake) digest(it *arrival, dst rawFile) (s sight, err error) {
	opened := in.store.seen.clock()
	src, err := openRaw(it.From)
	if err != nil {
		return s, err
	}
	defer src.Close()
	before, err := src.stampOf()
	if err != nil {
		return s, err
	}
	sum, read := it.SHA256 != "", src
	if dst.isOpen() && in.share(dst, src) {
		after, err := src.stampOf()
		if s, known := in.store.seen.find(it.From, after); known && err == nil && !sum {
			return s, nil
		}
		read, dst = dst, noFile() // the clone is what counts
	}
	if s.digest, s.sha256, s.size, err = in.hash(read, dst, sum); err != nil {
		return s, err
	}
	if s.size == before.size {
		s.stamp = before
		in.store.seen.add(it.From, s, opened)
	}
	return s, nil
}

// share makes dst share the blocks of src, if the file system can do that.
func (in *intake) share(dst, src rawFile) bool {
	if in.unshared.Load() {
		return false
	}
	err := host.Clone(dst.fd, src.fd)
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, unix.EXDEV) {
		in.unshared.Store(true)
	}
	return err == nil
}

// hash reads src, and appends what it reads to dst, if there is such.
func (in *intake) hash(src io.Reader, dst rawFile, sum bool) (d Digest, hex256 string, size int64, err error) {
	h := in.hashers.Get().(*hasher)
	defer in.hashers.Put(h)
	to := io.Discard
	if dst.isOpen() {
		to = &earlyWriter{file: dst}
	}
	if !sum {
		f, err := h.copy(in.ctx, to, in.store.takenIn().reader(src))
		return f.digest, "", f.bytes, err
	}
	h256 := sha256.New()
	f, err := h.copy(in.ctx, io.MultiWriter(h256, to), in.store.takenIn().reader(src))
	return f.digest, hex.EncodeToString(h256.Sum(nil)), f.bytes, err
}
