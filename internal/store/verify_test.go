package store

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A specimen is a store with one of each kind of object.
type specimen struct {
	s     *Store
	leaf  Realization // an import: what run was built from
	run   Realization // has a log and volatile outputs
	drefs []DRef
}

func newSpecimen(t *testing.T) *specimen {
	t.Helper()
	s := held(t)
	refs, err := committed(s)
	if err != nil {
		t.Fatal(err)
	}
	x := &specimen{s: s, drefs: []DRef{refs[0].dref, refs[1].dref, refs[2].dref}}
	for i, r := range []*Realization{&x.leaf, &x.run} {
		if *r, err = s.Realization(refs[i]); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

// tree returns a path in the tree of run.
func (x *specimen) tree(path string) string { return x.s.TreePath(x.run.Tree) + "/" + path }

// source returns a path in the source tree.
func (x *specimen) source(path string) string { return x.s.TreePath(x.leaf.Tree) + "/" + path }

// tamper changes something below the store, whatever the modes of directories
// on the way.
func tamper(t *testing.T, path string, do func() error) {
	t.Helper()
	dir := filepath.Dir(path)
	info, err := os.Lstat(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(os.Chmod(dir, 0o755), do(), os.Chmod(dir, info.Mode().Perm()), os.Chtimes(dir, time.Time{}, info.ModTime()))
	if err != nil {
		t.Fatal(err)
	}
}

// rewrite gives a file another content, and leaves its mode and time.
func rewrite(t *testing.T, path, text string) {
	t.Helper()
	tamper(t, path, func() error {
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		return errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, []byte(text), 0o600), os.Chmod(path, info.Mode().Perm()), os.Chtimes(path, time.Time{}, info.ModTime()))
	})
}

func lose(t *testing.T, path string) {
	t.Helper()
	tamper(t, path, func() error { return removeAll(path) })
}

// damages are ways to damage a specimen: what is then reported, as kind and
// path below the store, with {run}, {leaf} for directories and trees.
var damages = []struct {
	name   string
	damage func(t *testing.T, x *specimen)
	want   []string
	quick  bool // a quick look finds it, too
	mends  bool // Repair mends it without running anything
}{
	{"nothing", func(t *testing.T, x *specimen) {}, nil, true, true},
	{"content", func(t *testing.T, x *specimen) { rewrite(t, x.tree("dir/deep/file"), "CONTENT") }, []string{"content {runtree}/dir/deep/file"}, false, false},
	{"size", func(t *testing.T, x *specimen) { rewrite(t, x.tree("dir/deep/file"), "short") }, []string{"content {runtree}/dir/deep/file"}, true, false},
	{"lost file", func(t *testing.T, x *specimen) { lose(t, x.tree("empty")) }, []string{"missing {runtree}/empty"}, true, false},
	{"lost directory", func(t *testing.T, x *specimen) { lose(t, x.tree("dir")) }, []string{"missing {runtree}/dir"}, true, false},
	{"extra file", func(t *testing.T, x *specimen) {
		tamper(t, x.tree("new"), func() error { return os.WriteFile(x.tree("new"), nil, 0o444) })
	}, []string{"extra {runtree}/new"}, true, true},
	{"other type", func(t *testing.T, x *specimen) {
		lose(t, x.tree("empty"))
		tamper(t, x.tree("empty"), func() error { return os.Symlink("dir", x.tree("empty")) })
	}, []string{"type {runtree}/empty"}, true, false},
	{"mode", func(t *testing.T, x *specimen) {
		tamper(t, x.tree("empty"), func() error { return os.Chmod(x.tree("empty"), 0o644) })
	}, []string{"mode {runtree}/empty"}, true, true},
	{"mode of the top", func(t *testing.T, x *specimen) {
		tamper(t, x.s.join("tree", "x"), func() error { return os.Chmod(x.s.TreePath(x.run.Tree), 0o755) })
	}, []string{"mode {runtree}"}, true, true},
	{"time", func(t *testing.T, x *specimen) {
		tamper(t, x.tree("empty"), func() error { return os.Chtimes(x.tree("empty"), time.Time{}, time.Now()) })
	}, []string{"time {runtree}/empty"}, true, true},
	{"another name", func(t *testing.T, x *specimen) {
		tamper(t, x.tree("empty"), func() error { return os.Link(x.tree("empty"), x.s.dir+"/../other") })
	}, []string{"shared {runtree}/empty"}, true, true},
	{"lost tree", func(t *testing.T, x *specimen) { lose(t, x.s.TreePath(x.run.Tree)) }, []string{"missing {runtree}"}, true, false},
	{"no directory", func(t *testing.T, x *specimen) {
		lose(t, x.s.TreePath(x.run.Tree))
		write(t, x.s.join("tree"), map[string]string{x.run.Tree.String(): "x"})
	}, []string{"type {runtree}"}, true, false},
	{"source", func(t *testing.T, x *specimen) { rewrite(t, x.source("sub/a.txt"), "b") }, []string{"content {leaftree}/sub/a.txt"}, false, false},
	{"lost manifest", func(t *testing.T, x *specimen) { lose(t, x.s.manifestPath(x.leaf.Tree)) }, []string{"manifest {leaftree}.manifest"}, true, true},
	{"other manifest", func(t *testing.T, x *specimen) { rewrite(t, x.s.manifestPath(x.leaf.Tree), manifestHeader) }, []string{"manifest {leaftree}.manifest"}, true, true},
	{"no record", func(t *testing.T, x *specimen) { rewrite(t, x.s.recordPath(x.run.Ref), "") }, []string{"record {run}.json"}, true, true},
	{"other record", func(t *testing.T, x *specimen) {
		data, err := os.ReadFile(x.s.recordPath(x.run.Ref))
		if err != nil {
			t.Fatal(err)
		}
		rewrite(t, x.s.recordPath(x.run.Ref), strings.Replace(string(data), `"tree": "`+x.run.Tree.String(), `"tree": "`+x.leaf.Tree.String(), 1))
	}, []string{"record {run}.json"}, true, true},
	{"lost link", func(t *testing.T, x *specimen) { lose(t, x.s.OutPath(x.run.Ref)) }, []string{"link {run}"}, true, true},
	{"other link", func(t *testing.T, x *specimen) {
		lose(t, x.s.OutPath(x.run.Ref))
		if err := os.Symlink(linkTarget(x.leaf.Tree), x.s.OutPath(x.run.Ref)); err != nil {
			t.Fatal(err)
		}
	}, []string{"link {run}"}, true, true},
	{"lost volatile output", func(t *testing.T, x *specimen) { lose(t, x.s.VolatilePath(x.run.Ref)+"/log.txt") }, []string{"volatile {run}.volatile/log.txt"}, true, false},
	{"lost context", func(t *testing.T, x *specimen) { lose(t, x.s.recordPath(x.leaf.Ref)) }, []string{"context {leaf}.json"}, true, true},
	{"from the future", func(t *testing.T, x *specimen) {
		path := x.s.recordPath(x.run.Ref)
		tamper(t, path, func() error { return os.Chtimes(path, time.Time{}, time.Now().AddDate(1, 0, 0)) })
	}, []string{"time {run}.json"}, true, true},
	{"lost derivation", func(t *testing.T, x *specimen) { lose(t, x.s.drvTablePath(firstOf(x.leaf.Ref.dref))) }, []string{"derivation {leafdrv}"}, true, false},
	{"other derivation", func(t *testing.T, x *specimen) {
		path := x.s.drvTablePath(firstOf(x.leaf.Ref.dref))
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rewrite(t, path, strings.Replace(string(data), `"name":"leaf"`, `"name":"LEAF"`, 1))
	}, []string{"derivation {leafdrv}"}, true, false},
	{"lost index", func(t *testing.T, x *specimen) { lose(t, x.s.indexPath(x.run.Action)) }, []string{"index {index}", "index {index}"}, true, true},
}

// reported returns what the report says, in the words of [damages].
func (x *specimen) reported(found []Damage) []string {
	words := strings.NewReplacer(
		x.s.TreePath(x.run.Tree), "{runtree}", x.s.TreePath(x.leaf.Tree), "{leaftree}",
		x.s.OutPath(x.run.Ref), "{run}", x.s.OutPath(x.leaf.Ref), "{leaf}", x.s.indexPath(x.run.Action), "{index}",
	)
	var texts []string
	for _, d := range found {
		text := words.Replace(d.Path)
		if d.Path == x.s.drvTablePath(firstOf(x.leaf.Ref.dref)) {
			text = "{leafdrv}"
		}
		texts = append(texts, string(d.Kind)+" "+text)
	}
	return texts
}

// Every damage is found, and nothing else; a quick look finds all but changed
// content.
func TestVerify(t *testing.T) {
	for _, test := range damages {
		t.Run(test.name, func(t *testing.T) {
			x := newSpecimen(t)
			test.damage(t, x)
			s := open(t, x.s.dir)
			r, err := s.Verify(t.Context(), VerifyOptions{})
			if got := x.reported(r.Damage); err != nil || !slices.Equal(got, test.want) {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
			r, err = s.Verify(t.Context(), VerifyOptions{Quick: true})
			want := test.want
			if !test.quick {
				want = nil
			}
			if got := x.reported(r.Damage); err != nil || !slices.Equal(got, want) {
				t.Errorf("quick: got %q, %v, want %q", got, err, want)
			}
		})
	}
}

// A realization comes with what it was made from, and with nothing else.
func TestVerifyOne(t *testing.T) {
	x := newSpecimen(t)
	rewrite(t, x.source("sub/a.txt"), "b")
	other := derive(t, x.s, Derivation{Name: "alone", Script: "y"})
	alone := result(t, x.s, other, nil, "alone")
	for _, test := range []struct {
		name string
		o    VerifyOptions
		want int
	}{
		{"built from it", VerifyOptions{RRefs: []RRef{x.run.Ref}}, 1},
		{"its derivation", VerifyOptions{DRefs: []DRef{x.run.Ref.dref}}, 1},
		{"itself", VerifyOptions{Trees: []Hash{x.leaf.Tree}}, 1},
		{"another", VerifyOptions{RRefs: []RRef{alone.Ref}, DRefs: []DRef{other}, Trees: []Hash{x.run.Tree}}, 0},
	} {
		if r, err := x.s.Verify(t.Context(), test.o); err != nil || len(r.Damage) != test.want {
			t.Errorf("%s: got %v, %v, want %d", test.name, r.Damage, err, test.want)
		}
	}
	for _, o := range []VerifyOptions{
		{RRefs: []RRef{{HashOf(nil), other}}}, {DRefs: []DRef{{HashOf(nil), "x"}}}, {Trees: []Hash{HashOf(nil)}},
	} {
		if _, err := x.s.Verify(t.Context(), o); !errors.Is(err, ErrNotExist) {
			t.Errorf("got %v", err)
		}
	}
	if found, err := x.s.checkRealization(t.Context(), x.leaf.Ref); err != nil || len(found) != 1 {
		t.Errorf("got %v, %v", found, err)
	}
	if found, err := x.s.checkRealization(t.Context(), x.run.Ref); err != nil || len(found) != 0 {
		t.Errorf("got %v, %v", found, err)
	}
}

// What nobody uses may lack something, but not be another than its name says.
func TestVerifyGarbage(t *testing.T) {
	x := newSpecimen(t)
	tree := x.s.TreePath(HashOf([]byte(manifestHeader)))
	write(t, x.s.dir, map[string]string{
		"drv/junk": "", "drv/" + x.drefs[0].base() + "/junk.json": "", "tree/junk/x": "", "tmp/left/x": "",
		"tree/" + HashOf(nil).String() + "/x": "another",
	})
	if err := os.Mkdir(tree, 0o755); err != nil { // killed before it was frozen
		t.Fatal(err)
	}
	r, err := x.s.Verify(t.Context(), VerifyOptions{})
	if err != nil || len(r.Damage) != 1 || r.Damage[0].Path != x.s.TreePath(HashOf(nil)) || r.Damage[0].Kind != DamageContent {
		t.Errorf("got %v, %v", r.Damage, err)
	}
}

// What was damaged at first sight and is gone at the second is no damage.
func TestVerifyVanishes(t *testing.T) {
	for _, test := range damages {
		x := newSpecimen(t)
		test.damage(t, x)
		v := newVerifier(t.Context(), open(t, x.s.dir), false)
		if err := v.all(VerifyOptions{}); err != nil {
			t.Fatal(err)
		}
		suspects := v.report().Damage
		for _, dref := range x.drefs {
			lose(t, x.s.drvDir(dref))
		}
		for _, name := range []string{"drv", "tree"} {
			lose(t, x.s.join(name))
			if err := os.Mkdir(x.s.join(name), 0o777); err != nil {
				t.Fatal(err)
			}
		}
		if found, err := v.again(suspects, nil); err != nil || len(found) > 0 {
			t.Errorf("%s: got %v, %v", test.name, found, err)
		}
	}
}

// A flat directory of more files than one goroutine takes, and a file larger
// than the buffer: each changed byte is found.
func TestVerifyLarge(t *testing.T) {
	s := held(t)
	all := map[string]string{"large": string(bytes.Repeat([]byte("0123456789abcdef"), 3*scanBuffer/16+1)), "link": "->large", "tool": "#!"}
	for i := range 3 * batchFiles {
		all["many/"+HashOf([]byte{byte(i)}).String()] = "x"
	}
	st := stage(t, s, all)
	freeze(t, st)
	r, _, err := st.Commit(derive(t, s, Derivation{Name: "large"}), nil, Origin{})
	if err != nil {
		t.Fatal(err)
	}
	top := s.TreePath(r.Tree)
	rewrite(t, top+"/large", strings.Replace(all["large"], "f", "F", 1))
	rewrite(t, top+"/many/"+HashOf([]byte{77}).String(), "y")
	lose(t, top+"/link")
	tamper(t, top+"/link", func() error { return os.Symlink("tool", top+"/link") })
	report, err := s.Verify(t.Context(), VerifyOptions{})
	var got []string
	for _, d := range report.Damage {
		got = append(got, string(d.Kind)+strings.TrimPrefix(d.Path, top))
	}
	want := []string{"content/large", "content/link", "time/link", "content/many/" + HashOf([]byte{77}).String()}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestVerifyInterrupted(t *testing.T) {
	x := newSpecimen(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	cancel(cause)
	if _, err := x.s.Verify(ctx, VerifyOptions{}); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}
