package store

import (
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
	// formatFirst is the format of docs/store-format.md.
	formatFirst formatVersion = 1

	formatNewest = formatFirst
)

// versionPrefix begins the file that holds the version.
const versionPrefix = "plx store "

const readme = `This is a store of plx: results of computations, each named by what it holds.
Nothing in tree/ and drv/ ever changes; look at it with plx show, plx ls and plx log.
To free space, run plx gc: removing files here by hand damages the store.
`

// storeNames are the names that may be at the top of a store.
var storeNames = []string{"README", "action", "drv", "lock", "root", "tmp", "tree", "version"}

// checkVersion returns nil if there is no store yet, or one that this program
// can use.
func (s *Store) checkVersion() error {
	data, err := os.ReadFile(s.join("version"))
	if errors.Is(err, fs.ErrNotExist) {
		return s.checkNoStranger()
	}
	if err != nil {
		return err
	}
	rest, ok := strings.CutPrefix(string(data), versionPrefix)
	version, err := strconv.Atoi(strings.TrimSuffix(rest, "\n"))
	switch {
	case !ok || err != nil || version < int(formatFirst):
		return &DamageError{s.join("version"), fmt.Errorf("%q is no version of a store", data)}
	case formatVersion(version) > formatNewest:
		return fmt.Errorf("its format is version %d, and this plx knows up to %d: use a newer plx", version, formatNewest)
	}
	return nil
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

// create makes what is missing of the store's own files, the version last.
func (s *Store) create() error {
	if err := s.checkVersion(); err != nil {
		return err
	}
	if _, err := os.Lstat(s.join("version")); err == nil {
		return nil
	}
	for _, name := range []string{"drv", "tree", "action", "root", "lock", "tmp"} {
		if err := os.MkdirAll(s.join(name), 0o777); err != nil {
			return err
		}
	}
	if err := writeFile(s.join("README"), []byte(readme), 0o444); err != nil {
		return err
	}
	return writeFile(s.join("version"), fmt.Appendf(nil, "%s%d\n", versionPrefix, formatNewest), 0o444)
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
