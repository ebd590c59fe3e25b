package store

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// Everything that was committed is read-only, for whoever looks.
func TestCommittedIsReadOnly(t *testing.T) {
	s := held(t)
	if _, err := committed(s); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, top := range []string{"tree", "drv"} {
		for name, text := range files(t, s.Dir()+"/"+top) {
			mode := strings.Fields(text)[0]
			n++
			switch {
			case name == "." || top == "drv" && strings.Count(name, "/") == 0: // there things are added
			case mode[0] == 'L':
			case mode != "-r--r--r--" && mode != "-r-xr-xr-x" && mode != "dr-xr-xr-x":
				t.Errorf("%s/%s has mode %s", top, name, mode)
			}
			if info, err := os.Lstat(s.Dir() + "/" + top + "/" + name); top == "tree" && name != "." && !strings.HasSuffix(name, ".manifest") && (err != nil || info.ModTime().Unix() != frozenTime) {
				t.Errorf("%s has time %v, %v", name, info.ModTime(), err)
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d files", n)
	}
}

func TestCommit(t *testing.T) {
	s := held(t)
	dref := derive(t, s, Derivation{Name: "a"})
	st := stage(t, s, map[string]string{"bin/run": "#!/bin/sh\n", "data": "1", "log/today": "2", "l": "->data"})
	if err := os.WriteFile(st.LogPath(), []byte("said\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	m := freeze(t, st, "log/today", "never")
	if got := st.Volatile(); !slices.Equal(got, []string{"log/today"}) {
		t.Errorf("Volatile: got %q", got)
	}
	if _, there := m.Find("log/today"); there {
		t.Error("a volatile output is in the manifest")
	}
	o := fullRealization(t).Origin
	r, existed, err := st.Commit(dref, nil, o)
	if err != nil || existed || r.Tree != m.Hash() || r.Ref != RealizationRef(dref, nil, m.Hash()) {
		t.Fatalf("got %+v, %v, %v", r, existed, err)
	}
	back, err := s.Realization(r.Ref)
	if err != nil || !reflect.DeepEqual(back.Origin, o) || !back.Made.Equal(r.Made) || back.Manifest.Hash() != m.Hash() {
		t.Errorf("got  %+v, %v\nwant %+v", back, err, r)
	}
	for path, want := range map[string]string{
		s.TreePath(r.Tree) + "/data": "1", s.OutPath(r.Ref) + "/l": "1", s.LogPath(r.Ref): "said\n", s.VolatilePath(r.Ref) + "/log/today": "2",
	} {
		if data, err := os.ReadFile(path); err != nil || string(data) != want {
			t.Errorf("%s: %q, %v", path, data, err)
		}
	}
	if target, err := os.Readlink(s.OutPath(r.Ref)); err != nil || target != "../../tree/"+r.Tree.String() {
		t.Errorf("out: %q, %v", target, err)
	}
	if refs, err := s.Realizations(dref); err != nil || !slices.Equal(refs, []RRef{r.Ref}) {
		t.Errorf("Realizations: %v, %v", refs, err)
	}
	if got := scanned(t, s.TreePath(r.Tree)); got.Hash() != r.Tree {
		t.Errorf("the tree has the hash %v", got.Hash())
	}
	if err := st.Abort(); err != nil {
		t.Error(err)
	}
}

// Nothing that was not needed has an inode.
func TestCommitMakesNoFileInVain(t *testing.T) {
	s := held(t)
	r := result(t, s, derive(t, s, Derivation{Name: "a"}), nil, "1")
	var names []string
	for name := range files(t, s.Dir()) {
		if !strings.HasPrefix(name, "tmp/") {
			names = append(names, name)
		}
	}
	drv := "drv/" + r.Ref.DRef().base()
	want := []string{
		".", "README", "action", "action/" + r.Action.String()[:2], "changes", "drv", drv, drv + "/" + r.Ref.Hash().String(), drv + "/" + r.Ref.Hash().String() + ".json", s.drvTablePath(firstOf(r.Ref.DRef()))[len(s.Dir())+1:],
		"journal", "lock", "lock/actions", "lock/gate", "lock/store", "root", "tmp", "tree", "tree/" + r.Tree.String(), "tree/" + r.Tree.String() + "/file", "version",
	}
	slices.Sort(names)
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(names, "\n"), strings.Join(want, "\n"))
	}
}

// A result made again keeps its record, log and number; only the time of
// making is new.
func TestCommitTwiceIsOnce(t *testing.T) {
	s := held(t)
	dref := derive(t, s, Derivation{Name: "a"})
	first := result(t, s, dref, nil, "1")
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(s.recordPath(first.Ref), time.Time{}, old); err != nil {
		t.Fatal(err)
	}
	before := files(t, s.Dir()+"/drv")
	st := stage(t, s, map[string]string{"file": "1"})
	freeze(t, st)
	second, existed, err := st.Commit(dref, nil, Origin{Action: first.Action, Run: 5})
	if err != nil || !existed || second.Ref != first.Ref || second.Run != 1 {
		t.Errorf("got %+v, %v, %v", second, existed, err)
	}
	back, err := s.Realization(first.Ref)
	if err != nil || !back.Made.After(old.Add(time.Minute)) || !back.Made.Equal(second.Made) {
		t.Errorf("made %v, %v, want %v", back.Made, err, second.Made)
	}
	if after := files(t, s.Dir()+"/drv"); !equalMaps(before, after) {
		t.Errorf("got\n%v\nwant\n%v", after, before)
	}
}

func equalMaps(a, b map[string]string) bool {
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return len(a) == len(b)
}

// The same result under another action key (an upgraded tool, another
// platform) answers both from then on, and is not made again.
func TestCommitUnderAnotherAction(t *testing.T) {
	s := held(t)
	dref := derive(t, s, Derivation{Name: "a"})
	first := result(t, s, dref, nil, "1")
	other := HashOf([]byte("upgraded"))
	st := stage(t, s, map[string]string{"file": "1"})
	freeze(t, st)
	if _, existed, err := st.Commit(dref, nil, Origin{Action: other, Run: 3}); err != nil || !existed {
		t.Fatal(existed, err)
	}
	for _, key := range []Hash{first.Action, other} {
		found, err := s.RealizationsOf(key)
		if err != nil || len(found) != 1 || found[0].Ref != first.Ref || !found[0].Answers(key) || found[0].Run != 1 {
			t.Errorf("RealizationsOf: %+v, %v", found, err)
		}
	}
	if free, err := s.FreeRuns(other, 3); err != nil || !slices.Equal(free, []int{1, 2, 4}) {
		t.Errorf("FreeRuns: %v, %v", free, err)
	}
	// So does what is adopted from it.
	dref2 := derive(t, s, Derivation{Name: "b"})
	from, err := s.Realization(first.Ref)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := s.Adopt(from, dref2, nil); err != nil || !r.Answers(other) {
		t.Errorf("%+v, %v", r, err)
	}
	if found, err := s.RealizationsOf(other); err != nil || len(found) != 2 {
		t.Errorf("RealizationsOf: %+v, %v", found, err)
	}
}

// A source that is equal to a result, which has no manifest of its own.
func TestImportOfAResult(t *testing.T) {
	s := held(t)
	result(t, s, derive(t, s, Derivation{Name: "a"}), nil, "same")
	h, err := s.AddFiles(t.Context(), []SourceFile{{Path: "file", Text: "same"}})
	if err != nil {
		t.Fatal(err)
	}
	dref := derive(t, s, Derivation{Name: "b", Kind: ActionImport, Source: h})
	if _, err := s.Import(dref, nil, h, Origin{}); err != nil {
		t.Error(err)
	}
}

func TestImport(t *testing.T) {
	s := held(t)
	h, err := s.AddFiles(t.Context(), []SourceFile{{Path: "a", Text: "1"}})
	if err != nil {
		t.Fatal(err)
	}
	dref := derive(t, s, Derivation{Name: "a", Kind: ActionImport, Source: h})
	r, err := s.Import(dref, nil, h, Origin{Action: HashOf([]byte("i"))})
	if err != nil || r.Tree != h || r.Run != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if back, err := s.Realization(r.Ref); err != nil || back.Manifest.Hash() != h {
		t.Errorf("%+v, %v", back, err)
	}
	again, err := s.Import(dref, nil, h, Origin{Action: HashOf([]byte("i")), Host: "another"})
	if err != nil || again.Ref != r.Ref || again.Host != "" || !again.Made.After(r.Made) {
		t.Errorf("again: %+v, %v", again, err)
	}
	if _, err := s.Import(dref, nil, HashOf([]byte("none")), Origin{}); err == nil {
		t.Error("a tree that is not there: want an error")
	}
}

func TestAdopt(t *testing.T) {
	s := held(t)
	from, err := built(s, Derivation{Name: "a", Kind: ActionRun}, nil)
	if err != nil {
		t.Fatal(err)
	}
	made := time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := os.Chtimes(s.recordPath(from.Ref), time.Time{}, made); err != nil {
		t.Fatal(err)
	}
	if from, err = s.Realization(from.Ref); err != nil {
		t.Fatal(err)
	}
	dref := derive(t, s, Derivation{Name: "b"})
	c := Context{"x": {from.Ref}}
	// What a process that was killed in the middle left is not read.
	ref := RealizationRef(dref, c, from.Tree)
	write(t, s.drvDir(dref), map[string]string{ref.Hash().String() + ".log": "half", ref.Hash().String() + ".volatile/other": "half"})
	r, err := s.Adopt(from, dref, c)
	if err != nil || r.Ref != ref || r.Adopted != from.Ref || !r.Made.Equal(made) || !reflect.DeepEqual(r.Origin, from.Origin) {
		t.Fatalf("%+v, %v", r, err)
	}
	back, err := s.Realization(ref)
	if err != nil || !back.Made.Equal(made) || back.Adopted != from.Ref {
		t.Errorf("%+v, %v", back, err)
	}
	for path, want := range map[string]string{s.LogPath(ref): "hello\n", s.VolatilePath(ref) + "/log.txt": "today"} {
		if data, err := os.ReadFile(path); err != nil || string(data) != want {
			t.Errorf("%s: %q, %v", path, data, err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o444 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if s.exists(s.VolatilePath(ref) + "/other") {
		t.Error("what was left is taken for a volatile output")
	}
	if found, err := s.RealizationsOf(from.Action); err != nil || len(found) != 2 {
		t.Errorf("RealizationsOf: %d, %v", len(found), err)
	}
}
