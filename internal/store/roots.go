package store

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// A Root is an entry of root/: a symlink to an object of the store, to a link
// into the store, or to the directory where a project keeps its plans.
type Root struct {
	Name   string
	Target string // what it leads to: a reference, or a path
	DRefs  []DRef // the derivations that it keeps, with all their realizations
	RRefs  []RRef // the realizations that it keeps
	Stale  bool   // what it leads to is gone

	planned map[DRef]planned // of a project
}

// planned is where a project's plans name a derivation.
type planned struct{ plan, stage string }

// AddRoot keeps a derivation or realization, given by its reference, until
// [Store.RemoveRoot]. An empty name stands for the reference's own.
func (s *Store) AddRoot(name, ref string) (string, error) {
	leave, err := s.enter()
	if err != nil {
		return "", err
	}
	defer leave()
	target, err := s.rootTarget(ref)
	if err != nil {
		return "", err
	}
	if name == "" {
		name = strings.ReplaceAll(ref, ":", "-")
	}
	if strings.ContainsAny(name, "/\x00\n") || strings.HasPrefix(name, ".") || len(name) > 250 {
		return "", fmt.Errorf("root %q: want a file name that doesn't begin with a dot", name)
	}
	return name, s.placeRoot(name, target)
}

// rootTarget returns what a symlink in root/ has for the reference.
func (s *Store) rootTarget(ref string) (string, error) {
	if dref, err := ParseDRef(ref); err == nil {
		if !s.hasDerivation(dref) {
			return "", fmt.Errorf("%v: %w", dref, ErrNotExist)
		}
		return "../drv/" + dref.base(), nil
	}
	rref, err := ParseRRef(ref)
	if err != nil {
		return "", err
	}
	if !s.exists(s.recordPath(rref)) {
		return "", fmt.Errorf("%v: %w", rref, ErrNotExist)
	}
	return "../drv/" + rref.dref.base() + "/" + rref.hash.String(), nil
}

// AddLinkRoot makes link a symlink to the result, which it keeps for as long
// as it is there. It replaces a symlink, and nothing else.
func (s *Store) AddLinkRoot(link string, ref RRef) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	path, err := filepath.Abs(link)
	if err != nil {
		return err
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != fs.ModeSymlink {
		return fmt.Errorf("link %s: a file that is no symlink is there", link)
	}
	dir, _ := splitPath(path)
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("link %s: %w", link, err)
	}
	// The root comes first: with it alone nothing is lost.
	if err := s.placeRoot(pathRootName("link", path), path); err != nil {
		return err
	}
	if old, err := os.Readlink(path); err == nil && old == s.OutPath(ref) {
		return nil
	}
	return placeLink(dir+"/.plx-"+rand.Text(), path, s.OutPath(ref))
}

// AddLinkRoots is [Store.AddLinkRoot] for several results: link-1, link-2, and
// so on. Links of more results that an earlier call made are removed.
func (s *Store) AddLinkRoots(link string, refs []RRef) error {
	for i, ref := range refs {
		if err := s.AddLinkRoot(fmt.Sprintf("%s-%d", link, i+1), ref); err != nil {
			return err
		}
	}
	for i := len(refs) + 1; ; i++ {
		path, err := filepath.Abs(fmt.Sprintf("%s-%d", link, i))
		if err != nil {
			return err
		}
		if _, inside, err := s.objectOf(path); err != nil || !inside {
			return err
		}
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("link %s-%d: %w", link, i, err)
		}
	}
}

// AddProjectRoot keeps what the plans in dir, a .plx directory, consist of,
// for as long as dir is there. Of a store that can't be written to gc takes
// nothing, so there is nothing to be done.
func (s *Store) AddProjectRoot(dir string) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	if s.ReadOnly() {
		return nil
	}
	path, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	return s.placeRoot(pathRootName("project", path), path)
}

func pathRootName(kind, path string) string {
	return kind + "-" + HashOf([]byte(path)).String()
}

func (s *Store) placeRoot(name, target string) error {
	path := s.join("root", name)
	if old, err := os.Readlink(path); err == nil && old == target {
		return nil
	}
	tmp, err := s.workPath("root")
	if err != nil {
		return err
	}
	return placeLink(tmp, path, target)
}

// placeLink makes a symlink appear at once, in place of any that is there. It
// is tmp first.
func placeLink(tmp, path, target string) error {
	if err := os.Symlink(target, tmp); err != nil {
		return err
	}
	err := os.Rename(tmp, path)
	if err != nil {
		os.Remove(tmp)
	}
	return err
}

// RemoveRoot removes an entry of root/. What it kept stays until gc.
func (s *Store) RemoveRoot(name string) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	if name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return fmt.Errorf("root %q: %w", name, ErrNotExist)
	}
	err = os.Remove(s.join("root", name))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("root %q: %w", name, ErrNotExist)
	}
	return err
}

// Roots returns the entries of root/, in order of their names.
func (s *Store) Roots() ([]Root, error) {
	names, err := dirNames(s.join("root"))
	if err != nil {
		return nil, err
	}
	var roots []Root
	for _, name := range names {
		if strings.HasPrefix(name, ".") {
			continue
		}
		r, err := s.root(name)
		if err != nil {
			return nil, fmt.Errorf("root %s: %w", name, err)
		}
		roots = append(roots, r)
	}
	return roots, nil
}

func (s *Store) root(name string) (Root, error) {
	target, err := os.Readlink(s.join("root", name))
	if err != nil {
		return Root{}, err
	}
	r := Root{Name: name, Target: target}
	if object, direct := strings.CutPrefix(target, "../"); direct {
		return r, s.rootObject(&r, object)
	}
	object, inside, err := s.objectOf(target)
	switch {
	case err != nil:
		return r, fmt.Errorf("cannot tell what it keeps: %w", err)
	case inside:
		err := s.rootObject(&r, object)
		r.Target = target
		return r, err
	}
	info, err := os.Stat(target)
	switch {
	case isGone(err):
		r.Stale = true
		return r, nil
	case err != nil:
		return r, fmt.Errorf("cannot tell what it keeps: %w", err)
	case !info.IsDir():
		r.Stale = true
		return r, nil
	}
	r.DRefs, r.planned, err = projectDRefs(target)
	return r, err
}

// isGone reports whether the error says that there is no such file, and no
// file of that name could have been overlooked.
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)
}

// rootObject fills in what a path below the store names: drv/X or drv/X/Y.
func (s *Store) rootObject(r *Root, object string) error {
	parts := strings.Split(object, "/")
	if len(parts) < 2 || parts[0] != "drv" {
		r.Stale = true
		return nil
	}
	dref, err := parseDRefBase(parts[1])
	if err != nil {
		r.Stale = true
		return nil
	}
	// drv/X/Y, or what belongs to it: Y.log, Y.volatile.
	if len(parts) > 2 {
		hash, err := ParseHash(parts[2][:min(hashLen, len(parts[2]))])
		if rref := (RRef{hash, dref}); err == nil {
			_, err := os.Lstat(s.recordPath(rref))
			r.Target, r.RRefs, r.Stale = rref.String(), []RRef{rref}, isGone(err)
			return ifNotGone(err)
		}
	}
	_, err = s.derivationText(dref)
	r.Target, r.DRefs, r.Stale = dref.String(), []DRef{dref}, errors.Is(err, ErrNotExist)
	return ifNotGone(err)
}

// ifNotGone returns an error that says more than that something is gone.
func ifNotGone(err error) error {
	if isGone(err) || errors.Is(err, ErrNotExist) {
		return nil
	}
	return err
}

// objectOf follows the symlink at path, through others, to a path below the
// store, and returns that, relative to the store.
func (s *Store) objectOf(path string) (object string, inside bool, err error) {
	for range maxLinks {
		if object, inside := s.below(path); inside {
			return object, true, nil
		}
		target, err := os.Readlink(path)
		if errors.Is(err, unix.EINVAL) { // no symlink, but one may be on the way
			if path, err = filepath.EvalSymlinks(path); err != nil {
				return "", false, err
			}
			object, inside := s.below(path)
			return object, inside, nil
		}
		if isGone(err) {
			return "", false, nil
		}
		if err != nil {
			return "", false, err
		}
		if !filepath.IsAbs(target) {
			dir, err := filepath.EvalSymlinks(filepath.Dir(path))
			if err != nil {
				return "", false, err
			}
			target = dir + "/" + target
		}
		path = filepath.Clean(target)
	}
	return "", false, nil
}

// below returns the path relative to the store's directory, if it is below
// that, by whichever name.
func (s *Store) below(path string) (string, bool) {
	if object, ok := strings.CutPrefix(path, s.dir+"/"); ok {
		return object, true
	}
	store, err := os.Stat(s.dir)
	if err != nil {
		return "", false
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil && os.SameFile(info, store) {
			return strings.TrimPrefix(path, strings.TrimSuffix(dir, "/")+"/"), true
		}
		if dir == filepath.Dir(dir) {
			return "", false
		}
	}
}

// A projectPlan is what gc reads of the plan that internal/plan records.
type projectPlan struct {
	Stages []struct {
		Name string `json:"name"`
		DRef string `json:"dref"`
	} `json:"stages"`
}

// projectDRefs returns the derivations in the plans of a .plx directory, and
// what they are called there.
func projectDRefs(dir string) (refs []DRef, named map[DRef]planned, err error) {
	names, err := dirNames(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot tell what it keeps: %w", err)
	}
	named = make(map[DRef]planned)
	for _, name := range names {
		if !strings.HasPrefix(name, "plan-") || !strings.HasSuffix(name, ".json") {
			continue
		}
		path := dir + "/" + name
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		var plan projectPlan
		if err := json.Unmarshal(data, &plan); err != nil {
			return nil, nil, fmt.Errorf("%s: cannot tell what it keeps: %v (remove the file if nothing in it is needed)", path, err)
		}
		for _, st := range plan.Stages {
			ref, err := ParseDRef(st.DRef)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %v (remove the file if nothing in it is needed)", path, err)
			}
			if _, twice := named[ref]; !twice {
				refs, named[ref] = append(refs, ref), planned{name, st.Name}
			}
		}
	}
	return refs, named, nil
}

// LinkedRefs returns what the symlinks at or below dir that lead into the
// store keep. A link to a tree keeps every realization that has it.
func (s *Store) LinkedRefs(dir string) (drefs []DRef, rrefs []RRef, trees []Hash, err error) {
	top, err := s.keepTop(dir)
	if err != nil {
		return nil, nil, nil, err
	}
	err = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && s.isStore(path) { // its own links keep nothing
			return fs.SkipDir
		}
		if d.Type() != fs.ModeSymlink {
			return nil
		}
		object, inside, err := s.objectOf(path)
		if err != nil || !inside {
			return err
		}
		if name, ok := strings.CutPrefix(object, "tree/"); ok {
			if tree, err := ParseHash(name[:min(hashLen, len(name))]); err == nil {
				trees = append(trees, tree)
			}
			return nil
		}
		var r Root
		err = s.rootObject(&r, object)
		drefs, rrefs = append(drefs, r.DRefs...), append(rrefs, r.RRefs...)
		return err
	})
	return drefs, rrefs, trees, err
}

// keepTop returns where to look for links: dir, or the directory that it is a
// symlink to, unless it leads into the store itself.
func (s *Store) keepTop(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if _, inside, err := s.objectOf(abs); inside || err != nil {
		return abs, err
	}
	return filepath.EvalSymlinks(abs)
}

func (s *Store) isStore(path string) bool {
	if path == s.dir {
		return true
	}
	a, errA := os.Stat(path)
	b, errB := os.Stat(s.dir)
	return errA == nil && errB == nil && os.SameFile(a, b)
}
