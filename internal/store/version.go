package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
)

// A formatVersion is the version of the format on disk. An older plx refuses
// a newer store.
type formatVersion int

const (
	// formatFiles has a file derivation.json for each derivation.
	formatFiles formatVersion = 1 + iota

	// formatTables is the format of docs/store-format.md.
	formatTables

	formatNewest = formatTables
)

// versionPrefix begins the file that holds the version.
const versionPrefix = "plx store "

const readme = `This is a store of plx: results of computations, each named by what it holds.
Nothing in tree/ and drv/ ever changes; look at it with plx show, plx ls and plx log.
To free space, run plx gc: removing files here by hand damages the store.
`

// storeNames are the names that may be at the top of a store.
var storeNames = []string{"README", "action", "changes", "drv", "journal", "lock", "root", "tmp", "tools", "tree", "version"}

// readVersion returns the version of the store, or 0 if there is no store yet.
// One that this program can't use is an error.
func (s *Store) readVersion() (formatVersion, error) {
	data, err := os.ReadFile(s.join("version"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, s.checkNoStranger()
	}
	if err != nil {
		return 0, err
	}
	rest, ok := strings.CutPrefix(string(data), versionPrefix)
	version, err := strconv.Atoi(strings.TrimSuffix(rest, "\n"))
	switch {
	case !ok || err != nil || version < int(formatFiles):
		return 0, &DamageError{s.join("version"), fmt.Errorf("%q is no version of a store", data)}
	case formatVersion(version) > formatNewest:
		return 0, fmt.Errorf("its format is version %d, and this plx knows up to %d: use a newer plx", version, formatNewest)
	}
	return formatVersion(version), nil
}

// checkNoStranger returns an error if the directory holds what no store does.
// A store without its version is one that somebody is about to make.
func (s *Store) checkNoStranger() error {
	names, err := dirNames(s.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == "README" && !s.hasOurReadme() {
			return errors.New("it is no store, for its README is another: give an empty directory, or one that doesn't exist")
		}
		if !slices.Contains(storeNames, name) && !strings.HasPrefix(name, ".new-") {
			return fmt.Errorf("it is no store, for it holds %q: give an empty directory, or one that doesn't exist", name)
		}
	}
	return nil
}

// hasOurReadme keeps a README of somebody's own from being replaced.
func (s *Store) hasOurReadme() bool {
	data, err := os.ReadFile(s.join("README"))
	return err == nil && strings.HasPrefix(string(data), readme[:strings.IndexByte(readme, ':')])
}

// Exists reports whether there is a store yet.
func (s *Store) Exists() bool { return s.exists(s.join("version")) }

// prepare makes the store, or brings it to the newest format.
func (s *Store) prepare(ctx context.Context, waiting func()) error {
	version, err := s.readVersion()
	switch {
	case err != nil || version == formatNewest:
		return err
	case version == 0:
		return s.create()
	}
	f, err := lockFile(ctx, s.join("lock", "store"), waiting)
	if err != nil {
		return err
	}
	defer f.Close()
	if version, err = s.readVersion(); err != nil || version == formatNewest {
		return err // another process has done it meanwhile
	}
	return s.upgrade()
}

// create makes the store's own files, the version last.
func (s *Store) create() error {
	for _, name := range []string{"drv", "tree", "action", "root", "lock", "tmp"} {
		if err := os.MkdirAll(s.join(name), 0o777); err != nil {
			return err
		}
	}
	if err := writeFile(s.join("README"), []byte(readme), 0o444); err != nil {
		return err
	}
	return s.writeVersion()
}

func (s *Store) writeVersion() error {
	return writeFile(s.join("version"), fmt.Appendf(nil, "%s%d\n", versionPrefix, formatNewest), 0o444)
}

// upgrade brings the store to the newest format. The caller holds it alone.
// Where a process is killed on the way, the next one goes on.
func (s *Store) upgrade() error {
	if err := s.moveOldDerivations(); err != nil {
		return fmt.Errorf("upgrade: %w", err)
	}
	return s.writeVersion()
}

// writeFile makes a file appear at once, whole, in place of any that is there.
// It is for files that are not objects.
func writeFile(path string, data []byte, mode fs.FileMode) error {
	dir, name := splitPath(path)
	f, err := os.CreateTemp(dir, ".new-"+name+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // does nothing after the rename
	_, err = f.Write(data)
	if err := errors.Join(err, f.Chmod(mode), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func splitPath(path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/')
	return path[:i], path[i+1:]
}
