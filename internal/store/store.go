package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// ErrNotExist says that the store doesn't have the object asked for.
var ErrNotExist = errors.New("not in the store")

// A DamageError says that an object of the store is not what its name says.
type DamageError struct {
	Path string
	Err  error
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s: damaged: %v", e.Path, e.Err)
}

func (e *DamageError) Unwrap() error { return e.Err }

// A Store is a directory that keeps objects. Reading takes no lock. Whoever
// writes calls [Store.Hold] first.
type Store struct {
	dir   string // absolute
	seen  *seen  // what is remembered of files; nil: nothing
	tools *seen  // what is remembered of programs; nil: not read yet

	mu     sync.Mutex
	hold   *os.File // locked while objects may be added or removed
	alone  bool     // the lock is exclusive
	work   *os.File // this process's directory in tmp, locked
	serial int      // of names in work
}

// Open returns the store at dir, which need not exist yet: the first write
// makes it. A directory that holds something else, or a store of a newer
// format, is an error.
func Open(dir string) (*Store, error) {
	if dir == "" {
		return nil, errors.New("store: its directory has no name")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("store %s: %v", dir, err)
	}
	s := &Store{dir: abs}
	if err := s.checkVersion(); err != nil {
		return nil, fmt.Errorf("store %s: %w", abs, err)
	}
	return s, nil
}

// Close ends what [Store.Hold] began and removes this process's work.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := []error{s.keepTools()}
	if s.hold != nil {
		errs = append(errs, s.hold.Close())
	}
	if s.work != nil {
		errs = append(errs, removeAll(s.work.Name()), s.work.Close())
	}
	s.work, s.hold, s.alone = nil, nil, false
	return errors.Join(errs...)
}

// Dir returns the store's directory, absolute.
func (s *Store) Dir() string { return s.dir }

func (s *Store) join(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

func (s *Store) drvDir(ref DRef) string        { return s.dir + "/drv/" + ref.base() }
func (s *Store) recordPath(ref RRef) string    { return s.OutPath(ref) + ".json" }
func (s *Store) manifestPath(tree Hash) string { return s.TreePath(tree) + ".manifest" }

// TreePath returns where the tree is, if it is in the store.
func (s *Store) TreePath(tree Hash) string { return s.dir + "/tree/" + tree.String() }

// OutPath returns the link that leads to the tree of a realization. A link
// to it from outside keeps the realization.
func (s *Store) OutPath(ref RRef) string { return s.drvDir(ref.dref) + "/" + ref.hash.String() }

// LogPath returns where the log of a realization is. A command that printed
// nothing has none.
func (s *Store) LogPath(ref RRef) string { return s.OutPath(ref) + ".log" }

// FailedLogPath returns where the log of the last failed build is.
func (s *Store) FailedLogPath(ref DRef) string { return s.drvDir(ref) + "/failed.log" }

// VolatilePath returns where the volatile outputs of a realization are.
func (s *Store) VolatilePath(ref RRef) string { return s.OutPath(ref) + ".volatile" }

// Derivation reads a derivation. The error is [ErrNotExist], a [DamageError],
// or what reading it gave.
func (s *Store) Derivation(ref DRef) (Derivation, error) {
	path := s.drvDir(ref) + "/derivation.json"
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Derivation{}, fmt.Errorf("%v: %w", ref, ErrNotExist)
	}
	if err != nil {
		return Derivation{}, fmt.Errorf("%v: %w", ref, err)
	}
	if HashOf(data) != ref.hash {
		return Derivation{}, &DamageError{path, errors.New("it has another hash")}
	}
	d, err := ParseDerivation(data)
	if err == nil && d.Name != ref.name {
		err = fmt.Errorf("it is named %s", d.Name)
	}
	if err != nil {
		return Derivation{}, &DamageError{path, err}
	}
	return d, nil
}

// Realization reads the record of a realization, and its manifest. The error
// is [ErrNotExist], a [DamageError], or what reading it gave.
func (s *Store) Realization(ref RRef) (Realization, error) {
	path := s.recordPath(ref)
	data, made, err := readTimed(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Realization{}, fmt.Errorf("%v: %w", ref, ErrNotExist)
	}
	if err != nil {
		return Realization{}, fmt.Errorf("%v: %w", ref, err)
	}
	r, inline, err := decodeRealization(ref, data)
	if err != nil {
		return Realization{}, &DamageError{path, err}
	}
	r.Made = made
	if !inline {
		if r.Manifest, err = s.Manifest(r.Tree); err != nil {
			return Realization{}, err
		}
	}
	return r, nil
}

// readTimed reads a file and its mtime.
func readTimed(path string) ([]byte, time.Time, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, time.Time{}, err
	}
	data := make([]byte, info.Size())
	_, err = io.ReadFull(f, data)
	return data, info.ModTime(), err
}

// Manifest reads the manifest of a tree that no record holds it for. The error
// is a [DamageError], also if there is none, or what reading it gave.
func (s *Store) Manifest(tree Hash) (Manifest, error) {
	path := s.manifestPath(tree)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, &DamageError{path, err}
	}
	if err != nil {
		return Manifest{}, err
	}
	if HashOf(data) != tree {
		return Manifest{}, &DamageError{path, errors.New("it has another hash")}
	}
	m, err := ParseManifest(data)
	if err != nil {
		return Manifest{}, &DamageError{path, err}
	}
	return m, nil
}

// HasTree reports whether the tree is there. It doesn't look into it.
func (s *Store) HasTree(tree Hash) bool {
	info, err := os.Lstat(s.TreePath(tree))
	return err == nil && info.IsDir()
}

// Derivations returns all derivations, in order. What has no name of a
// derivation is passed over.
func (s *Store) Derivations() ([]DRef, error) {
	names, err := dirNames(s.join("drv"))
	if err != nil {
		return nil, err
	}
	var refs []DRef
	for _, name := range names {
		if ref, err := parseDRefBase(name); err == nil {
			refs = append(refs, ref)
		}
	}
	return refs, nil
}

// Realizations returns all realizations of a derivation, in order. What has no
// name of a record is passed over.
func (s *Store) Realizations(ref DRef) ([]RRef, error) {
	names, err := dirNames(s.drvDir(ref))
	if err != nil {
		return nil, fmt.Errorf("%v: %w", ref, err)
	}
	var refs []RRef
	for _, name := range names {
		base, ok := strings.CutSuffix(name, ".json")
		if !ok {
			continue
		}
		if hash, err := ParseHash(base); err == nil {
			refs = append(refs, RRef{hash, ref})
		}
	}
	return refs, nil
}

// dirNames returns the names in a directory, in order; none if there is no
// directory.
func dirNames(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// Hold makes the store ready to be written to, and keeps gc away until
// [Store.Close]. It waits while gc runs, and calls waiting once if it must.
func (s *Store) Hold(ctx context.Context, waiting func()) error {
	return s.lock(ctx, false, waiting)
}

// holdAlone is [Store.Hold] for one who removes objects: it waits until no
// other process holds the store.
func (s *Store) holdAlone(ctx context.Context, waiting func()) error {
	return s.lock(ctx, true, waiting)
}

func (s *Store) lock(ctx context.Context, alone bool, waiting func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hold != nil {
		if alone && !s.alone {
			panic("store: removal under Hold")
		}
		return nil
	}
	if err := s.create(); err != nil {
		return fmt.Errorf("store %s: %w", s.dir, err)
	}
	f, err := lockFile(ctx, s.join("lock", "store"), alone, waiting)
	if err != nil {
		return fmt.Errorf("store %s: %w", s.dir, err)
	}
	s.hold, s.alone = f, alone
	return nil
}

// mustHold catches a caller that writes without [Store.Hold].
func (s *Store) mustHold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hold == nil {
		panic("store: write without Hold")
	}
}
