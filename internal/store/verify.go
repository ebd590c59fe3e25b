package store

// Verify finds out what is wrong with a store. The rules are:
//
//   - It takes no lock to look. Others may add objects and gc may remove some
//     meanwhile: so what looks wrong is looked at again, with the store held,
//     before it is reported.
//
//   - What only garbage lacks is no damage: a killed process may have left it.
//     A tree without users must be sound all the same, for the next commit of
//     an equal one would use it.
//
//   - Every damage is about one file, and names it.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// A DamageKind says what is wrong with a file of the store.
type DamageKind string

// The kinds of damage.
const (
	DamageMissing    DamageKind = "missing"    // a file that belongs to a tree, or a tree, is not there
	DamageExtra      DamageKind = "extra"      // a file doesn't belong to its tree
	DamageContent    DamageKind = "content"    // a file holds something else
	DamageType       DamageKind = "type"       // a file is of another kind: a directory, a symlink
	DamageMode       DamageKind = "mode"       // a file of a tree has other permissions
	DamageTime       DamageKind = "time"       // a file has another time
	DamageShared     DamageKind = "shared"     // a file of a tree has another name outside of it
	DamageManifest   DamageKind = "manifest"   // the manifest of a tree is lost, or is another's
	DamageRecord     DamageKind = "record"     // the record of a realization is not its own
	DamageLink       DamageKind = "link"       // the link of a realization is lost, or leads elsewhere
	DamageVolatile   DamageKind = "volatile"   // a volatile output that the record tells of is lost
	DamageBeside     DamageKind = "beside"     // the log, or a volatile output, holds something else
	DamageContext    DamageKind = "context"    // a realization that another was built from is lost
	DamageDerivation DamageKind = "derivation" // the line of a derivation is lost, or not its own
	DamageIndex      DamageKind = "index"      // a line of the index is lost
	DamageUnreadable DamageKind = "unreadable" // reading a file gave an error
)

// A Damage is one thing that is wrong with a store. What it is about is a
// realization, a derivation or a tree.
type Damage struct {
	Path string // of the file, absolute
	Kind DamageKind
	Text string // what is wrong
	RRef RRef
	DRef DRef
	Tree Hash

	by []user // who needs the tree, or the derivation
}

func (d Damage) String() string { return d.Path + ": " + d.Text }

// Objects returns what suffers from the damage: references of realizations and
// derivations, or the hash of a tree that nobody uses.
func (d Damage) Objects() []string {
	var texts []string
	for _, u := range d.by {
		if u.rref.IsZero() {
			texts = append(texts, u.dref.String())
		} else {
			texts = append(texts, u.rref.String())
		}
	}
	switch {
	case !d.RRef.IsZero():
		texts = append(texts, d.RRef.String())
	case !d.DRef.IsZero():
		texts = append(texts, d.DRef.String())
	case texts == nil:
		texts = []string{d.Tree.String()}
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

func compareDamage(a, b Damage) int {
	return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Text, b.Text))
}

// VerifyOptions say what [Store.Verify] looks at.
type VerifyOptions struct {
	DRefs   []DRef // only these, with all their realizations, and what they need
	RRefs   []RRef // only these, and what they were built from
	Trees   []Hash // only these; without any of the three: everything
	Quick   bool   // don't read files of trees: their sizes, modes and times only
	Waiting func() // called once if gc must be waited for
}

func (o VerifyOptions) everything() bool {
	return len(o.DRefs)+len(o.RRefs)+len(o.Trees) == 0
}

// A Report is what [Store.Verify] found.
type Report struct {
	Damage       []Damage // in the order of their paths
	Realizations int      // that were looked at
	Derivations  int
	Trees        int
	Files        int64 // of the trees
	Bytes        int64 // that they hold, by their manifests
}

// Verify looks at objects of the store, and reports all that is wrong with
// them. It changes nothing. The error is [ErrNotExist] if one that is asked
// for is not there.
func (s *Store) Verify(ctx context.Context, o VerifyOptions) (Report, error) {
	v := newVerifier(ctx, s, o.Quick)
	err := v.all(o)
	r := v.report()
	if err == nil && len(r.Damage) > 0 {
		r.Damage, err = v.again(r.Damage, o.Waiting)
	}
	if err != nil {
		return Report{}, fmt.Errorf("verify: %w", err)
	}
	return r, nil
}

// checkRealization looks at one realization completely: its record, what
// belongs to it, its tree, its derivation and that one's source; not at what it
// was built from, but for whether that is there.
func (s *Store) checkRealization(ctx context.Context, ref RRef) ([]Damage, error) {
	v := newVerifier(ctx, s, false)
	v.wanted.drefs[ref.dref] = append(v.wanted.drefs[ref.dref], user{rref: ref})
	v.realization(ref)
	v.derivation(ref.dref)
	v.indexLines()
	v.lostDerivations()
	v.allTrees()
	return v.report().Damage, v.failure()
}

// all looks at what the options ask for.
func (v *verifier) all(o VerifyOptions) error {
	var todo subjects
	var err error
	if o.everything() {
		todo, err = v.store.everything()
	} else {
		todo, err = v.asked(o)
	}
	if err != nil {
		return err
	}
	for !todo.empty() && v.failure() == nil {
		todo = v.visit(todo)
	}
	v.indexLines()
	v.lostDerivations()
	v.allTrees()
	return v.failure()
}

// again looks once more at what seems to be damaged, while nothing is removed.
// In a store that can't be written to, nothing can be kept from changing.
func (v *verifier) again(suspects []Damage, waiting func()) ([]Damage, error) {
	err := v.store.Hold(v.ctx, waiting)
	if err != nil && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, unix.EROFS) {
		return nil, err
	}
	v.store.forgetDerivations()
	v.found, v.lines = nil, make(map[string][]indexLine)
	v.seenAgain(suspects)
	v.indexLines()
	v.lostDerivations()
	v.allTrees()
	return v.report().Damage, v.failure()
}

// seenAgain looks at the objects of the damages, and not at what they need.
func (v *verifier) seenAgain(suspects []Damage) {
	drefs, rrefs := make(map[DRef]bool), make(map[RRef]bool)
	for _, d := range suspects {
		switch {
		case !d.RRef.IsZero() && !rrefs[d.RRef]:
			rrefs[d.RRef] = true
			v.realization(d.RRef)
		case !d.DRef.IsZero() && !drefs[d.DRef]:
			drefs[d.DRef] = true
			v.derivation(d.DRef)
		}
	}
	v.wanted = newUsers()
	for _, d := range suspects {
		switch {
		case !d.Tree.IsZero():
			v.wanted.trees[d.Tree] = v.store.alive(d.by)
		case !d.DRef.IsZero():
			v.wanted.drefs[d.DRef] = v.store.alive(d.by)
		}
	}
}

// alive returns the users that are there still.
func (s *Store) alive(users []user) []user {
	return slices.DeleteFunc(slices.Clone(users), func(u user) bool {
		if !u.rref.IsZero() {
			return !s.exists(s.recordPath(u.rref))
		}
		return !s.hasDerivation(u.dref)
	})
}

// everything lists what is in the store.
func (s *Store) everything() (subjects, error) {
	var all subjects
	var err error
	if all.drefs, err = s.Derivations(); err != nil {
		return all, err
	}
	for _, dref := range all.drefs {
		rrefs, err := s.Realizations(dref)
		if err != nil && !errors.Is(err, unix.ENOTDIR) { // a file that has a directory's name
			return all, err
		}
		all.rrefs = append(all.rrefs, rrefs...)
	}
	names, err := dirNames(s.join("tree"))
	if err != nil {
		return all, err
	}
	for _, name := range names {
		if tree, err := ParseHash(strings.TrimSuffix(name, ".manifest")); err == nil {
			all.trees = append(all.trees, tree)
		}
	}
	return all, nil
}

// asked lists what the options name, and returns an error if there is no such
// thing.
func (v *verifier) asked(o VerifyOptions) (subjects, error) {
	s := v.store
	todo := subjects{drefs: o.DRefs, rrefs: slices.Clone(o.RRefs), trees: o.Trees}
	for _, ref := range o.DRefs {
		rrefs, err := s.Realizations(ref)
		if err != nil {
			return todo, err
		}
		if len(rrefs) == 0 && !s.hasDerivation(ref) {
			return todo, fmt.Errorf("%v: %w", ref, ErrNotExist)
		}
		todo.rrefs = append(todo.rrefs, rrefs...)
	}
	for _, ref := range o.RRefs {
		if !s.exists(s.recordPath(ref)) {
			return todo, fmt.Errorf("%v: %w", ref, ErrNotExist)
		}
	}
	for _, tree := range o.Trees {
		if !s.exists(s.TreePath(tree)) && !s.exists(s.manifestPath(tree)) {
			return todo, fmt.Errorf("tree %v: %w", tree, ErrNotExist)
		}
	}
	return todo, nil
}
