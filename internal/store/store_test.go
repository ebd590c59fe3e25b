package store

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestOpen(t *testing.T) {
	dir := tempDir(t)
	write(t, dir, map[string]string{
		"stranger/notes.txt":  "mine",
		"readme/README":       "mine",
		"newer/version":       "plx store 3\n",
		"torn/version":        "",
		"other/version":       "mine",
		"zero/version":        "plx store 0\n",
		"file":                "mine",
		"half/drv/":           "",
		"half/.new-version-1": "",
	})
	for name, want := range map[string]string{
		"stranger": `it holds "notes.txt"`,
		"readme":   "its README is another",
		"newer":    "use a newer plx",
		"torn":     "no version of a store",
		"other":    "no version of a store",
		"zero":     "no version of a store",
		"file":     "not a directory",
	} {
		_, err := Open(dir + "/" + name)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "store "+dir+"/"+name+": ") {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	if s, err := Open(""); err == nil {
		t.Errorf("no name: got %s, want an error", s.Dir())
	}
	for _, name := range []string{"gone/below", "half", "with spaces and 'quotes'\n"} {
		s, err := Open(dir + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(dir + "/gone"); err == nil && name == "gone/below" {
			t.Error("Open made something")
		}
		if err := s.Hold(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(s.Dir() + "/version"); err != nil || string(data) != "plx store 2\n" {
			t.Errorf("version: %q, %v", data, err)
		}
		refs, err := committed(s)
		if err != nil || len(refs) != 3 {
			t.Errorf("%q: %v, %v", name, refs, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenIsAbsolute(t *testing.T) {
	dir, err := filepath.EvalSymlinks(tempDir(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	s := open(t, "x/../a store")
	if want := dir + "/a store"; s.Dir() != want {
		t.Errorf("got %q, want %q", s.Dir(), want)
	}
	t.Chdir("/")
	hold(t, s)
	if _, err := os.Stat(dir + "/a store/version"); err != nil {
		t.Error(err)
	}
}

func TestWritesNeedHold(t *testing.T) {
	s := open(t, tempDir(t)+"/store")
	dref := mustDRef(t, "dref:"+hashA+"-a")
	for what, f := range map[string]func(){
		"AddDerivations": func() { s.AddDerivations(maps.All(map[DRef]Derivation{})) },
		"AddFiles":       func() { s.AddFiles(t.Context(), nil) },
		"Stage":          func() { s.Stage() },
		"Import":         func() { s.Import(dref, nil, HashOf(nil), Origin{}) },
		"Adopt":          func() { s.Adopt(Realization{}, dref, nil) },
		"AddRoot":        func() { s.AddRoot("", dref.String()) },
		"KeepScore":      func() { s.KeepScore(HashOf(nil), 1) },
		"LockAction":     func() { s.LockAction(t.Context(), HashOf(nil), "", nil) },
		"LinkBin":        func() { s.LinkBin("/bin/sh", "sh") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s without Hold doesn't panic", what)
				}
			}()
			f()
		}()
	}
}

// reopened closes the store, and returns it as another process finds it.
func reopened(t *testing.T, s *Store) *Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, s.Dir())
	hold(t, again)
	return again
}

func TestEmptyStoreIsReadable(t *testing.T) {
	s := open(t, tempDir(t)+"/none")
	dref := mustDRef(t, "dref:"+hashA+"-a")
	if refs, err := s.Derivations(); refs != nil || err != nil {
		t.Errorf("Derivations: %v, %v", refs, err)
	}
	if refs, err := s.Realizations(dref); refs != nil || err != nil {
		t.Errorf("Realizations: %v, %v", refs, err)
	}
	if rs, err := s.RealizationsOf(HashOf(nil)); rs != nil || err != nil {
		t.Errorf("RealizationsOf: %v, %v", rs, err)
	}
	if rs, err := s.Roots(); rs != nil || err != nil {
		t.Errorf("Roots: %v, %v", rs, err)
	}
	if _, err := s.Derivation(dref); !errors.Is(err, ErrNotExist) {
		t.Errorf("Derivation: %v", err)
	}
	if _, err := s.Realization(RealizationRef(dref, nil, HashOf(nil))); !errors.Is(err, ErrNotExist) {
		t.Errorf("Realization: %v", err)
	}
}

func TestDerivationRead(t *testing.T) {
	s := held(t)
	full := fullDerivation(t)
	ref := derive(t, s, full)
	again := derive(t, s, full)
	if got, err := s.Derivation(ref); err != nil || ref != again || got.Script != full.Script {
		t.Errorf("got %v, %v", got, err)
	}
	if refs, err := s.Derivations(); err != nil || !slices.Equal(refs, []DRef{ref}) {
		t.Errorf("Derivations: %v, %v", refs, err)
	}
	path := s.drvTablePath(firstOf(ref))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s = reopened(t, s)
	if _, err := s.Derivation(ref); !errors.Is(err, ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
	derive(t, s, full)
	if _, err := s.Derivation(ref); err != nil {
		t.Error(err)
	}
	overwrite(t, path, "{}\t"+ref.base()+"\n")
	s = reopened(t, s)
	var damage *DamageError
	if _, err := s.Derivation(ref); !errors.As(err, &damage) || damage.Path != path {
		t.Errorf("got %v, want a DamageError", err)
	}
}

// The same store in another place has the same references.
func TestMovedStore(t *testing.T) {
	dir := tempDir(t)
	s := open(t, dir+"/one")
	refs, err := committed(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir+"/one", dir+"/two"); err != nil {
		t.Fatal(err)
	}
	moved := open(t, dir+"/two")
	before := files(t, moved.Dir()+"/drv")
	again, err := committed(moved)
	if err != nil || !slices.Equal(again, refs) {
		t.Errorf("got %v, %v, want %v", again, err, refs)
	}
	if after := files(t, moved.Dir()+"/drv"); !equalMaps(before, after) {
		t.Errorf("got\n%v\nwant\n%v", after, before)
	}
	for _, ref := range refs {
		r, err := moved.Realization(ref)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(moved.OutPath(ref)); err != nil || !info.IsDir() {
			t.Errorf("%v: out leads nowhere: %v", ref, err)
		}
		if scanned(t, moved.TreePath(r.Tree)).Hash() != r.Tree {
			t.Errorf("%v: another tree", ref)
		}
	}
}

func TestStrangeFilesArePassedOver(t *testing.T) {
	s := held(t)
	r := result(t, s, derive(t, s, Derivation{Name: "a"}), nil, "1")
	write(t, s.Dir(), map[string]string{
		"drv/stray": "", "drv/" + hashA: "", "drv/" + hashA + "-": "", "tree/stray": "", "root/.hidden": "", "tmp/stray": "",
		"drv/" + r.Ref.DRef().base() + "/stray.json": "", "drv/" + r.Ref.DRef().base() + "/" + hashA + ".jsonx": "", "action/zz": "rubbish\n\nmore\t\n",
	})
	if refs, err := s.Derivations(); err != nil || len(refs) != 1 {
		t.Errorf("Derivations: %v, %v", refs, err)
	}
	if refs, err := s.Realizations(r.Ref.DRef()); err != nil || len(refs) != 1 {
		t.Errorf("Realizations: %v, %v", refs, err)
	}
	if roots, err := s.Roots(); err != nil || roots != nil {
		t.Errorf("Roots: %v, %v", roots, err)
	}
}

// The time of last use is the link's, and known to the hour.
func TestTouch(t *testing.T) {
	s := held(t)
	r := result(t, s, derive(t, s, Derivation{Name: "a"}), nil, "1")
	used := func() time.Time {
		t.Helper()
		info, err := os.Lstat(s.OutPath(r.Ref))
		if err != nil {
			t.Fatal(err)
		}
		return info.ModTime()
	}
	first := used()
	if err := s.Touch(r.Ref); err != nil || !used().Equal(first) {
		t.Errorf("written again within the hour: %v, %v", used(), err)
	}
	old := unix.NsecToTimespec(first.Add(-2 * time.Hour).UnixNano())
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, s.OutPath(r.Ref), []unix.Timespec{old, old}, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		t.Fatal(err)
	}
	if err := s.Touch(r.Ref); err != nil || used().Before(first) {
		t.Errorf("got %v, %v", used(), err)
	}
	checkTree(t, s, r.Tree)
	if info, err := os.Stat(s.OutPath(r.Ref)); err != nil || info.ModTime().Unix() != frozenTime {
		t.Errorf("the tree was touched: %v, %v", info.ModTime(), err)
	}
}

func TestLinkBin(t *testing.T) {
	s := held(t)
	dir, err := s.LinkBin("/bin/sh", "plx")
	if err != nil {
		t.Fatal(err)
	}
	if target, err := os.Readlink(dir + "/plx"); err != nil || target != "/bin/sh" {
		t.Errorf("%q, %v", target, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s.exists(dir) {
		t.Error("it is there after Close")
	}
}
