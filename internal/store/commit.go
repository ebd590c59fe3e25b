package store

// This file is the only way in for objects: what a build left, files of a
// project, literal files, what an archive holds. The rules are:
//
//   - Work happens in tmp/, on the store's own file system, in a directory
//     that is locked by its process.
//
//   - A tree is frozen but for its top, renamed to its hash, and then its top
//     is frozen: an ordinary user can't move a directory that it may not write
//     to. Losing the race to an equal tree is success.
//
//   - A realization becomes visible by the rename of its record, the last step.
//     By then its derivation, its tree, its log and its link are there.
//
//   - After a crash at any step a reader sees the old store or the new one.
//     What is left in tmp/ is garbage, never evidence.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// hasSource reports whether the tree is there, and sees to it that it has all
// that a source has: a result needs no manifest of its own. What is there
// stays until [Store.Close].
func (s *Store) hasSource(m Manifest) (bool, error) {
	leave, err := s.enter()
	if err != nil {
		return false, err
	}
	defer leave()
	if !s.HasTree(m.Hash()) {
		return false, nil
	}
	return true, errors.Join(s.placeManifest(m), freezeTop(s.TreePath(m.Hash())), s.note(m.Hash().String()))
}

// placeSource moves a frozen directory to its place. It stays there until
// [Store.Close].
func (s *Store) placeSource(dir string, m Manifest) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	if err := errors.Join(s.mindClock(), s.placeManifest(m)); err != nil {
		return err
	}
	return errors.Join(s.placeTree(dir, m.Hash()), s.note(m.Hash().String()))
}

func (s *Store) placeManifest(m Manifest) error {
	path := s.manifestPath(m.Hash())
	if s.exists(path) {
		return nil
	}
	return s.place(path, m.Text(), time.Time{})
}

// placeTree moves a frozen directory to its place. If there is an equal tree
// its top is frozen, in case its process ended before it did that.
func (s *Store) placeTree(dir string, tree Hash) error {
	path := s.TreePath(tree)
	if err := s.asideIfTouched(tree); err != nil {
		return err
	}
	if !s.HasTree(tree) {
		if err := os.Chmod(dir, 0o755); err != nil {
			return err
		}
		err := os.Rename(dir, path)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return freezeTop(path)
}

// asideIfTouched moves a tree aside that somebody has changed: what is to be
// placed is whole. Whoever changes a file changes its time; then all of the
// tree is read.
func (s *Store) asideIfTouched(tree Hash) error {
	path := s.TreePath(tree)
	if !s.HasTree(tree) || !touched(path) {
		return nil
	}
	err := s.checkTree(tree)
	if !isDamage(err) {
		return err
	}
	_, err = s.aside(path, tree.String())
	return err
}

// touched reports whether something in a tree has another time than it got, or
// can't be looked at. Its top may: it is given its time last.
func touched(top string) bool {
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == top {
			return err
		}
		info, err := d.Info()
		if err == nil && info.ModTime().Unix() != frozenTime {
			err = errTouched
		}
		return err
	})
	return err != nil
}

var errTouched = errors.New("touched")

// freezeTop does for the top of a tree what [scanner] does for what is below.
// It leaves alone what is frozen: that may be another user's.
func freezeTop(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if info.Mode().Perm() == 0o555 && info.ModTime().Unix() == frozenTime {
		return nil
	}
	if err := os.Chmod(path, 0o555); err != nil {
		return err
	}
	return (&scanner{top: path, freeze: true}).stamp("")
}

// A Staging is a directory where a result is made.
type Staging struct {
	store    *Store
	dir      string
	log      string
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
	if err := os.Chmod(st.dir, 0o700); err != nil {
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
	return s.settle(r, func() (extras, error) { return extras{log: st.log, volatile: st.dir + "/volatile"}, nil })
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

// Extras are what belongs to a realization beside its tree: paths in tmp where
// there may be a log and a directory of volatile outputs.
type extras struct{ log, volatile string }

// settle makes r the record of its realization. If there is one already, that
// stays, but for when it was last made and the action keys that it answers.
// The lock is for two that make the same at once under different action keys.
// The caller is inside, as whoever has that lock is, so it waits for nobody who
// waits for it.
func (s *Store) settle(r Realization, prepare func() (extras, error)) (_ Realization, existed bool, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%v: %w", r.Ref, err)
		}
	}()
	if err := s.committing(); err != nil {
		return Realization{}, false, err
	}
	unlock, err := s.lockKey(context.Background(), r.Ref.hash, nil)
	if err != nil {
		return Realization{}, false, err
	}
	defer unlock()
	old, err := s.Realization(r.Ref)
	if err == nil {
		again, err := s.refresh(old, r)
		return again, true, err
	}
	if !isDamage(err) {
		return Realization{}, false, err
	}
	x, err := prepare()
	if err != nil {
		return Realization{}, false, err
	}
	if r.Beside, err = x.hash(); err != nil {
		return Realization{}, false, err
	}
	if err := s.placeExtras(r, x); err != nil {
		return Realization{}, false, err
	}
	return r, false, s.addRecord(r)
}

// hash returns the hash of what x contains, as of a tree that has the log as a
// file log and the volatile outputs in a directory volatile; zero if there is
// nothing.
func (x extras) hash() (Hash, error) {
	sc := &scanner{top: x.volatile}
	if err := sc.dir(""); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Hash{}, err
	}
	var entries []Entry
	if len(sc.entries) > 0 {
		entries = append(entries, Entry{Path: "volatile", Kind: KindDir})
	}
	for _, e := range sc.entries {
		e.Path = "volatile/" + e.Path
		entries = append(entries, e)
	}
	f, err := os.Open(x.log)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Hash{}, err
	}
	if err == nil {
		defer f.Close()
		e := Entry{Path: "log", Kind: KindFile}
		if e.Size, e.Digest, err = sc.digest(f); err != nil {
			return Hash{}, err
		}
		if e.Size > 0 { // an empty one is not kept
			entries = append(entries, e)
		}
	}
	if entries == nil {
		return Hash{}, nil
	}
	m, err := NewManifest(entries)
	return m.Hash(), err
}

// beside returns where what belongs to a realization is, beside its tree.
func (s *Store) beside(ref RRef) extras { return extras{s.LogPath(ref), s.VolatilePath(ref)} }

// checkBeside reads the log and the volatile outputs of a realization. The
// error is a [DamageError] if they are not what the record tells.
func (s *Store) checkBeside(r Realization) error {
	if r.Beside.IsZero() {
		return nil
	}
	have, err := s.beside(r.Ref).hash()
	var bad *TreeError
	switch {
	case errors.As(err, &bad):
		return &DamageError{s.LogPath(r.Ref), err}
	case err != nil:
		return err
	case have != r.Beside:
		return &DamageError{s.LogPath(r.Ref), errors.New("the log, or a volatile output, holds something else")}
	}
	return nil
}

// refresh says that the realization was made again, as again tells.
func (s *Store) refresh(old, again Realization) (Realization, error) {
	if again.Made.After(old.Made) {
		old.Made = again.Made
	}
	answers := map[Hash]int{again.Action: again.Run}
	maps.Copy(answers, again.Also)
	maps.DeleteFunc(answers, func(key Hash, _ int) bool { return old.Answers(key) })
	if len(answers) == 0 {
		return old, os.Chtimes(s.recordPath(old.Ref), time.Time{}, old.Made)
	}
	maps.Copy(answers, old.Also)
	old.Also = answers
	return old, s.addRecord(old)
}

// placeExtras moves the log and the volatile outputs to their places. What is
// there, without a record, is a killed process's.
func (s *Store) placeExtras(r Realization, x extras) error {
	if err := errors.Join(s.makeDrvDir(r.Ref.dref), s.drop(s.LogPath(r.Ref)), s.drop(s.VolatilePath(r.Ref))); err != nil {
		return err
	}
	if err := placeLog(x.log, s.LogPath(r.Ref)); err != nil {
		return err
	}
	if len(r.Volatile) == 0 {
		return nil
	}
	to := s.VolatilePath(r.Ref)
	return errors.Join(os.Chmod(x.volatile, 0o755), os.Rename(x.volatile, to), os.Chmod(to, 0o555))
}

// placeLog moves a log to its place, unless there is none, or nothing in it.
func placeLog(from, to string) error {
	if from == "" {
		return nil
	}
	info, err := os.Lstat(from)
	if err == nil && info.Size() > 0 {
		err = errors.Join(os.Chmod(from, 0o444), os.Rename(from, to))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// addRecord makes the link, the index's lines and, last, the record, whose
// mtime is r.Made.
func (s *Store) addRecord(r Realization) error {
	data, err := r.encode()
	if err != nil {
		return err
	}
	if len(r.Manifest.Text()) > maxInlineManifest {
		if err := s.placeManifest(r.Manifest); err != nil {
			return err
		}
	}
	if err := errors.Join(s.placeLink(r), s.index(r)); err != nil {
		return err
	}
	if err := s.place(s.recordPath(r.Ref), data, r.Made); err != nil {
		return err
	}
	err = os.Remove(s.OutPath(r.Ref) + removedSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// placeLink makes the link to the tree, unless it is there.
func (s *Store) placeLink(r Realization) error {
	err := os.Symlink("../../tree/"+r.Tree.String(), s.OutPath(r.Ref))
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// index adds the action keys that r answers.
func (s *Store) index(r Realization) error {
	if err := s.addToIndex(r.Action, indexValue(r.Ref, r.Run)); err != nil {
		return err
	}
	for key, run := range r.Also {
		if err := s.addToIndex(key, indexValue(r.Ref, run)); err != nil {
			return err
		}
	}
	return nil
}

func indexValue(ref RRef, run int) string { return ref.String() + "\t" + strconv.Itoa(run) }

// Import makes the source tree of a derivation its realization.
func (s *Store) Import(dref DRef, c Context, tree Hash, o Origin) (Realization, error) {
	leave, err := s.enter()
	if err != nil {
		return Realization{}, err
	}
	defer leave()
	m, err := s.Manifest(tree)
	if err != nil {
		return Realization{}, err
	}
	r := Realization{Ref: RealizationRef(dref, c, tree), Context: c, Tree: tree, Manifest: m, Origin: o, Made: time.Now()}
	r, _, err = s.settle(r, func() (extras, error) { return extras{}, nil })
	return r, err
}

// Adopt makes the tree of one realization that of another derivation, or of
// another context. The time when it was made and how are those of the first;
// so is its log.
func (s *Store) Adopt(from Realization, dref DRef, c Context) (Realization, error) {
	leave, err := s.enter()
	if err != nil {
		return Realization{}, err
	}
	defer leave()
	r := from
	r.Ref, r.Context, r.Adopted = RealizationRef(dref, c, from.Tree), c, from.Ref
	r, _, err = s.settle(r, func() (extras, error) { return s.copyExtras(from) })
	return r, err
}

// copyExtras makes copies of the log and the volatile outputs, in tmp.
func (s *Store) copyExtras(from Realization) (extras, error) {
	dir, err := s.makeDir("extras")
	if err != nil {
		return extras{}, err
	}
	x := extras{log: dir + "/log", volatile: dir + "/volatile"}
	err = copyFile(s.LogPath(from.Ref), x.log, false)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return x, err
	}
	if len(from.Volatile) == 0 {
		return x, nil
	}
	m, err := (&scanner{top: s.VolatilePath(from.Ref)}).scan()
	if err != nil {
		return x, err
	}
	if err := os.Mkdir(x.volatile, 0o777); err != nil {
		return x, err
	}
	if err := copyTree(s.VolatilePath(from.Ref), m, x.volatile); err != nil {
		return x, err
	}
	_, err = (&scanner{top: x.volatile, freeze: true}).scan()
	return x, err
}

// Abort removes what is left of the build, unless it is kept.
func (st *Staging) Abort() error {
	if st.kept {
		return nil
	}
	return errors.Join(removeAll(st.dir), os.RemoveAll(st.LogPath()))
}
