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
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
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

// hasSourceTree reports whether all that a source has is there. It stays until
// [Store.Close].
func (s *Store) hasSourceTree(tree Hash) (bool, error) {
	leave, err := s.enter()
	if err != nil {
		return false, err
	}
	defer leave()
	if !s.HasTree(tree) || !s.exists(s.manifestPath(tree)) {
		return false, nil
	}
	return true, errors.Join(freezeTop(s.TreePath(tree)), s.note(tree.String()))
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
	if there, err := s.hasUntouched(tree); err != nil {
		return err
	} else if there {
		return freezeTop(path)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	err := os.Rename(dir, path) // which doesn't put one empty directory in the place of another
	if errors.Is(err, fs.ErrExist) {
		return freezeTop(path)
	}
	if err != nil {
		return err
	}
	return sealTop(path)
}

// hasUntouched reports whether the tree is there. One that somebody has changed
// it moves aside: what is to be placed is whole. Whoever changes a file changes
// its time; then all of the tree is read.
func (s *Store) hasUntouched(tree Hash) (bool, error) {
	path := s.TreePath(tree)
	if !s.HasTree(tree) {
		return false, nil
	}
	if !touched(path) {
		return true, nil
	}
	err := s.checkTree(tree)
	if !isDamage(err) {
		return true, err
	}
	_, err = s.aside(path, tree.String())
	return false, err
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
	return sealTop(path)
}

// sealTop is [freezeTop] for one that isn't frozen.
func sealTop(path string) error {
	if err := os.Chmod(path, 0o555); err != nil {
		return err
	}
	return stampFrozen(path)
}

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
	fresh, err := s.newDrvDir(r.Ref.dref)
	if err != nil {
		return Realization{}, false, err
	}
	if !fresh {
		old, err := s.Realization(r.Ref)
		if err == nil {
			again, err := s.refresh(old, r)
			return again, true, err
		}
		if !isDamage(err) {
			return Realization{}, false, err
		}
		if err := s.dropExtras(r.Ref); err != nil {
			return Realization{}, false, err
		}
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

// refresh says that the realization was made again, as again tells.
func (s *Store) refresh(old, again Realization) (Realization, error) {
	if again.Made.After(old.Made) {
		old.Made = again.Made
	}
	answers := map[Hash]int{again.Action: again.Run}
	maps.Copy(answers, again.Also)
	maps.DeleteFunc(answers, func(key Hash, _ int) bool { return old.Answers(key) })
	if len(answers) == 0 {
		done, err := s.changing(old.Ref.dref.hash)
		if err != nil {
			return old, err
		}
		defer done()
		return old, os.Chtimes(s.recordPath(old.Ref), time.Time{}, old.Made)
	}
	maps.Copy(answers, old.Also)
	old.Also = answers
	return old, s.addRecord(old)
}

// addRecord makes the link, the index's lines and, last, the record, whose
// mtime is r.Made.
func (s *Store) addRecord(r Realization) error {
	data, err := r.encode()
	if err != nil {
		return err
	}
	done, err := s.changing(append([]Hash{r.Ref.dref.hash}, s.news(r)...)...)
	if err != nil {
		return err
	}
	defer done()
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
	mark := s.OutPath(r.Ref) + removedSuffix
	err = retry(func() error { return unix.Unlink(mark) })
	if err == nil || err == unix.ENOENT {
		return nil
	}
	return &fs.PathError{Op: "remove", Path: mark, Err: err}
}

// actions returns the action keys that r answers.
func (r Realization) actions() []Hash {
	return append(slices.Collect(maps.Keys(r.Also)), r.Action)
}

// news returns those action keys that r answers, and that nothing with its tree
// has answered so far. What is adopted is no news: whoever has looked at the
// results of the action has seen its tree.
func (s *Store) news(r Realization) []Hash {
	if r.Adopted.IsZero() {
		return r.actions()
	}
	from, _, err := s.readRecord(r.Adopted)
	if err != nil || from.Tree != r.Tree || !s.HasTree(r.Tree) {
		return r.actions()
	}
	return slices.DeleteFunc(r.actions(), func(key Hash) bool {
		values, err := s.readIndex(key)
		return err == nil && from.Answers(key) && slices.ContainsFunc(values, func(v string) bool {
			ref, _, ok := cutRun(v)
			return ok && ref == from.Ref
		})
	})
}

// placeLink makes the link to the tree, unless it is there.
func (s *Store) placeLink(r Realization) error {
	err := os.Symlink("../../tree/"+r.Tree.String(), s.OutPath(r.Ref))
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// index adds the action keys that r answers. The caller has told of it.
func (s *Store) index(r Realization) error {
	if err := s.appendToIndex(r.Action, indexValue(r.Ref, r.Run)); err != nil {
		return err
	}
	for key, run := range r.Also {
		if err := s.appendToIndex(key, indexValue(r.Ref, run)); err != nil {
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
