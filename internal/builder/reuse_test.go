package builder

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// layAgain lays the build directory of an action over what another has left, and
// returns all that is there then.
func layAgain(t *testing.T, first, second Action) string {
	t.Helper()
	var ts Traces
	first.Traces, second.Traces = &ts, &ts
	mustRun(t, first)
	second.Dir, second.Used = first.Dir, true
	mustRun(t, second)
	return listTree(t, second.Dir)
}

// Whatever a command has left, the next one in the same directory finds what it
// would find in a new one.
func TestUsedIsLikeNew(t *testing.T) {
	tree := makeTree(t, map[string]string{"f": "text", "sub/g": "", "tool": "#!/bin/sh\n", "l": "->f", "same": "other"})
	other := makeTree(t, map[string]string{"f": "longer text", "sub": "a file here", "tool": "no program", "l/x": "", "same": "other"})
	shown := func(a *Action, dir string) {
		a.Inputs = map[string]Input{
			"x": {Items: []Item{{Dir: dir}}}, "y": {Items: []Item{{Dir: dir, Paths: []string{"f", "sub"}}}},
			"z": {List: true, Items: []Item{{Dir: dir}}},
		}
	}
	look := func() Action {
		a := newAction(t, `:`)
		a.Config = map[string]any{"k": "v"}
		a.Outputs = map[string]string{"o": "deep/o"}
		shown(&a, tree)
		return a
	}
	fresh := look()
	mustRun(t, fresh)
	want := listTree(t, fresh.Dir)
	description := func(dir string) string { return strings.ReplaceAll(readFile(t, dir+"/build.json"), dir, "DIR") }
	for _, leave := range []string{
		`:`,
		`ls -l . ../in "$x" "$TMPDIR" > /dev/null; touch -d 1999-01-01 . "$TMPDIR"; chmod u+w "$x"`,
		`cd ..; mv in was; mkdir -p in/x; rm -rf in; mv was in; mv tmp src/; mv src/tmp .`,
		`echo > ../stray; echo > stray; mkdir -p "$TMPDIR/a/b" "$PLX_CARRY/c"; echo > "$out/left"`,
		`chmod 000 . "$TMPDIR" "$PLX_CARRY" "$out"`,
		`chmod 7777 . "$TMPDIR"; chmod -R u+w ../in; echo more >> "$x/f"; echo > "$x/new"; rm "$x/same"`,
		`cd ..; chmod -R u+w in; rm -rf src tmp carry in build.json; ln -s / src; echo > tmp; mkfifo carry; mkdir build.json; mkdir -p in/x/f/g`,
		`chmod -R u+w "$x" "$z"; rm "$x/f"; ln -s /etc/passwd "$x/f"; rm -rf "$z"/1; ln -s / "$z"/1; echo aaaaaaaaaaaaaaa > "$z"/2`,
		`cd ..; echo '{"much": "longer than what it was before, by some bytes, and then some more"}' > new; chmod u+w . build.json || :; mv new build.json; chmod 400 build.json`,
	} {
		for _, dir := range []string{tree, other} {
			first := newAction(t, leave)
			shown(&first, dir)
			if got := layAgain(t, first, look()); got != want {
				t.Errorf("after %s: the directory has\n%swant\n%s", leave, got, want)
			}
			if got, want := description(first.Dir), description(fresh.Dir); got != want {
				t.Errorf("after %s: build.json holds %s, want %s", leave, got, want)
			}
			for _, name := range []string{"/in/x/f", "/in/y/f", "/in/z/1/f"} {
				if got := readFile(t, first.Dir+name); got != "text" {
					t.Errorf("after %s: %s holds %q", leave, name, got)
				}
			}
		}
	}
	bare := newAction(t, `:`)
	mustRun(t, bare)
	first := newAction(t, `:`)
	shown(&first, tree)
	if got, want := layAgain(t, first, newAction(t, `:`)), listTree(t, bare.Dir); got != want {
		t.Errorf("without inputs the directory has\n%swant\n%s", got, want)
	}
}

// A file that has another name is another's, too: it is not written to.
func TestUsedLeavesLinks(t *testing.T) {
	tree := makeTree(t, map[string]string{"f": "text"})
	outside := t.TempDir() + "/file"
	if err := os.WriteFile(outside, []byte("mine"), 0o444); err != nil {
		t.Fatal(err)
	}
	first := newAction(t, `chmod -R u+w ../in; ln -f "$FILE" "$x/f"; ln -f "$FILE" ../build.json`)
	first.Env = map[string]string{"FILE": outside}
	second := newAction(t, `:`)
	first.Inputs = map[string]Input{"x": {Items: []Item{{Dir: tree}}}}
	second.Inputs = first.Inputs
	layAgain(t, first, second)
	info, err := os.Stat(outside)
	if got := readFile(t, outside); got != "mine" || err != nil || info.Mode().Perm() != 0o444 {
		t.Errorf("the file outside now holds %q: %v, %v", got, info.Mode(), err)
	}
	if got := readFile(t, first.Dir+"/in/x/f"); got != "text" {
		t.Errorf("the input holds %q", got)
	}
}

// What is plain stays: to make it anew would cost more.
func TestUsedKeepsInodes(t *testing.T) {
	if _, ok := plain(openForTest(t, t.TempDir())); !ok {
		t.Skip("nothing is plain here")
	}
	tree := makeTree(t, map[string]string{"f": "text"})
	first, second := newAction(t, `:`), newAction(t, `:`)
	first.Inputs = map[string]Input{"x": {Items: []Item{{Dir: tree}}}}
	second.Inputs = first.Inputs
	names := []string{"", "/src", "/tmp", "/carry", "/in", "/in/x", "/in/x/f", "/build.json"}
	mustRun(t, first)
	before := inodes(t, first.Dir, names)
	second.Dir, second.Used = first.Dir, true
	mustRun(t, second)
	for i, after := range inodes(t, first.Dir, names) {
		if after != before[i] {
			t.Errorf("%s was made anew", names[i])
		}
	}
}

// A directory with attributes is not like a new one: it is made anew.
func TestUsedAttributes(t *testing.T) {
	first := newAction(t, `:`)
	mustRun(t, first)
	if err := unix.Setxattr(first.Dir+"/src", "user.left", []byte("x"), 0); err != nil {
		t.Skip(err)
	}
	exec.Command("chattr", "+d", first.Dir+"/tmp").Run() // where it can be
	second := newAction(t, `:`)
	second.Dir, second.Used = first.Dir, true
	mustRun(t, second)
	if n, err := unix.Listxattr(first.Dir+"/src", nil); n > 0 && err == nil {
		t.Errorf("src has attributes of %d bytes", n)
	}
}

func inodes(t *testing.T, dir string, names []string) (all []uint64) {
	t.Helper()
	for _, name := range names {
		var st unix.Stat_t
		if err := unix.Lstat(dir+name, &st); err != nil {
			t.Fatal(err)
		}
		all = append(all, st.Ino)
	}
	return all
}

func openForTest(t *testing.T, name string) int {
	t.Helper()
	fd, err := open(name, unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}
