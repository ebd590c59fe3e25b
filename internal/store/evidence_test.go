package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// inAnHour is a clock for which what was written just now is old.
func inAnHour() time.Time { return time.Now().Add(time.Hour) }

// seen returns evidence of all that there is to be seen in a directory with
// file, dir/ with two files, and link, which leads to file.
func seenIn(t *testing.T, s *Store, dir string, clock func() time.Time) *Evidence {
	t.Helper()
	e := NewEvidence()
	e.now = clock
	s.Witness(e)
	if _, err := e.ReadFile(dir + "/file"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.ReadDir(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Stat(dir + "/nothing"); err == nil {
		t.Fatal("there is something")
	}
	if _, err := e.Stat(dir + "/dir"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.RealPath(dir + "/link"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddFiles(t.Context(), []SourceFile{{Path: "f", From: dir + "/link"}, {Path: "b", From: dir + "/dir/b"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.ReadDir(dir + "/dir"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Tool(t.Context(), dir+"/tool"); err != nil {
		t.Fatal(err)
	}
	e.Tool("tool", dir, dir+"/tool")
	return e
}

func findTool(name, search string) (string, error) {
	path := search + "/" + name
	_, err := os.Stat(path)
	return path, err
}

// parsed returns what is read of what e is written as.
func parsed(t *testing.T, e *Evidence) *Evidence {
	t.Helper()
	text := string(e.AppendTo(nil))
	back, rest := ParseEvidence(text + "rest")
	if back == nil || rest != "rest" || string(back.AppendTo(nil)) != text {
		t.Fatalf("read back: %v, %q", back, rest)
	}
	return back
}

// Each change is seen, whether the stamps are believed or not; what is only
// touched is not.
func TestEvidence(t *testing.T) {
	for name, c := range map[string]struct {
		change func(dir string) error
		same   bool
	}{
		"nothing":           {func(dir string) error { return nil }, true},
		"touched":           {func(dir string) error { return os.Chtimes(dir+"/file", time.Now(), time.Now()) }, true},
		"touched directory": {func(dir string) error { return os.Chtimes(dir+"/dir", time.Now(), time.Now()) }, true},
		"written again":     {func(dir string) error { return os.WriteFile(dir+"/file", []byte("text"), 0o666) }, true},
		"of the same size":  {func(dir string) error { return os.WriteFile(dir+"/file", []byte("tent"), 0o666) }, false},
		"of another size":   {func(dir string) error { return os.WriteFile(dir+"/file", []byte("more text"), 0o666) }, false},
		"executable":        {func(dir string) error { return os.Chmod(dir+"/file", 0o755) }, false},
		"removed":           {func(dir string) error { return os.Remove(dir + "/dir/a") }, false},
		"more":              {func(dir string) error { return os.WriteFile(dir+"/dir/c", nil, 0o666) }, false},
		"deep":              {func(dir string) error { return os.WriteFile(dir+"/dir/b", []byte("c"), 0o666) }, false},
		"where was nothing": {func(dir string) error { return os.WriteFile(dir+"/nothing", nil, 0o666) }, false},
		"no directory": {func(dir string) error {
			os.RemoveAll(dir + "/dir")
			return os.WriteFile(dir+"/dir", nil, 0o666)
		}, false},
		"the link": {func(dir string) error {
			os.Remove(dir + "/link")
			return os.Symlink("tool", dir+"/link")
		}, false},
		"a link inside": {func(dir string) error {
			os.Remove(dir + "/dir/l")
			return os.Symlink("b", dir+"/dir/l")
		}, false},
		"another kind": {func(dir string) error {
			os.Remove(dir + "/dir/a")
			return os.Symlink("b", dir+"/dir/a")
		}, false},
		"the tool":         {func(dir string) error { return os.WriteFile(dir+"/tool", []byte("tool 2"), 0o777) }, false},
		"no tool any more": {func(dir string) error { return os.Remove(dir + "/tool") }, false},
	} {
		for _, clock := range []func() time.Time{time.Now, inAnHour} {
			dir := filepath.Join(tempDir(t), "d")
			write(t, dir, map[string]string{"file": "text", "dir/a": "a", "dir/b": "b", "tool": "tool 1", "dir/l": "->a", "link": "->file"})
			if err := os.Chmod(dir+"/tool", 0o755); err != nil {
				t.Fatal(err)
			}
			e := parsed(t, seenIn(t, held(t), dir, clock))
			// An editor that sets the time back deceives nobody: the ctime counts.
			info, err := os.Stat(dir + "/file")
			if err != nil {
				t.Fatal(err)
			}
			if err := c.change(dir); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(name, "touched") {
				os.Chtimes(dir+"/file", info.ModTime(), info.ModTime())
			}
			checker := &Checker{FindTool: findTool, now: clock}
			if holds, _ := checker.Holds(e); holds != c.same {
				t.Errorf("%s: holds is %v", name, holds)
			}
		}
	}
}

// A stamp that is too young to tell is replaced when it is old enough, and
// from then on the file is not read.
func TestEvidenceAges(t *testing.T) {
	dir := tempDir(t)
	write(t, dir, map[string]string{"file": "text"})
	e := NewEvidence()
	if _, err := e.ReadFile(dir + "/file"); err != nil {
		t.Fatal(err)
	}
	if e.clues[0].stamp != (stamp{}) {
		t.Error("a young stamp counts")
	}
	if holds, fresh := new(Checker).Holds(e); !holds || fresh {
		t.Errorf("young: holds %v, fresh %v", holds, fresh)
	}
	if holds, fresh := (&Checker{now: inAnHour}).Holds(e); !holds || !fresh {
		t.Errorf("old: holds %v, fresh %v", holds, fresh)
	}
	e.clues[0].digest = DigestOf([]byte("what it never contained"))
	if holds, fresh := new(Checker).Holds(e); !holds || fresh {
		t.Errorf("the file was read again: holds %v, fresh %v", holds, fresh)
	}
}

// A file that changes while it is looked at is no evidence.
func TestSpoiledEvidence(t *testing.T) {
	dir := tempDir(t)
	write(t, dir, map[string]string{"file": "text"})
	e := NewEvidence()
	for _, text := range []string{"text", "tent"} {
		write(t, dir, map[string]string{"file": text})
		if _, err := e.ReadFile(dir + "/file"); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := e.Sum(); ok {
		t.Error("it was seen twice, and not the same")
	}
	var none *Evidence
	if _, ok := none.Sum(); ok {
		t.Error("nothing was seen")
	}
}

// FuzzTestimony checks that what is read is what was written, and that nothing
// else does harm.
func FuzzTestimony(f *testing.F) {
	e := &Evidence{clues: []clue{
		{aspect: aspectContent, path: "/a", stamp: stamp{1, 2, 3, 4, 5}, digest: DigestOf(nil)},
		{aspect: aspectReal, path: "/b", digest: DigestOf(nil)},
	}}
	b := &Basis{at: moment{"boot", 1, 2, "head", 3, "last"}, tables: "12345678", about: strings.Repeat("h", 40), sources: strings.Repeat("s", 20)}
	f.Add(e.AppendTo(nil), b.AppendTo(nil))
	f.Add([]byte{0}, []byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, evidence, basis []byte) {
		if e, rest := ParseEvidence(string(evidence)); e != nil {
			again, more := ParseEvidence(string(e.AppendTo(nil)) + rest)
			if again == nil || more != rest || string(again.AppendTo(nil)) != string(e.AppendTo(nil)) {
				t.Errorf("read again: %v, %q", again, more)
			}
		}
		if b, rest := ParseBasis(string(basis)); b != nil {
			again, more := ParseBasis(string(b.AppendTo(nil)) + rest)
			if again == nil || more != rest || string(again.AppendTo(nil)) != string(b.AppendTo(nil)) {
				t.Errorf("read again: %v, %q", again, more)
			}
			b.isAbout(HashOf(nil))
		}
	})
}

// What was brought up to date can be told without the rest.
func TestEvidenceRenewed(t *testing.T) {
	dir := tempDir(t)
	write(t, dir, map[string]string{"file": "text", "other": "text"})
	e := NewEvidence()
	for _, name := range []string{"/file", "/other"} {
		if _, err := e.ReadFile(dir + name); err != nil {
			t.Fatal(err)
		}
	}
	was := e.AppendTo(nil)
	if holds, fresh := (&Checker{now: inAnHour}).Holds(e); !holds || !fresh {
		t.Fatalf("holds %v, fresh %v", holds, fresh)
	}
	update := string(e.AppendRenewed(nil))
	old, _ := ParseEvidence(string(was))
	if rest, ok := old.Renew(update + "rest"); !ok || rest != "rest" || string(old.AppendTo(nil)) != string(e.AppendTo(nil)) {
		t.Errorf("rest %q, ok %v", rest, ok)
	}
	for i := range update {
		if _, ok := old.Renew(update[:i]); ok {
			t.Errorf("%d bytes are enough", i)
		}
	}
	one := NewEvidence()
	one.File("x", nil)
	if _, ok := one.Renew(update); ok {
		t.Error("it is taken for what was never seen")
	}
}

// Where the clock is this machine's, a stamp is believed soon; where it is
// not known how long it stands still, not for 2 s.
func TestClockGrain(t *testing.T) {
	dir := tempDir(t)
	st, err := stampAt(dir)
	if err != nil {
		t.Fatal(err)
	}
	st.mtime, st.ctime = 1e18+1, 1e18+1
	grain := clockGrain(dir, st)
	if grain <= 0 || grain > seenGranularity {
		t.Errorf("grain is %v", grain)
	}
	for _, whole := range []stamp{{mtime: 1e18, ctime: 1e18 + 1}, {mtime: 1e18 + 1, ctime: 1e18}} {
		if got := clockGrain(dir, whole); got != seenGranularity {
			t.Errorf("of a file system that keeps seconds: %v", got)
		}
	}
	if got := clockGrain("/proc", st); got != seenGranularity {
		t.Errorf("of one that is not known: %v", got)
	}
	if seen := time.Unix(0, st.mtime).Add(grain); st.settled(seen, grain) || !st.settled(seen.Add(1), grain) {
		t.Error("settled at another time")
	}
}

// A directory that was taken in is evidence as a whole, if all files in it were
// old enough: each change is seen, also one of times alone.
func TestEvidenceOfDirectory(t *testing.T) {
	for name, c := range map[string]struct {
		change func(dir string) error
		same   bool
	}{
		"nothing":    {func(dir string) error { return nil }, true},
		"notes":      {func(dir string) error { return os.MkdirAll(dir+"/.plx", 0o777) }, true},
		"written":    {func(dir string) error { return os.WriteFile(dir+"/sub/a", []byte("b"), 0o666) }, false},
		"touched":    {func(dir string) error { return os.Chtimes(dir+"/sub/a", time.Now(), time.Now()) }, false},
		"executable": {func(dir string) error { return os.Chmod(dir+"/sub/a", 0o755) }, false},
		"more":       {func(dir string) error { return os.WriteFile(dir+"/sub/b", nil, 0o666) }, false},
		"a new dir":  {func(dir string) error { return os.Mkdir(dir+"/sub/b", 0o777) }, false},
		"gone":       {func(dir string) error { return os.Remove(dir + "/sub/a") }, false},
		"all gone":   {func(dir string) error { return os.RemoveAll(dir) }, false},
		"a link": {func(dir string) error {
			os.Remove(dir + "/link")
			return os.Symlink(".", dir+"/link")
		}, false},
	} {
		dir := filepath.Join(tempDir(t), "d")
		write(t, dir, map[string]string{"sub/a": "a", "link": "->sub"})
		s, e := held(t), NewEvidence()
		s.RememberFiles(filepath.Join(tempDir(t), "files"))
		s.seen.now = inAnHour
		s.Witness(e)
		if _, err := s.AddDir(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
		if _, ok := e.Sum(); !ok {
			t.Fatalf("%s: it is no evidence", name)
		}
		e = parsed(t, e)
		if err := c.change(dir); err != nil {
			t.Fatal(err)
		}
		if holds, _ := new(Checker).Holds(e); holds != c.same {
			t.Errorf("%s: holds is %v", name, holds)
		}
	}
}

// Where a file in it was just written, its times tell nothing.
func TestYoungDirectoryIsNoEvidence(t *testing.T) {
	dir := tempDir(t)
	write(t, dir, map[string]string{"a": "a"})
	s, e := held(t), NewEvidence()
	s.RememberFiles(filepath.Join(tempDir(t), "files"))
	s.Witness(e)
	if _, err := s.AddDir(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if _, ok := e.Sum(); ok {
		t.Error("it is evidence")
	}
}
