package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
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

// isDamage tells an object that is gone, damaged or not this user's to read, for
// a person to look at, from a disk or a system that failed to read it: that may
// be over by the next time.
func isDamage(err error) bool {
	if errors.As(err, new(*DamageError)) || errors.Is(err, ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return true
	}
	stray := []error{unix.ENOTDIR, unix.EISDIR, unix.ELOOP} // what has an object's name and is none
	return slices.ContainsFunc(stray, func(e error) bool { return errors.Is(err, e) })
}

// A Store is a directory that keeps objects. Reading takes no lock. Whoever
// writes, or relies on what it reads, calls [Store.Hold] first.
type Store struct {
	dir   string // absolute
	seen  *seen  // what is remembered of files; nil: nothing
	tools *seen  // what is remembered of programs; nil: not read yet

	hold     holding
	keyLocks keyLocks
	disk     syncer
	suspect  suspect
	changes  recorder
	witness  *Evidence // what is noted of files that are read; nil: nothing
	once     *readOnce // what is read once; nil: nothing

	// Lost, if it is set, is called for each result that was lost because the
	// machine went down while it was written. It will be made again.
	Lost func(error)

	// Within is the build directory of the command that this process is part
	// of; empty for one that is part of none.
	Within string

	// Progress, if it is set, is told how far what takes long is: often, and by
	// several goroutines at once.
	Progress func(Progress)

	taken     *tally // what is read of sources
	takenOnce sync.Once

	lastManifest atomic.Pointer[parsedManifest]

	mu     sync.Mutex
	work   *os.File // this process's directory in tmp, locked
	serial int      // of names in work
	drvs   map[string]drvTable
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
	s := &Store{dir: abs, drvs: make(map[string]drvTable)}
	if _, err := s.readVersion(); err != nil {
		return nil, fmt.Errorf("store %s: %w", abs, err)
	}
	if s.suspect.since, s.suspect.on, err = s.suspicion(); err != nil {
		return nil, fmt.Errorf("store %s: %w", abs, err)
	}
	s.suspect.trees = make(map[Hash]error)
	return s, nil
}

// Close ends what [Store.Hold] began, and removes this process's work: others
// may use the store meanwhile. It does what [Store.Sync] does.
func (s *Store) Close() error {
	err := s.keepTools()
	err = errors.Join(err, s.changes.close(), s.keyLocks.close(), s.hold.letGo(), s.closeJournal())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.work == nil {
		return err
	}
	err = errors.Join(err, removeMany(s.work.Name(), s.tally), s.work.Close())
	s.work = nil
	return err
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

func (s *Store) readRealization(ref RRef) (Realization, error) {
	r, inline, err := s.readRecord(ref)
	if err != nil {
		return r, err
	}
	if !inline {
		if r.Manifest, err = s.Manifest(r.Tree); err != nil {
			return Realization{}, err
		}
	}
	if err := s.believe(r); err != nil {
		return Realization{}, err
	}
	return r, nil
}

// readRecord is [Store.Realization] without the manifest, unless the record
// has it inline.
func (s *Store) readRecord(ref RRef) (r Realization, inline bool, err error) {
	path := s.recordPath(ref)
	data, made, err := readTimed(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Realization{}, false, fmt.Errorf("%v: %w", ref, ErrNotExist)
	}
	if err != nil {
		return Realization{}, false, fmt.Errorf("%v: %w", ref, err)
	}
	if r, inline, err = decodeRealization(ref, data); err != nil {
		return Realization{}, false, &DamageError{path, err}
	}
	r.Made = made
	return r, inline, nil
}

// readTimed reads a file and its mtime.
func readTimed(path string) ([]byte, time.Time, error) {
	f, err := openRaw(path)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer f.Close()
	st, err := f.stat()
	if err != nil {
		return nil, time.Time{}, err
	}
	data := make([]byte, st.Size)
	_, err = io.ReadFull(f, data)
	return data, time.Unix(st.Mtim.Unix()), err
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
	if last := s.lastManifest.Load(); last != nil && last.tree == tree {
		return last.manifest, nil // the text is the same
	}
	m, err := ParseManifest(data)
	if err != nil {
		return Manifest{}, &DamageError{path, err}
	}
	s.lastManifest.Store(&parsedManifest{tree, m})
	return m, nil
}

// A parsedManifest is the manifest of a tree. Who looks for results of an
// action looks at the same one twice.
type parsedManifest struct {
	tree     Hash
	manifest Manifest
}

// HasTree reports whether the tree is there. It doesn't look into it. If the
// machine fails to tell it is taken to be there: whoever uses it gets the error,
// and nothing is made again for it.
func (s *Store) HasTree(tree Hash) bool {
	var st unix.Stat_t
	err := retry(func() error { return unix.Lstat(s.TreePath(tree), &st) })
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist) && !isDamage(err)
	}
	return st.Mode&unix.S_IFMT == unix.S_IFDIR
}

// Realizations returns all realizations of a derivation, in order. What has no
// name of a record is passed over.
func (s *Store) Realizations(ref DRef) ([]RRef, error) {
	dir := s.drvDir(ref)
	if isMissing(dir) { // as of most that are built
		return nil, nil
	}
	names, err := dirNames(dir)
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

// A Made tells when a realization was last made.
type Made struct {
	Ref  RRef
	When time.Time
}

// MadeOf returns when each realization of a derivation was last made. It reads
// no record.
func (s *Store) MadeOf(ref DRef) ([]Made, error) {
	refs, err := s.Realizations(ref)
	if err != nil {
		return nil, err
	}
	all := make([]Made, 0, len(refs))
	for _, rref := range refs {
		info, err := os.Lstat(s.recordPath(rref))
		if err == nil { // else it is gone by now
			all = append(all, Made{rref, info.ModTime()})
		}
	}
	return all, nil
}
