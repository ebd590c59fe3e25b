package store

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"plx/internal/builder/host"
)

// What a result can't hold is refused, and the error names it.
func TestFreezeRefuses(t *testing.T) {
	tests := map[string]struct {
		make func(out string) error
		path string
		want string
	}{
		"FIFO":            {func(out string) error { return syscall.Mkfifo(out+"/d/pipe", 0o666) }, "d/pipe", "is a FIFO"},
		"socket":          {func(out string) error { return bindSocket(out + "/s") }, "s", "is a socket"},
		"set-uid":         {func(out string) error { return setMode(out+"/d/f", 0o755|os.ModeSetuid) }, "d/f", "set-id"},
		"set-gid":         {func(out string) error { return setMode(out+"/d/f", 0o755|os.ModeSetgid) }, "d/f", "set-id"},
		"absolute link":   {func(out string) error { return os.Symlink("/etc/passwd", out+"/d/l") }, "d/l", "absolute"},
		"escaping link":   {func(out string) error { return os.Symlink("../../build.json", out+"/d/l") }, "d/l", "outside"},
		"dangling link":   {func(out string) error { return os.Symlink("gone", out+"/d/l") }, "d/l", "to nothing"},
		"name":            {func(out string) error { return os.WriteFile(out+"/d/\xff", nil, 0o666) }, "d/\xff", "not UTF-8"},
		"directory name":  {func(out string) error { return os.Mkdir(out+"/\xff", 0o777) }, "\xff", "not UTF-8"},
		"no out":          {os.RemoveAll, "$out", "not a directory"},
		"a file for out":  {func(out string) error { return replace(out, func() error { return os.WriteFile(out, nil, 0o666) }) }, "$out", "not a directory"},
		"a link for out":  {func(out string) error { return replace(out, func() error { return os.Symlink("/", out) }) }, "$out", "not a directory"},
		"a link to a dir": {func(out string) error { return replace(out, func() error { return os.Symlink("src", out) }) }, "$out", "not a directory"},
	}
	s := held(t)
	for what, test := range tests {
		st := stage(t, s, map[string]string{"d/f": "1"})
		if err := test.make(st.Out()); err != nil {
			t.Fatal(err)
		}
		_, err := st.Freeze(nil)
		var treeErr *TreeError
		if !errors.As(err, &treeErr) || treeErr.Path != test.path || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q about %q", what, err, test.want, test.path)
		}
		if err := st.Abort(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if trees, err := dirNames(s.join("tree")); err != nil || len(trees) != 0 {
		t.Errorf("there are trees: %q, %v", trees, err)
	}
}

func setMode(path string, mode os.FileMode) error { return os.Chmod(path, mode) }

func replace(path string, by func() error) error {
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	return by()
}

// bindSocket makes a socket, by a short name: theirs have little room.
func bindSocket(path string) error {
	dir, err := os.MkdirTemp("", "s")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: dir + "/s"})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	return errors.Join(l.Close(), os.Rename(dir+"/s", path))
}

// Whatever modes a command leaves, its result is taken in, moved and removed.
func TestFreezeOddModes(t *testing.T) {
	s := held(t)
	dref := derive(t, s, Derivation{Name: "a"})
	modes := map[string]os.FileMode{
		"none": 0, "write": 0o200, "run": 0o100, "all": 0o777, "dir/none": 0, "dir/deep": 0, "dir": 0, "locked": 0o555, "sticky": 0o777 | os.ModeSticky, "inherit": 0o777 | os.ModeSetgid, ".": 0, "..": 0,
		"vol": 0, "vol/log": 0, "voldir": 0o555, "voldir/x": 0o444,
	}
	order := []string{"none", "write", "run", "all", "dir/none", "dir/deep", "dir", "locked", "sticky", "inherit", "vol/log", "vol", "voldir/x", "voldir", ".", ".."}
	st := stage(t, s, map[string]string{
		"none": "1", "write": "2", "run": "3", "all": "4", "dir/none": "5", "dir/deep/": "", "locked/x": "6", "sticky/": "", "inherit/": "", "vol/log": "7", "voldir/x": "8",
	})
	for _, name := range order {
		if err := os.Chmod(filepath.Join(st.Out(), name), modes[name]); err != nil {
			t.Fatal(err)
		}
	}
	m := freeze(t, st, "vol/log", "voldir", "none/below", "gone/below")
	want := scanned(t, laid(t, map[string]string{
		"none": "1", "write": "2", "run": "#!", "all": "#!", "dir/none": "5", "dir/deep/": "", "locked/x": "6", "sticky/": "", "inherit/": "", "vol/": "",
	}))
	for i, e := range want.Entries() {
		if got := m.Entries()[i]; got.Path != e.Path || got.Kind != e.Kind {
			t.Errorf("got %v %q, want %v %q", got.Kind, got.Path, e.Kind, e.Path)
		}
	}
	r, _, err := st.Commit(dref, nil, Origin{})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files(t, s.TreePath(r.Tree)) {
		if mode := strings.Fields(text)[0]; mode != "-r--r--r--" && mode != "-r-xr-xr-x" && mode != "dr-xr-xr-x" {
			t.Errorf("%s has mode %s", name, mode)
		}
	}
	if data, err := os.ReadFile(s.VolatilePath(r.Ref) + "/voldir/x"); err != nil || string(data) != "8" {
		t.Errorf("volatile: %q, %v", data, err)
	}
	if err := st.Abort(); err != nil {
		t.Error(err)
	}
}

// A volatile output is moved, not what a symlink leads to.
func TestVolatileBehindSymlink(t *testing.T) {
	s := held(t)
	secret := laid(t, map[string]string{"key": "mine"})
	for what, files := range map[string]map[string]string{
		"the directory": {"log": "->" + secret},
		"above it":      {"l": "->" + filepath.Dir(secret)},
		"inside":        {"log": "->d", "d/key": "1"},
	} {
		st := stage(t, s, files)
		p := "log/key"
		if what == "above it" {
			p = "l/" + filepath.Base(secret) + "/key"
		}
		_, err := st.Freeze([]string{p})
		var treeErr *TreeError
		if !errors.As(err, &treeErr) || treeErr.Path != p {
			t.Errorf("%s: got %v, want a TreeError", what, err)
		}
		if _, err := os.Stat(secret + "/key"); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	st := stage(t, s, map[string]string{"d": "1"})
	if _, err := st.Freeze([]string{"../escape"}); err == nil {
		t.Error("a path outside: want an error")
	}
}

// No file of the store has another name anywhere, by which it could change.
func TestHardLinksAreUnshared(t *testing.T) {
	s := held(t)
	outside := laid(t, map[string]string{"data": "1", "tool": "#!/bin/sh\n"})
	long := strings.Repeat("n", 255)
	st := stage(t, s, map[string]string{"own": "2"})
	for name, from := range map[string]string{"data": outside + "/data", "tool": outside + "/tool", long: outside + "/data", "twin": st.Out() + "/own", "data.plx-unshare": outside + "/data"} {
		if err := os.Link(from, st.Out()+"/"+name); err != nil {
			t.Fatal(err)
		}
	}
	m := freeze(t, st)
	r, _, err := st.Commit(derive(t, s, Derivation{Name: "a"}), nil, Origin{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range m.Entries() {
		info, err := os.Lstat(s.TreePath(r.Tree) + "/" + e.Path)
		if err != nil || info.Sys().(*syscall.Stat_t).Nlink != 1 {
			t.Errorf("%.20s: %v has another name, %v", e.Path, info, err)
		}
	}
	if err := os.WriteFile(outside+"/data", []byte("changed"), 0o666); err != nil {
		t.Fatal(err)
	}
	if got := scanned(t, s.TreePath(r.Tree)).Hash(); got != r.Tree || m.Hash() != r.Tree {
		t.Errorf("the tree has the hash %v, want %v", got, r.Tree)
	}
	if e, _ := m.Find("tool"); e.Kind != KindExecutable {
		t.Errorf("tool is a %v", e.Kind)
	}
	if info, err := os.Stat(outside + "/tool"); err != nil || info.Mode()&0o200 == 0 {
		t.Errorf("the other name was frozen, too: %v", info.Mode())
	}
	if names, err := dirNames(filepath.Dir(st.Out())); err != nil || len(names) != 0 {
		t.Errorf("left beside out: %q, %v", names, err)
	}
}

func TestCommitNeedsFreeze(t *testing.T) {
	s := held(t)
	st := stage(t, s, nil)
	defer func() {
		if recover() == nil {
			t.Error("Commit without Freeze doesn't panic")
		}
	}()
	st.Commit(derive(t, s, Derivation{Name: "a"}), nil, Origin{})
}

// All who commit equal results at once succeed, and one copy is kept.
func TestCommitAtOnce(t *testing.T) {
	dir := tempDir(t) + "/store"
	stores := []*Store{open(t, dir), open(t, dir)}
	for _, s := range stores {
		hold(t, s)
	}
	dref := derive(t, stores[0], Derivation{Name: "a"})
	for round := range 10 {
		text := strings.Repeat("x", round)
		var wg sync.WaitGroup
		begin := make(chan bool)
		refs := make([]RRef, 8)
		for i := range refs {
			st := stage(t, stores[i%2], map[string]string{"d/file": text, "log": "today"})
			wg.Go(func() {
				defer st.Abort()
				<-begin
				if _, err := st.Freeze([]string{"log"}); err != nil {
					t.Error(err)
					return
				}
				r, _, err := st.Commit(dref, nil, Origin{Action: HashOf([]byte{byte(i % 3)}), Run: i})
				if err != nil {
					t.Error(err)
				}
				refs[i] = r.Ref
			})
		}
		close(begin)
		wg.Wait()
		r, err := stores[0].Realization(refs[0])
		if err != nil {
			t.Fatal(err)
		}
		for i, ref := range refs {
			if ref != r.Ref || !r.Answers(HashOf([]byte{byte(i % 3)})) {
				t.Errorf("%d: got %v that answers %v", i, ref, r.Also)
			}
		}
		if data, err := os.ReadFile(stores[0].VolatilePath(r.Ref) + "/log"); err != nil || string(data) != "today" {
			t.Errorf("volatile: %q, %v", data, err)
		}
		if scanned(t, stores[0].TreePath(r.Tree)).Hash() != r.Tree {
			t.Error("the tree has another hash")
		}
	}
	trees, err := dirNames(stores[0].join("tree"))
	if err != nil || len(trees) != 10 {
		t.Errorf("%d trees, %v", len(trees), err)
	}
}

// An equal tree whose maker was killed before it froze the top is finished.
func TestHalfFrozenTree(t *testing.T) {
	s := held(t)
	r := result(t, s, derive(t, s, Derivation{Name: "a"}), nil, "1")
	half := func() {
		t.Helper()
		if err := errors.Join(os.Chmod(s.TreePath(r.Tree), 0o755), os.Chtimes(s.TreePath(r.Tree), time.Time{}, time.Now())); err != nil {
			t.Fatal(err)
		}
	}
	check := func(what string) {
		t.Helper()
		info, err := os.Stat(s.TreePath(r.Tree))
		if err != nil || info.Mode().Perm() != 0o555 || info.ModTime().Unix() != frozenTime {
			t.Errorf("%s: %v %v, %v", what, info.Mode(), info.ModTime(), err)
		}
	}
	half()
	result(t, s, derive(t, s, Derivation{Name: "b"}), nil, "1")
	check("a result")
	half()
	if _, err := s.AddFiles(t.Context(), []SourceFile{{Path: "file", Text: "1"}}); err != nil {
		t.Fatal(err)
	}
	check("a source")
}

// A failed build is kept, one for each derivation, and gc takes it.
func TestKeep(t *testing.T) {
	s := held(t)
	dref := derive(t, s, Derivation{Name: "a"})
	var wg sync.WaitGroup
	for i := range 8 {
		st := stage(t, s, map[string]string{"d/file": "1"})
		if err := os.WriteFile(st.LogPath(), []byte("failed\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/d", "", "/.."} {
			if err := os.Chmod(st.Out()+path, 0o500); err != nil {
				t.Fatal(err)
			}
		}
		wg.Go(func() {
			if kept, err := st.Keep(dref, HashOf(nil)); err != nil || kept != s.join("tmp", "failed-"+dref.base()) {
				t.Errorf("%d: %q, %v", i, kept, err)
			}
		})
	}
	wg.Wait()
	kept := s.join("tmp", "failed-"+dref.base())
	if data, err := os.ReadFile(kept + "/out/d/file"); err != nil || string(data) != "1" {
		t.Errorf("%q, %v", data, err)
	}
	if data, err := os.ReadFile(s.FailedLogPath(dref)); err != nil || string(data) != "failed\n" {
		t.Errorf("%q, %v", data, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if names, err := dirNames(s.join("tmp")); err != nil || len(names) != 1 {
		t.Errorf("left in tmp: %q, %v", names, err)
	}
	if refs, err := s.Realizations(dref); err != nil || refs != nil {
		t.Errorf("%v, %v", refs, err)
	}
	if _, err := s.GC(t.Context(), GCOptions{}); err != nil {
		t.Error(err)
	}
	if names, err := dirNames(s.join("tmp")); err != nil || len(names) != 0 {
		t.Errorf("left in tmp after gc: %q, %v", names, err)
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	s := held(t)
	st := stage(t, s, map[string]string{"d/e/f": "1", "l": "->d"})
	freeze(t, st)
	if err := os.WriteFile(st.LogPath(), nil, 0o444); err != nil {
		t.Fatal(err)
	}
	dir, _ := splitPath(st.Dir())
	if err := st.Abort(); err != nil {
		t.Fatal(err)
	}
	if err := st.Abort(); err != nil {
		t.Errorf("again: %v", err)
	}
	if names, err := dirNames(dir); err != nil || len(names) != 0 {
		t.Errorf("%q, %v", names, err)
	}
}

// No descriptor is left open.
func TestDescriptors(t *testing.T) {
	s := open(t, tempDir(t)+"/store")
	if _, err := committed(s); err != nil {
		t.Fatal(err)
	}
	before, err := dirNames("/proc/self/fd")
	if err != nil || len(before) == 0 {
		t.Skip("no /proc/self/fd")
	}
	for range 20 {
		if _, err := committed(s); err != nil {
			t.Fatal(err)
		}
		st := stage(t, s, map[string]string{"l": "->/"})
		st.Freeze(nil)
		st.Abort()
		release, err := s.LockAction(t.Context(), HashOf(nil), "", nil)
		if err != nil {
			t.Fatal(err)
		}
		release()
	}
	if after, err := dirNames("/proc/self/fd"); err != nil || len(after) > len(before)+2 {
		t.Errorf("%d descriptors, then %d, %v", len(before), len(after), err)
	}
}

// A directory can be used for one result after another. The log of the next is
// a new one, under a new name; an empty one that nobody has open is used again.
func TestAgain(t *testing.T) {
	s := held(t)
	d := derive(t, s, Derivation{Name: "x", Kind: ActionRun, Script: "x", Shell: []string{"sh"}})
	st, err := s.Stage()
	if err != nil {
		t.Fatal(err)
	}
	defer st.Abort()
	commit := func(text, log string) (Realization, os.FileInfo) {
		t.Helper()
		f, err := st.Log()
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil || info.Size() > 0 {
			t.Fatalf("the log begins with %d bytes: %v", info.Size(), err)
		}
		if _, err := f.WriteString(log); err != nil {
			t.Fatal(err)
		}
		write(t, st.Dir(), map[string]string{"out/f": text, "out/v": text})
		freeze(t, st, "v")
		r, _, err := st.Commit(d, Context{}, Origin{})
		if err != nil {
			t.Fatal(err)
		}
		if err := st.Again(); err != nil {
			t.Fatal(err)
		}
		return r, info
	}
	first, quiet := commit("1", "")
	path := st.LogPath()
	second, log := commit("2", "printed")
	if path == st.LogPath() {
		t.Errorf("two logs are at %s", path)
	}
	if tellsUnused(t, s) && !os.SameFile(quiet, log) {
		t.Error("the empty log was not used again")
	}
	if _, err := os.Stat(st.LogPath()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after a log that was kept there is one: %v", err)
	}
	for _, test := range []struct {
		r    Realization
		want string
	}{{first, ""}, {second, "printed"}} {
		data, _ := os.ReadFile(s.LogPath(test.r.Ref))
		if string(data) != test.want {
			t.Errorf("the log holds %q, want %q", data, test.want)
		}
		if got := files(t, s.VolatilePath(test.r.Ref)); got["v"] == "" {
			t.Errorf("volatile outputs are %q", got)
		}
	}
}

// Who follows a log that stays empty never reads the next one.
func TestAgainWhileFollowed(t *testing.T) {
	s := held(t)
	st := stage(t, s, map[string]string{"f": ""})
	defer st.Abort()
	if _, err := st.Log(); err != nil {
		t.Fatal(err)
	}
	follower, err := os.Open(st.LogPath())
	if err != nil {
		t.Fatal(err)
	}
	defer follower.Close()
	if err := st.Again(); err != nil {
		t.Fatal(err)
	}
	next, err := st.Log()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := next.WriteString("the next"); err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(follower); len(data) > 0 || err != nil {
		t.Errorf("the follower reads %q, %v", data, err)
	}
}

// tellsUnused reports whether it can be told here if a file is open.
func tellsUnused(t *testing.T, s *Store) bool {
	t.Helper()
	f, err := os.Create(s.join("tmp", "probe"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return host.IsUnused(f)
}
