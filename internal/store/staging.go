package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"plx/internal/builder/host"
)

// A Staging is a directory where a result is made.
type Staging struct {
	store    *Store
	dir      string
	log      string
	logFile  *os.File // once it is there
	manifest Manifest
	volatile []string
	frozen   bool
	kept     bool
}

// Stage returns a new directory to make a result in.
func (s *Store) Stage() (*Staging, error) {
	dir, err := s.makeDir("build")
	if err != nil {
		return nil, err
	}
	return &Staging{store: s, dir: dir, log: dir + ".log"}, nil
}

// Dir returns the directory. The result is what will be in out below it.
func (st *Staging) Dir() string { return st.dir }

// LogPath returns where the log of the build belongs.
func (st *Staging) LogPath() string { return st.log }

// Log returns the log of the build, open to be written.
func (st *Staging) Log() (*os.File, error) {
	if st.logFile != nil {
		return st.logFile, nil
	}
	f, err := openRawAs(st.log, unix.O_RDWR|unix.O_CREAT|unix.O_TRUNC, 0o666)
	if err == nil {
		st.logFile = os.NewFile(uintptr(f.fd), st.log)
	}
	return st.logFile, err
}

// Again prepares the directory for another result, after one was committed.
// But for volatile outputs it holds what the build has left. The log is a new one,
// under a new name, so that who follows the last one sees that it has ended.
func (st *Staging) Again() error {
	if st.volatile != nil {
		if err := removeAll(st.dir + "/volatile"); err != nil {
			return err
		}
	}
	log, err := st.store.workPath("build")
	if err != nil {
		return err
	}
	old := *st
	*st = Staging{store: st.store, dir: st.dir, log: log + ".log"}
	if old.logFile == nil {
		return nil
	}
	defer old.logFile.Close()
	if rename(old.log, st.log) == nil && host.IsUnused(old.logFile) {
		return nil // an inode less to make
	}
	return os.RemoveAll(st.log) // if it was kept, it isn't there
}

// Reset removes what is in the directory, for another attempt. The log stays.
func (st *Staging) Reset() error {
	if err := removeAll(st.dir); err != nil {
		return err
	}
	return os.Mkdir(st.dir, 0o777)
}

// Fill makes out a copy of a directory, which is left as it is. The error is a
// [TreeError] if it contains what a tree can't.
func (st *Staging) Fill(from string) error {
	if err := st.store.Release(); err != nil { // copying takes long
		return err
	}
	if info, err := os.Stat(from); err != nil {
		return err
	} else if !info.IsDir() {
		return fmt.Errorf("%s: it is not a directory", from)
	}
	m, err := (&scanner{top: from}).scan()
	if err != nil {
		return err
	}
	if err := os.Mkdir(st.Out(), 0o777); err != nil {
		return err
	}
	return copyTree(from, m, st.Out())
}

// Freeze sets the volatile outputs apart from the result, makes the result
// read-only, and returns what it contains. The error is a [TreeError] if it
// contains what a tree can't.
func (st *Staging) Freeze(volatile []string) (Manifest, error) {
	if err := (&scanner{top: st.dir}).unlock(""); err != nil {
		return Manifest{}, err
	}
	info, err := os.Lstat(st.Out())
	if err == nil && !info.IsDir() || errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, &TreeError{"$out", errors.New("is not a directory: the command has removed or replaced it")}
	}
	if err := st.setApart(volatile); err != nil {
		return Manifest{}, err
	}
	m, err := (&scanner{top: st.Out(), freeze: true}).scan()
	if err != nil {
		return Manifest{}, err
	}
	st.manifest, st.frozen = m, true
	return m, nil
}

// Out returns where the frozen result is, before it is committed.
func (st *Staging) Out() string { return st.dir + "/out" }

// Volatile returns the paths of the volatile outputs that there are.
func (st *Staging) Volatile() []string { return st.volatile }

// Commit makes the frozen result a realization of the derivation in the
// context. If it is there already, only the time when it was last made
// changes, and existed is true.
func (st *Staging) Commit(dref DRef, c Context, o Origin) (r Realization, existed bool, err error) {
	if !st.frozen {
		panic("store: Commit without Freeze")
	}
	s, tree := st.store, st.manifest.Hash()
	leave, err := s.enter()
	if err != nil {
		return Realization{}, false, err
	}
	defer leave()
	r = Realization{Ref: RealizationRef(dref, c, tree), Context: c, Tree: tree, Manifest: st.manifest, Volatile: st.volatile, Origin: o, Made: time.Now()}
	if err := s.placeTree(st.Out(), tree); err != nil {
		return Realization{}, false, fmt.Errorf("%v: %w", r.Ref, err)
	}
	if err := s.markBack(o.Action, tree); err != nil {
		return Realization{}, false, fmt.Errorf("%v: %w", r.Ref, err)
	}
	return s.settle(r, st.extras)
}

// extras are what there is.
func (st *Staging) extras() (x extras, err error) {
	if st.volatile != nil {
		x.volatile = st.dir + "/volatile"
	}
	if st.logFile != nil {
		info, err := st.logFile.Stat()
		if err != nil || info.Size() == 0 {
			return x, err
		}
	}
	x.log = st.log
	return x, nil
}

// setApart moves the volatile outputs from out to volatile.
func (st *Staging) setApart(paths []string) error {
	for _, p := range paths {
		there, err := st.movable(p)
		if err != nil {
			return err
		}
		if !there {
			continue
		}
		to := st.dir + "/volatile/" + p
		dir, _ := splitPath(to)
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
		if err := os.Rename(st.Out()+"/"+p, to); err != nil {
			return err
		}
		st.volatile = append(st.volatile, p)
	}
	if st.volatile == nil {
		return nil
	}
	_, err := (&scanner{top: st.dir + "/volatile", freeze: true}).scan()
	return err
}

// movable reports whether there is something at the path below out, and sees
// to the permissions that moving it takes. A symlink on the way could lead to
// anything of this user's.
func (st *Staging) movable(p string) (bool, error) {
	if err := CheckPath(p); err != nil {
		return false, err
	}
	at := st.Out()
	for _, name := range strings.Split(p, "/") {
		info, err := os.Lstat(at)
		if err != nil {
			return false, err
		}
		if info.Mode().Type() == fs.ModeSymlink {
			return false, &TreeError{p, errors.New("lies behind a symlink: what is set apart must be in $out itself")}
		}
		if !info.IsDir() {
			return false, nil
		}
		if err := os.Chmod(at, 0o700); err != nil {
			return false, err
		}
		at += "/" + name
		if _, err := os.Lstat(at); errors.Is(err, fs.ErrNotExist) {
			return false, nil
		} else if err != nil {
			return false, err
		}
	}
	info, err := os.Lstat(at)
	if err != nil {
		return false, err
	}
	return true, allowMove(at, info)
}

// Abort removes what is left of the build, unless it is kept.
func (st *Staging) Abort() error {
	if st.logFile != nil {
		st.logFile.Close()
	}
	if st.kept {
		return nil
	}
	return errors.Join(removeAll(st.dir), os.RemoveAll(st.LogPath()))
}
