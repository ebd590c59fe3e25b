package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
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
		err = unlock(st.Out()) // it may have been frozen already
	}
	return st, key, err
}
