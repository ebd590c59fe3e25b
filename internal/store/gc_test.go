package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// collect closes s, and removes what is garbage.
func collect(t *testing.T, s *Store, o GCOptions) Garbage {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	g, err := s.GC(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return g
}

// world is a store with a graph in it, and what that is.
type world struct {
	s     *Store
	drefs []DRef
	ds    map[DRef]Derivation
	rs    map[DRef][]Realization
	out   string // a directory outside the store
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{s: held(t), ds: map[DRef]Derivation{}, rs: map[DRef][]Realization{}, out: tempDir(t)}
}

// derive adds a derivation with a source of its own and the inputs.
func (w *world) derive(t *testing.T, name string, from ...DRef) DRef {
	t.Helper()
	d := Derivation{Name: name, Kind: ActionRun, Inputs: map[string]Input{}}
	var err error
	if d.Source, err = w.s.AddFiles(t.Context(), []SourceFile{{Path: "source", Text: name}}); err != nil {
		t.Fatal(err)
	}
	for i, dep := range from {
		d.Inputs[fmt.Sprintf("i%d", i)] = Input{From: []DRef{dep}}
	}
	ref := derive(t, w.s, d)
	w.drefs, w.ds[ref] = append(w.drefs, ref), d
	return ref
}

func (w *world) result(t *testing.T, dref DRef, c Context, text string) Realization {
	t.Helper()
	r := result(t, w.s, dref, c, text)
	w.rs[dref] = append(w.rs[dref], r)
	return r
}

// plan records derivations as a project's plan does.
func (w *world) plan(t *testing.T, project string, drefs ...DRef) string {
	t.Helper()
	text := `{"version":1,"stages":[`
	for i, ref := range drefs {
		text += strings.Repeat(",", min(i, 1)) + `{"name":"x","dref":"` + ref.String() + `"}`
	}
	dir := filepath.Join(w.out, project, ".plx")
	write(t, dir, map[string]string{"plan-1.json": text + "]}", "other.json": "{", ".gitignore": "*"})
	if err := w.s.AddProjectRoot(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// randomWorld is a world with everything at random.
func randomWorld(t *testing.T, rng *rand.Rand) *world {
	t.Helper()
	w := newWorld(t)
	for i := range 4 + rng.IntN(8) {
		var deps []DRef
		for _, dep := range w.drefs {
			if rng.IntN(3) == 0 {
				deps = append(deps, dep)
			}
		}
		dref := w.derive(t, fmt.Sprintf("d%d", i), deps...)
		for n := range rng.IntN(4) {
			c := Context{}
			for name, in := range w.ds[dref].Inputs {
				for _, r := range w.rs[in.From[0]] {
					if rng.IntN(2) == 0 {
						c[name] = append(c[name], r.Ref)
					}
				}
			}
			w.result(t, dref, c, fmt.Sprint(rng.IntN(6), n%2))
		}
	}
	return w
}

// objects is a set of names.
type objects map[string]bool

// reach adds what a realization or derivation keeps: written again from the
// rules, and not as gc does it.
func (w *world) reachDRef(all objects, ref DRef) {
	if all[ref.String()] || w.ds[ref].Name == "" {
		return
	}
	all[ref.String()] = true
	all[w.ds[ref].Source.String()] = true
	for _, dep := range w.ds[ref].Dependencies() {
		w.reachDRef(all, dep)
	}
}

func (w *world) reachRRef(all objects, ref RRef) {
	for _, r := range w.rs[ref.DRef()] {
		if r.Ref != ref || all[ref.String()] {
			continue
		}
		all[ref.String()], all[r.Tree.String()] = true, true
		w.reachDRef(all, ref.DRef())
		for _, deps := range r.Context {
			for _, dep := range deps {
				w.reachRRef(all, dep)
			}
		}
	}
}

func (w *world) reachAll(all objects, ref DRef) {
	w.reachDRef(all, ref)
	for _, r := range w.rs[ref] {
		w.reachRRef(all, r.Ref)
	}
}

// there returns what the store holds.
func (w *world) there(t *testing.T) objects {
	t.Helper()
	all := objects{}
	drefs, err := w.s.Derivations()
	if err != nil {
		t.Fatal(err)
	}
	for _, dref := range drefs {
		all[dref.String()] = true
		if _, err := w.s.Derivation(dref); err != nil {
			t.Error(err)
		}
		rrefs, err := w.s.Realizations(dref)
		if err != nil {
			t.Fatal(err)
		}
		for _, ref := range rrefs {
			all[ref.String()] = true
			if _, err := w.s.Realization(ref); err != nil {
				t.Error(err)
			}
		}
	}
	names, err := dirNames(w.s.join("tree"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		all[strings.TrimSuffix(name, ".manifest")] = true
	}
	return all
}

func same(t *testing.T, what string, got, want objects) {
	t.Helper()
	for ref := range want {
		if !got[ref] {
			t.Errorf("%s: %s is gone", what, ref)
		}
	}
	for ref := range got {
		if !want[ref] {
			t.Errorf("%s: %s is there", what, ref)
		}
	}
}

// On any graph with any roots, gc keeps what the roots reach, and nothing
// else; what it keeps is sound, and a second gc finds nothing.
func TestGCKeepsWhatIsReached(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for i := range 10 {
		w := randomWorld(t, rng)
		want := objects{}
		for _, dref := range w.drefs {
			switch rng.IntN(10) {
			case 0:
				if _, err := w.s.AddRoot("", dref.String()); err != nil {
					t.Fatal(err)
				}
				w.reachAll(want, dref)
			case 1:
				w.plan(t, dref.Name(), dref)
				w.reachAll(want, dref)
			}
			for _, r := range w.rs[dref] {
				switch rng.IntN(12) {
				case 0:
					if _, err := w.s.AddRoot("", r.Ref.String()); err != nil {
						t.Fatal(err)
					}
					w.reachRRef(want, r.Ref)
				case 1:
					if err := w.s.AddLinkRoot(filepath.Join(w.out, r.Ref.Hash().String()), r.Ref); err != nil {
						t.Fatal(err)
					}
					w.reachRRef(want, r.Ref)
				}
			}
		}
		before := w.there(t)
		dry := collect(t, w.s, GCOptions{DryRun: true})
		same(t, "dry run", w.there(t), before)
		g := collect(t, w.s, GCOptions{})
		same(t, fmt.Sprint("world ", i), w.there(t), want)
		if fmt.Sprint(dry) != fmt.Sprint(g) {
			t.Errorf("the dry run said\n%v\ngc\n%v", dry, g)
		}
		if n := len(g.Derivations) + len(g.Realizations) + len(g.Trees); n != len(before)-len(want) {
			t.Errorf("%d are said to be garbage, %d were", n, len(before)-len(want))
		}
		if again := collect(t, w.s, GCOptions{}); !again.Empty() || again.Bytes != 0 || again.Kept != g.Kept {
			t.Errorf("again: %+v", again)
		}
		checkSound(t, w.s)
	}
}

// checkSound holds a store to its invariants.
func checkSound(t *testing.T, s *Store) {
	t.Helper()
	if r, err := s.Verify(t.Context(), VerifyOptions{}); err != nil || len(r.Damage) > 0 {
		t.Errorf("verify: %v, %v", r.Damage, err)
	}
	drefs, err := s.Derivations()
	if err != nil {
		t.Fatal(err)
	}
	for _, dref := range drefs {
		d, err := s.Derivation(dref)
		if err != nil && !onlyMarks(t, s, dref, err) {
			t.Error(err)
		}
		if !d.Source.IsZero() {
			checkTree(t, s, d.Source)
			if _, err := s.Manifest(d.Source); err != nil {
				t.Error(err)
			}
		}
		rrefs, err := s.Realizations(dref)
		if err != nil {
			t.Error(err)
		}
		for _, ref := range rrefs {
			r, err := s.Realization(ref)
			if err != nil {
				t.Error(err)
				continue
			}
			checkTree(t, s, r.Tree)
			if target, err := os.Readlink(s.OutPath(ref)); err != nil || filepath.Base(target) != r.Tree.String() {
				t.Errorf("%v: out is %q, %v", ref, target, err)
			}
			if r.Volatile != nil {
				scanned(t, s.VolatilePath(ref))
			}
			for _, deps := range r.Context {
				for _, dep := range deps {
					if !s.exists(s.recordPath(dep)) && !s.exists(s.OutPath(dep)+removedSuffix) {
						t.Errorf("%v: its context %v is gone", ref, dep)
					}
				}
			}
			if found, err := s.RealizationsOf(r.Action); err != nil || !slices.ContainsFunc(found, func(f Realization) bool { return f.Ref == ref }) {
				t.Errorf("%v is not in the index, %v", ref, err)
			}
		}
	}
}

// onlyMarks reports whether there is nothing of a derivation but marks that
// realizations of it were removed.
func onlyMarks(t *testing.T, s *Store, dref DRef, err error) bool {
	t.Helper()
	names, listErr := dirNames(s.drvDir(dref))
	if listErr != nil {
		t.Error(listErr)
	}
	isMark := func(name string) bool { return strings.HasSuffix(name, removedSuffix) }
	return errors.Is(err, ErrNotExist) && len(names) > 0 && !slices.ContainsFunc(names, func(name string) bool { return !isMark(name) })
}

func checkTree(t *testing.T, s *Store, tree Hash) {
	t.Helper()
	if got := scanned(t, s.TreePath(tree)).Hash(); got != tree {
		t.Errorf("tree %v has the hash %v", tree, got)
	}
	for name, text := range files(t, s.TreePath(tree)) {
		if mode := strings.Fields(text)[0]; mode[0] != 'L' && strings.Contains(mode, "w") {
			t.Errorf("tree %v: %s has mode %s", tree, name, mode)
		}
	}
}

// A kept realization keeps the closure of its context, and not its siblings; a
// kept derivation keeps all its realizations.
func TestGCKeepRules(t *testing.T) {
	w := newWorld(t)
	base := w.derive(t, "base")
	b1, b2 := w.result(t, base, nil, "b1"), w.result(t, base, nil, "b2")
	top := w.derive(t, "top", base)
	t1, t2 := w.result(t, top, Context{"i0": {b1.Ref}}, "t1"), w.result(t, top, Context{"i0": {b2.Ref}}, "t2")
	side := w.derive(t, "side", base)
	w.result(t, side, Context{"i0": {b2.Ref}}, "s")
	if _, err := w.s.AddRoot("one", t1.Ref.String()); err != nil {
		t.Fatal(err)
	}
	g := collect(t, w.s, GCOptions{})
	there := w.there(t)
	for ref, want := range map[string]bool{
		t1.Ref.String(): true, b1.Ref.String(): true, top.String(): true, base.String(): true,
		t2.Ref.String(): false, b2.Ref.String(): false, side.String(): false,
	} {
		if there[ref] != want {
			t.Errorf("%s: there %v, want %v", ref, there[ref], want)
		}
	}
	for i, ref := range g.Realizations { // dependents first
		if ref == b2.Ref && !slices.Contains(g.Realizations[:i], t2.Ref) {
			t.Errorf("%v goes before what is made from it", ref)
		}
	}
}

// What killed processes left goes, what living ones have stays.
func TestGCWork(t *testing.T) {
	s := held(t)
	keep := derive(t, s, Derivation{Name: "keep"})
	if _, err := s.AddRoot("r", keep.String()); err != nil {
		t.Fatal(err)
	}
	kept := result(t, s, keep, nil, "1")
	p := start(t, "work", s.Dir())
	left := filepath.Dir(p.said)
	if !s.exists(left) {
		t.Fatal("the other process has no work")
	}
	p.kill()
	hash := HashOf([]byte("killed")).String()
	orphans := []string{hash, hash + ".log", hash + ".volatile", hash + removedSuffix}
	write(t, s.drvDir(keep), map[string]string{hash: "->../../tree/" + hash, hash + ".log": "log", hash + ".volatile/x": "1", hash + removedSuffix: "", "failed.log": "failed", "note": "mine"})
	write(t, s.Dir(), map[string]string{"tmp/stray": "1", "tmp/p-dead/locked/x": "1"})
	if err := os.Chmod(s.Dir()+"/tmp/p-dead/locked", 0o500); err != nil {
		t.Fatal(err)
	}
	appendTo(t, s.indexPath(kept.Action), "torn")
	appendTo(t, s.indexPath(kept.Action), fmt.Sprintf("\nrref:%s-%s\t1\t%v\n", hash, keep.base(), kept.Action))
	if err := os.Chmod(s.indexPath(kept.Action), 0o640); err != nil {
		t.Fatal(err)
	}
	dry := collect(t, s, GCOptions{DryRun: true})
	g := collect(t, s, GCOptions{})
	if len(g.Work) != 3+len(orphans) || g.Bytes < 5 || fmt.Sprint(dry) != fmt.Sprint(g) {
		t.Errorf("got %+v, the dry run said %+v", g, dry)
	}
	for _, name := range orphans {
		if s.exists(s.drvDir(keep) + "/" + name) {
			t.Errorf("%s is there", name)
		}
	}
	for _, name := range []string{"failed.log", "note"} {
		if !s.exists(s.drvDir(keep) + "/" + name) {
			t.Errorf("%s is gone", name)
		}
	}
	if names, err := dirNames(s.join("tmp")); err != nil || len(names) != 0 {
		t.Errorf("left in tmp: %q, %v", names, err)
	}
	want := fmt.Sprintf("%v\t1\t%v\n", kept.Ref, kept.Action)
	if data, err := os.ReadFile(s.indexPath(kept.Action)); err != nil || string(data) != want {
		t.Errorf("index: %q, %v, want %q", data, err, want)
	}
	if info, err := os.Stat(s.indexPath(kept.Action)); err != nil || info.Mode() != 0o640 {
		t.Errorf("index: mode %v, %v", info.Mode(), err)
	}
}

func TestDeadWorkSparesTheLiving(t *testing.T) {
	s := held(t)
	p := start(t, "work", s.Dir())
	if _, err := s.Stage(); err != nil {
		t.Fatal(err)
	}
	if dead, err := s.deadWork(); err != nil || dead != nil {
		t.Errorf("got %q, %v, want nothing", dead, err)
	}
	p.kill()
	if dead, err := s.deadWork(); err != nil || !slices.Equal(dead, []string{filepath.Dir(p.said)}) {
		t.Errorf("got %q, %v, want what the killed one left", dead, err)
	}
}

// What is damaged stays, with its tree, and is told.
func TestGCDamaged(t *testing.T) {
	w := newWorld(t)
	dref := w.derive(t, "a")
	bad, good := w.result(t, dref, nil, "1"), w.result(t, dref, nil, "2")
	overwrite(t, w.s.recordPath(bad.Ref), "{}")
	write(t, w.s.Dir(), map[string]string{"drv/" + hashA + "-file": "where a directory belongs"})
	g := collect(t, w.s, GCOptions{})
	if len(g.Damaged) != 2 {
		t.Errorf("got %v, want two that are damaged", g.Damaged)
	}
	for path, want := range map[string]bool{
		w.s.recordPath(bad.Ref): true, w.s.TreePath(bad.Tree): true, w.s.OutPath(bad.Ref): true, w.s.TreePath(w.ds[dref].Source): true,
		w.s.recordPath(good.Ref): false, w.s.TreePath(good.Tree): false, w.s.join("drv", hashA+"-file"): true,
	} {
		if w.s.exists(path) != want {
			t.Errorf("%s: there %v, want %v", path, !want, want)
		}
	}
}
