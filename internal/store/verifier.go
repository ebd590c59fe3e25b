package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Subjects are what is to be looked at.
type subjects struct {
	drefs []DRef
	rrefs []RRef
	trees []Hash
}

func (o subjects) empty() bool { return len(o.drefs)+len(o.rrefs)+len(o.trees) == 0 }

// A user is a realization or derivation that needs something.
type user struct {
	rref RRef
	dref DRef // if rref is zero
}

// Users tell who needs what; what nobody needs may be there, too.
type users struct {
	drefs map[DRef][]user
	trees map[Hash][]user
}

func newUsers() users { return users{make(map[DRef][]user), make(map[Hash][]user)} }

// A verifier is one look at a store. As many files are read at once as there
// are hashers, so its memory is theirs, and that of so many manifests.
type verifier struct {
	store   *Store
	ctx     context.Context
	quick   bool
	hashers chan *hasher

	mu     sync.Mutex
	found  []Damage
	failed error
	wanted users
	lines  map[string][]indexLine // that the index must have, by its tables

	realizations map[RRef]bool // looked at
	derivations  map[DRef]bool // looked at
	trees        atomic.Int64
	files, bytes atomic.Int64
}

func newVerifier(ctx context.Context, s *Store, quick bool) *verifier {
	n := runtime.GOMAXPROCS(0)
	v := &verifier{
		store: s, ctx: ctx, quick: quick, hashers: make(chan *hasher, n),
		wanted: newUsers(), lines: make(map[string][]indexLine),
		realizations: make(map[RRef]bool), derivations: make(map[DRef]bool),
	}
	for range n {
		v.hashers <- &hasher{}
	}
	return v
}

// acquire returns a hasher when there is a free one; nil if there is no point
// any more.
func (v *verifier) acquire() *hasher {
	select {
	case h := <-v.hashers:
		h.reset(scanBuffer)
		return h
	case <-v.ctx.Done():
		return nil
	}
}

func (v *verifier) release(h *hasher) { v.hashers <- h }

// each calls do for 0 to n-1, several at once.
func (v *verifier) each(n int, do func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, cap(v.hashers)) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && v.failure() == nil; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}

// damaged takes note of a damage.
func (v *verifier) damaged(d Damage) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.found = append(v.found, d)
}

// fail takes note of an error that is not about a file.
func (v *verifier) fail(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.failed == nil {
		v.failed = err
	}
}

// failure returns why there is no point in going on.
func (v *verifier) failure() error {
	if v.ctx.Err() != nil {
		return context.Cause(v.ctx)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.failed
}

// unreadable takes note of what reading a file gave: a damage, unless it is the
// machine that can't.
func (v *verifier) unreadable(d Damage, err error) {
	for _, cause := range []error{unix.EMFILE, unix.ENFILE, unix.ENOMEM} {
		if errors.Is(err, cause) {
			v.fail(err)
			return
		}
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	d.Kind, d.Text = DamageUnreadable, "cannot be read: "+err.Error()
	v.damaged(d)
}

func (v *verifier) report() Report {
	v.mu.Lock()
	defer v.mu.Unlock()
	slices.SortFunc(v.found, compareDamage)
	for i, d := range v.found {
		if v.found[i].by = v.wanted.trees[d.Tree]; d.Tree.IsZero() {
			v.found[i].by = v.wanted.drefs[d.DRef]
		}
	}
	return Report{
		Damage:       slices.CompactFunc(v.found, func(a, b Damage) bool { return compareDamage(a, b) == 0 }),
		Realizations: len(v.realizations),
		Derivations:  len(v.derivations),
		Trees:        int(v.trees.Load()),
		Files:        v.files.Load(),
		Bytes:        v.bytes.Load(),
	}
}

// visit looks at objects, and returns what they need and nobody has looked at.
func (v *verifier) visit(todo subjects) subjects {
	needs := make([]subjects, len(todo.drefs)+len(todo.rrefs))
	v.each(len(needs), func(i int) {
		if i < len(todo.drefs) {
			needs[i] = v.derivation(todo.drefs[i])
		} else {
			needs[i] = v.realization(todo.rrefs[i-len(todo.drefs)])
		}
	})
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, tree := range todo.trees {
		v.wanted.trees[tree] = append(v.wanted.trees[tree], []user{}...)
	}
	var next subjects
	for _, n := range needs {
		next.drefs = append(next.drefs, slices.DeleteFunc(n.drefs, func(ref DRef) bool { return v.derivations[ref] })...)
		next.rrefs = append(next.rrefs, slices.DeleteFunc(n.rrefs, func(ref RRef) bool { return v.realizations[ref] })...)
	}
	next.drefs, next.rrefs = unique(next.drefs), unique(next.rrefs)
	return next
}

func unique[T comparable](list []T) []T {
	seen := make(map[T]bool, len(list))
	return slices.DeleteFunc(list, func(v T) bool {
		twice := seen[v]
		seen[v] = true
		return twice
	})
}

// derivation looks at a derivation, and returns what it needs.
func (v *verifier) derivation(ref DRef) subjects {
	d, err := v.store.Derivation(ref)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.derivations[ref] = true
	if err != nil {
		if !errors.Is(err, ErrNotExist) { // what is lost may be needed by nobody
			v.found = append(v.found, v.store.derivationDamage(ref, err))
		}
		return subjects{}
	}
	me := user{dref: ref}
	if !d.Source.IsZero() {
		v.wanted.trees[d.Source] = append(v.wanted.trees[d.Source], me)
	}
	needs := d.Dependencies()
	for _, dep := range needs {
		v.wanted.drefs[dep] = append(v.wanted.drefs[dep], me)
	}
	return subjects{drefs: slices.Clone(needs)}
}

// hasResult reports whether there is a result of what needs a derivation. If
// not, a process may have been killed when it wrote the lines of its plan.
func (s *Store) hasResult(u user) bool {
	if !u.rref.IsZero() {
		return true
	}
	refs, err := s.Realizations(u.dref)
	return err == nil && len(refs) > 0
}

func (s *Store) derivationDamage(ref DRef, err error) Damage {
	d := Damage{Path: s.drvTablePath(firstOf(ref)), Kind: DamageDerivation, DRef: ref}
	var damage *DamageError
	if errors.As(err, &damage) {
		err = damage.Err
	}
	d.Text = err.Error()
	return d
}

// lostDerivations reports the derivations that have no line, and are needed.
func (v *verifier) lostDerivations() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, ref := range slices.SortedFunc(maps.Keys(v.wanted.drefs), DRef.Compare) {
		if !slices.ContainsFunc(v.wanted.drefs[ref], v.store.hasResult) {
			continue
		}
		if _, err := v.store.derivationText(ref); errors.Is(err, ErrNotExist) {
			v.found = append(v.found, v.store.derivationDamage(ref, fmt.Errorf("%v: its line is lost", ref)))
		}
	}
}
