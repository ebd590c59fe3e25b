package store

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// made is one realization, and where a link to it may be.
type made struct {
	w    *world
	r    Realization
	link string
}

func (m made) add(t *testing.T) {
	t.Helper()
	if err := m.w.s.AddLinkRoot(m.link, m.r.Ref); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// relink makes a symlink, in place of any that is there.
func relink(t *testing.T, path, target string) {
	t.Helper()
	os.Remove(path)
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func TestGCRoots(t *testing.T) {
	tests := map[string]struct {
		make func(t *testing.T, m made) []string // returns what to --keep
		kept bool
	}{
		"none":                {func(t *testing.T, m made) []string { return nil }, false},
		"a link":              {func(t *testing.T, m made) []string { m.add(t); return nil }, true},
		"a link that is gone": {func(t *testing.T, m made) []string { m.add(t); remove(t, m.link); return nil }, false},
		"a link whose directory is a file now": {func(t *testing.T, m made) []string {
			m.add(t)
			if err := os.RemoveAll(filepath.Dir(m.link)); err != nil {
				t.Fatal(err)
			}
			write(t, m.w.out, map[string]string{"links": "now a file"})
			return nil
		}, false},
		"a link that leads elsewhere": {func(t *testing.T, m made) []string { m.add(t); relink(t, m.link, "/"); return nil }, false},
		"a link by way of another": {func(t *testing.T, m made) []string {
			m.add(t)
			if err := os.Rename(m.link, m.link+"-2"); err != nil {
				t.Fatal(err)
			}
			relink(t, m.link, filepath.Base(m.link)+"-2")
			return nil
		}, true},
		"a link by another name of the store": {func(t *testing.T, m made) []string {
			m.add(t)
			relink(t, m.w.out+"/alias", filepath.Dir(m.w.s.Dir()))
			relink(t, m.link, m.w.out+"/alias/"+strings.TrimPrefix(m.w.s.OutPath(m.r.Ref), filepath.Dir(m.w.s.Dir())+"/"))
			return nil
		}, true},
		"a project": {func(t *testing.T, m made) []string { m.w.plan(t, "p", m.r.Ref.DRef()); return nil }, true},
		"a project by a symlink": {func(t *testing.T, m made) []string {
			dir := m.w.plan(t, "p", m.r.Ref.DRef())
			if err := os.Rename(dir, m.w.out+"/notes"); err != nil {
				t.Fatal(err)
			}
			relink(t, dir, "../notes")
			return nil
		}, true},
		"a project that is gone": {func(t *testing.T, m made) []string {
			if err := os.RemoveAll(m.w.plan(t, "p", m.r.Ref.DRef())); err != nil {
				t.Fatal(err)
			}
			return nil
		}, false},
		"a project without plans": {func(t *testing.T, m made) []string {
			remove(t, m.w.plan(t, "[p]*", m.r.Ref.DRef())+"/plan-1.json")
			return nil
		}, false},
		"a project of odd name": {func(t *testing.T, m made) []string { m.w.plan(t, "[p]*?", m.r.Ref.DRef()); return nil }, true},
		"keep a link": {func(t *testing.T, m made) []string {
			relink(t, m.link, m.w.s.OutPath(m.r.Ref))
			return []string{m.w.out}
		}, true},
		"keep that very link": {func(t *testing.T, m made) []string {
			relink(t, m.link, m.w.s.OutPath(m.r.Ref))
			return []string{m.link}
		}, true},
		"keep another directory": {func(t *testing.T, m made) []string {
			relink(t, m.link, m.w.s.OutPath(m.r.Ref))
			return []string{tempDir(t)}
		}, false},
		"keep a link into it": {func(t *testing.T, m made) []string {
			relink(t, m.link, m.w.s.OutPath(m.r.Ref)+"/file")
			return []string{m.w.out}
		}, true},
		"keep a link to its log": {func(t *testing.T, m made) []string {
			relink(t, m.link, m.w.s.LogPath(m.r.Ref))
			return []string{m.w.out}
		}, true},
		"keep a link to the tree": {func(t *testing.T, m made) []string {
			relink(t, m.link, m.w.s.TreePath(m.r.Tree)+"/file")
			return []string{m.w.out}
		}, true},
		"keep a link to the derivation": {func(t *testing.T, m made) []string {
			relink(t, m.link, m.w.s.drvDir(m.r.Ref.DRef()))
			return []string{m.w.out}
		}, true},
		"keep a relative link": {func(t *testing.T, m made) []string {
			rel, err := filepath.Rel(filepath.Dir(m.link), m.w.s.OutPath(m.r.Ref))
			if err != nil {
				t.Fatal(err)
			}
			relink(t, m.link, rel)
			return []string{m.w.out}
		}, true},
		"keep a symlink to the directory": {func(t *testing.T, m made) []string {
			relink(t, m.link, m.w.s.OutPath(m.r.Ref))
			dir := tempDir(t)
			relink(t, dir+"/l", m.w.out)
			return []string{dir + "/l"}
		}, true},
		"keep a link through a link": {func(t *testing.T, m made) []string {
			relink(t, m.link, m.w.s.OutPath(m.r.Ref))
			dir := tempDir(t)
			relink(t, dir+"/file", m.link+"/file")
			return []string{dir}
		}, true},
		"keep what holds the store": {func(t *testing.T, m made) []string { return []string{filepath.Dir(m.w.s.Dir())} }, false},
	}
	for what, test := range tests {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			r := w.result(t, w.derive(t, "a"), nil, "1")
			if err := os.WriteFile(w.s.LogPath(r.Ref), []byte("log"), 0o444); err != nil {
				t.Fatal(err)
			}
			link := w.out + "/links/out"
			write(t, w.out, map[string]string{"links/": ""})
			collect(t, w.s, GCOptions{Keep: test.make(t, made{w, r, link})})
			there := w.there(t)
			if there[r.Ref.String()] != test.kept || there[r.Tree.String()] != test.kept {
				t.Errorf("there %v, want %v", there[r.Ref.String()], test.kept)
			}
			roots, err := w.s.Roots()
			if err != nil {
				t.Fatal(err)
			}
			for _, root := range roots {
				if root.Stale {
					t.Errorf("a stale root is there: %+v", root)
				}
			}
		})
	}
}

// What can't be read may be a root of much: gc removes nothing then.
func TestGCUnreadableRoot(t *testing.T) {
	for what, spoil := range map[string]func(dir string) error{
		"broken plan": func(dir string) error { return os.WriteFile(dir+"/plan-1.json", []byte("{"), 0o666) },
		"bad reference": func(dir string) error {
			return os.WriteFile(dir+"/plan-1.json", []byte(`{"stages":[{"dref":"x"}]}`), 0o666)
		},
		"unreadable": func(dir string) error { return os.Chmod(dir, 0) },
		"below that": func(dir string) error { return os.Chmod(filepath.Dir(dir), 0) },
	} {
		if os.Getuid() == 0 && (what == "unreadable" || what == "below that") {
			continue // root reads everything
		}
		w := newWorld(t)
		w.result(t, w.derive(t, "garbage"), nil, "1")
		if err := spoil(w.plan(t, "p")); err != nil {
			t.Fatal(err)
		}
		before := w.there(t)
		if err := w.s.Close(); err != nil {
			t.Fatal(err)
		}
		if g, err := w.s.GC(t.Context(), GCOptions{}); err == nil || !strings.HasPrefix(err.Error(), "gc: root project-") {
			t.Errorf("%s: got %+v, %v, want an error about the root", what, g, err)
		}
		same(t, what, w.there(t), before)
	}
	s := held(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.GC(t.Context(), GCOptions{Keep: []string{tempDir(t) + "/gone"}}); err == nil {
		t.Error("--keep of what is not there: want an error")
	}
}

func TestRoots(t *testing.T) {
	w := newWorld(t)
	r := w.result(t, w.derive(t, "a"), nil, "1")
	dref := r.Ref.DRef()
	for _, test := range []struct{ name, ref, want string }{
		{"", dref.String(), "dref-" + dref.base()},
		{"", r.Ref.String(), "rref-" + r.Ref.Hash().String() + "-" + dref.base()},
		{"my best", r.Ref.String(), "my best"},
		{strings.Repeat("n", 250), r.Ref.String(), strings.Repeat("n", 250)},
	} {
		if got, err := w.s.AddRoot(test.name, test.ref); err != nil || got != test.want {
			t.Errorf("%s: got %q, %v, want %q", test.ref, got, err, test.want)
		}
	}
	for _, test := range [][2]string{
		{".hidden", dref.String()}, {"a/b", dref.String()}, {"..", dref.String()}, {strings.Repeat("n", 251), dref.String()}, {"x", "nonsense"}, {"x", ""},
		{"x", "dref:" + hashA + "-none"}, {"x", "rref:" + hashA + "-" + dref.base()},
	} {
		if name, err := w.s.AddRoot(test[0], test[1]); err == nil {
			t.Errorf("%q: got %q, want an error", test, name)
		}
	}
	link := w.out + "/" + strings.Repeat("l", 255)
	for range 2 {
		if err := w.s.AddLinkRoot(link, r.Ref); err != nil {
			t.Fatal(err)
		}
	}
	if target, err := os.Readlink(link); err != nil || target != w.s.OutPath(r.Ref) {
		t.Errorf("link: %q, %v", target, err)
	}
	write(t, w.out, map[string]string{"file": "mine", "dir/": ""})
	for _, name := range []string{"/file", "/dir", "/gone/link"} {
		if err := w.s.AddLinkRoot(w.out+name, r.Ref); err == nil {
			t.Errorf("a link at %s: want an error", name)
		}
	}
	w.plan(t, "p", dref)
	roots, err := w.s.Roots()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, root := range roots {
		kind, _, _ := strings.Cut(root.Name, "-")
		got[kind] = fmt.Sprint(root.Target, root.DRefs, root.RRefs, root.Stale)
	}
	drefs, rrefs := fmt.Sprint([]DRef{dref}, []RRef(nil), false), fmt.Sprint([]DRef(nil), []RRef{r.Ref}, false)
	want := map[string]string{
		"dref": dref.String() + drefs, "rref": r.Ref.String() + rrefs, "my best": r.Ref.String() + rrefs, strings.Repeat("n", 250): r.Ref.String() + rrefs,
		"link": link + rrefs, "project": w.out + "/p/.plx" + drefs, "unplaced": "",
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got[name], want[name])
		}
	}
	if err := w.s.RemoveRoot("my best"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"my best", "", ".", "..", "../version", "a/b", ".hidden"} {
		if err := w.s.RemoveRoot(name); !errors.Is(err, ErrNotExist) {
			t.Errorf("RemoveRoot(%q): got %v, want ErrNotExist", name, err)
		}
	}
	if _, err := os.Stat(w.s.Dir() + "/version"); err != nil {
		t.Error(err)
	}
}
