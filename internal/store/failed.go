package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// actionName is the file in a kept build directory that has the action key.
const actionName = "action-key"

func (s *Store) failedDir(ref DRef) string { return s.join("tmp", "failed-"+ref.base()) }

// Keep leaves a failed build where a person can look at it, until gc: its
// directory in tmp, with the action key in it, its log beside the derivation. It
// returns the directory.
func (st *Staging) Keep(dref DRef, action Hash) (string, error) {
	if err := os.Chmod(st.dir, 0o700); err != nil {
		return "", err
	}
	if err := st.putBack(); err != nil {
		return "", err
	}
	// On a full disk it can't be written; the rest is worth a look all the same.
	os.WriteFile(st.dir+"/"+actionName, []byte(action.String()+"\n"), 0o666)
	kept := st.store.failedDir(dref)
	err := os.Rename(st.dir, kept)
	for errors.Is(err, fs.ErrExist) { // another run's may take its place meanwhile
		if err := st.store.drop(kept); err != nil {
			return "", err
		}
		err = os.Rename(st.dir, kept)
	}
	if err != nil {
		return "", err
	}
	st.kept = true
	leave, err := st.store.enter()
	if err != nil {
		return kept, err
	}
	defer leave()
	if err := st.store.makeDrvDir(dref); err != nil {
		return kept, err
	}
	err = os.Rename(st.log, st.store.FailedLogPath(dref))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return kept, err
}

// putBack undoes [Staging.Freeze] as far as it matters to a person: the volatile
// outputs are where the command has left them.
func (st *Staging) putBack() error {
	if st.volatile == nil {
		return nil
	}
	apart := st.dir + "/volatile"
	if err := errors.Join(thaw(st.Out()), thaw(apart)); err != nil {
		return err
	}
	for _, p := range st.volatile {
		to := st.Out() + "/" + p
		if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
			return err
		}
		if err := os.Rename(apart+"/"+p, to); err != nil {
			return err
		}
	}
	st.volatile = nil
	return removeAll(apart)
}

// thaw makes a directory and what is in it writable for this user.
func thaw(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type() == fs.ModeSymlink {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if d.IsDir() {
			return allow(path, info, 0o700)
		}
		return allow(path, info, 0o200)
	})
}

// KeepLog keeps the text as the log of a failed build of which nothing else is
// kept, and returns where it is.
func (s *Store) KeepLog(dref DRef, text []byte) (string, error) {
	leave, err := s.enter()
	if err != nil {
		return "", err
	}
	defer leave()
	if err := s.makeDrvDir(dref); err != nil {
		return "", err
	}
	path := s.FailedLogPath(dref)
	return path, s.place(path, text, time.Time{})
}

// StageFailed takes the directory of the last failed build of the derivation,
// to go on there; [Staging.Keep] puts it back. It returns the action key of
// that build, zero if it is not known. The error is [ErrNotExist] if there is none.
func (s *Store) StageFailed(ref DRef) (*Staging, Hash, error) {
	s.mustHold()
	dir, err := s.workPath("build")
	if err != nil {
		return nil, Hash{}, err
	}
	err = os.Rename(s.failedDir(ref), dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Hash{}, fmt.Errorf("failed build of %v: %w", ref, ErrNotExist)
	}
	if err != nil {
		return nil, Hash{}, err
	}
	st := &Staging{store: s, dir: dir, log: dir + ".log"}
	data, _ := os.ReadFile(dir + "/" + actionName)
	key, _ := ParseHash(strings.TrimSpace(string(data)))
	if info, statErr := os.Lstat(st.Out()); statErr == nil && info.IsDir() {
		err = thaw(st.Out()) // it may have been frozen already
	}
	return st, key, err
}
