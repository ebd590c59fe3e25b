package builder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLayInputs(t *testing.T) {
	tree := makeTree(t, map[string]string{
		"a.txt": "a", "tool": "#!/bin/sh\n", "sub/b.txt": "b", "sub/c.txt": "c", "sub/deep/d": "d",
		"link": "->sub/b.txt", "dangling": "->nowhere", "empty/": "",
	})
	whole := `-r--r--r-- %[1]sa.txt
link %[1]sdangling -> nowhere
dr-xr-xr-x %[1]sempty
link %[1]slink -> sub/b.txt
dr-xr-xr-x %[1]ssub
-r--r--r-- %[1]ssub/b.txt
-r--r--r-- %[1]ssub/c.txt
dr-xr-xr-x %[1]ssub/deep
-r--r--r-- %[1]ssub/deep/d
-r-xr-xr-x %[1]stool
`
	for _, test := range []struct {
		name string
		in   Input
		want string
	}{
		{"whole", Input{Items: []Item{{Dir: tree}}}, fmt.Sprintf(whole, "")},
		{"list", Input{List: true, Items: []Item{{Dir: tree}}}, "dr-xr-xr-x 1\n" + fmt.Sprintf(whole, "1/")},
		{"nothing", Input{Items: []Item{{Dir: tree, Paths: []string{}}}}, ""},
		{"empty list", Input{List: true}, ""},
		{"dot", Input{Items: []Item{{Dir: tree, Paths: []string{"./", "a.txt"}}}}, fmt.Sprintf(whole, "")},
		{"file", Input{Items: []Item{{Dir: tree, Paths: []string{"sub/b.txt"}}}}, "dr-xr-xr-x sub\n-r--r--r-- sub/b.txt\n"},
		{"link", Input{Items: []Item{{Dir: tree, Paths: []string{"link"}}}}, "link link -> sub/b.txt\n"},
		{"nested", Input{Items: []Item{{Dir: tree, Paths: []string{"sub/deep/d", "sub/deep", "sub/deep/d", "empty/"}}}},
			"dr-xr-xr-x empty\ndr-xr-xr-x sub\ndr-xr-xr-x sub/deep\n-r--r--r-- sub/deep/d\n"},
	} {
		a := newAction(t, `:`)
		a.Inputs = map[string]Input{"x": test.in}
		mustRun(t, a)
		if got := listTree(t, a.Dir+"/in/x"); got != test.want {
			t.Errorf("%s: in/x has\n%swant\n%s", test.name, got, test.want)
		}
		info, err := os.Stat(a.Dir + "/in/x")
		if err != nil || info.Mode().Perm() != 0o555 {
			t.Errorf("%s: in/x: %v, %v", test.name, info.Mode(), err)
		}
	}
}

// Whatever a command does to its inputs, root's commands too, what they were
// laid from stays as it is.
func TestInputsAreCopies(t *testing.T) {
	tree := makeTree(t, map[string]string{"f": "before", "sub/g": "before"})
	a := newAction(t, `chmod -R u+w "$x"; echo after > "$x/f"; echo after >> "$x/sub/g"; touch "$x/new"`)
	a.Inputs = map[string]Input{"x": {Items: []Item{{Dir: tree}}}}
	mustRun(t, a)
	if got := readFile(t, tree+"/f") + readFile(t, tree+"/sub/g"); got != "beforebefore" {
		t.Errorf("the tree now holds %q", got)
	}
	if got := listTree(t, tree); strings.Contains(got, "new") {
		t.Errorf("the tree now is\n%s", got)
	}
}

func TestLayThroughLink(t *testing.T) {
	tree := makeTree(t, map[string]string{"f": "text"})
	link := t.TempDir() + "/link"
	if err := os.Symlink(tree, link); err != nil {
		t.Fatal(err)
	}
	a := newAction(t, `cat "$x/f" f`)
	a.Source, a.Inputs = link, map[string]Input{"x": {Items: []Item{{Dir: link}}}}
	if got := mustRun(t, a); got != "texttext" {
		t.Errorf("got %q", got)
	}
}

func TestLaySourceIsWritable(t *testing.T) {
	tree := makeTree(t, map[string]string{"lib/f": "before", "run": "#!/bin/sh\n"})
	a := newAction(t, `echo after > lib/f; : > lib/new; rm run`)
	a.Source = tree
	mustRun(t, a)
	if got := readFile(t, tree+"/lib/f"); got != "before" {
		t.Errorf("the source now holds %q", got)
	}
}

// Times are the same everywhere, so that a tar of an input is too.
func TestLaidTimes(t *testing.T) {
	tree := makeTree(t, map[string]string{"d/f": "", "l": "->d/f"})
	item := Item{Dir: tree}
	a := newAction(t, `cd ..; find src in "$out" -exec stat -c '%Y %n' {} +`)
	a.Source, a.Result = tree, tree
	a.Inputs = map[string]Input{"x": {List: true, Items: []Item{item}}, "y": {Items: []Item{{Dir: tree, Paths: []string{"d/f"}}}}}
	n := 0
	for line := range strings.Lines(mustRun(t, a)) {
		n++
		if !strings.HasPrefix(line, fmt.Sprint(epoch, " ")) {
			t.Errorf("got %s", line)
		}
	}
	if n != 17 {
		t.Errorf("got %d lines", n)
	}
}

func TestLayRefusesDevices(t *testing.T) {
	tree := t.TempDir()
	if err := unix.Mkfifo(tree+"/fifo", 0o644); err != nil {
		t.Fatal(err)
	}
	a := newAction(t, `:`)
	a.Source = tree
	_, err := Run(t.Context(), a)
	if err == nil || !strings.Contains(err.Error(), "fifo: it is neither a file nor a directory nor a symlink") {
		t.Errorf("got %v", err)
	}
}

func TestListsAreInOrder(t *testing.T) {
	for n, want := range map[int]string{1: "1", 9: "1 2 3", 10: "01 02 03", 100: "001 002 003"} {
		a := newAction(t, `cd "$x"; echo *; cat */n | tr -d '\n'`)
		var numbers string
		var items []Item
		for i := range n {
			numbers += fmt.Sprint(i)
			items = append(items, Item{Dir: makeTree(t, map[string]string{"n": fmt.Sprint(i)})})
		}
		a.Inputs = map[string]Input{"x": {List: true, Items: items}}
		names, content, _ := strings.Cut(mustRun(t, a), "\n")
		if !strings.HasPrefix(names, want) || content != numbers {
			t.Errorf("%d items: %s: %s", n, names, content)
		}
	}
}

// inMemory moves the action to where thousands of files cost little, if there
// is such a place.
func inMemory(t *testing.T, a *Action) {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "builder")
	if err != nil {
		return
	}
	t.Cleanup(func() {
		if err := Remove(dir); err != nil {
			t.Error(err)
		}
	})
	a.Dir = dir + "/build"
}

func TestManyInputs(t *testing.T) {
	const n = 5000
	item := Item{Dir: makeTree(t, map[string]string{"data.csv": "1\n"}), Outputs: map[string]string{"data": "data.csv"}}
	a := newAction(t, `cat ../in/*/data.csv | wc -l; cat "$part_0042_data"`)
	inMemory(t, &a)
	a.Inputs = map[string]Input{"x": {Items: []Item{item}}}
	for i := range n - 1 {
		a.Inputs[fmt.Sprintf("part_%04d", i)] = Input{Items: []Item{item}}
	}
	if got := strings.Fields(mustRun(t, a)); !slices.Equal(got, []string{"5000", "1"}) {
		t.Errorf("got %q", got)
	}
}

func TestManyItems(t *testing.T) {
	item := Item{Dir: makeTree(t, map[string]string{"data.csv": "1\n"}), Outputs: map[string]string{"data": "data.csv"}}
	a := newAction(t, `ls "$x" | sed -n '1p;42p;$p'; find "$x" -name data.csv | wc -l; wc -c < "$PLX_BUILD"`)
	inMemory(t, &a)
	a.Inputs = map[string]Input{"x": {List: true, Items: slices.Repeat([]Item{item}, 5000)}}
	got := strings.Fields(mustRun(t, a))
	if len(got) != 5 || !slices.Equal(got[:4], []string{"0001", "0042", "5000", "5000"}) {
		t.Errorf("got %q", got)
	}
}

func TestLayOutputs(t *testing.T) {
	a := newAction(t, `echo 1 > "$a"; echo 2 > "$b"; echo 3 > "$c"`)
	a.Outputs = map[string]string{"a": "a.json", "b": "sub/b.json", "c": "sub/deep/c.json", "d": "other/d"}
	mustRun(t, a)
	want := `-rw-r--r-- a.json
drwxr-xr-x other
drwxr-xr-x sub
-rw-r--r-- sub/b.json
drwxr-xr-x sub/deep
-rw-r--r-- sub/deep/c.json
`
	if got := listTree(t, a.Dir+"/out"); got != want {
		t.Errorf("out has\n%swant\n%s", got, want)
	}
}

func TestLayResult(t *testing.T) {
	result := makeTree(t, map[string]string{"sub/a.json": "{}", "tool": "#!/bin/sh\n"})
	a := newAction(t, `cat "$a"; test -z "$gone"; if [ "$(id -u)" != 0 ]; then ! touch "$out/new"; fi 2>/dev/null`)
	a.Result, a.Outputs = result, map[string]string{"a": "sub/a.json", "gone": ""}
	if got := mustRun(t, a); got != "{}" {
		t.Errorf("got %q", got)
	}
	want := "dr-xr-xr-x sub\n-r--r--r-- sub/a.json\n-r-xr-xr-x tool\n"
	if got := listTree(t, a.Dir+"/out"); got != want {
		t.Errorf("out has\n%swant\n%s", got, want)
	}
}

// TestCopyFile copies by each of the ways that there are: at once, within the
// kernel, and from one file system to another.
func TestCopyFile(t *testing.T) {
	dirs := []string{t.TempDir()}
	if shm, err := os.MkdirTemp("/dev/shm", "builder"); err == nil {
		defer os.RemoveAll(shm)
		dirs = append(dirs, shm)
	}
	for _, size := range []int{0, 1, smallFile - 1, smallFile, smallFile + 1, 3*smallFile + 7, stride + 1} {
		want := make([]byte, size)
		rand.NewChaCha8([32]byte{}).Read(want)
		for _, dst := range dirs {
			for _, src := range dirs {
				c := &copier{ctx: t.Context()}
				from, to := filepath.Join(src, "from"), filepath.Join(dst, "to")
				if err := os.WriteFile(from, want, 0o644); err != nil {
					t.Fatal(err)
				}
				if err := c.file(to, from, ours); err != nil {
					t.Fatal(err)
				}
				if got := readFile(t, to); !bytes.Equal([]byte(got), want) {
					t.Errorf("%d bytes from %s to %s differ", size, src, dst)
				}
				os.Remove(to)
			}
		}
	}
}

func TestCopyThroughMemory(t *testing.T) {
	dir := makeTree(t, map[string]string{"from": strings.Repeat("01234567", smallFile/4)})
	in, err := open(dir+"/from", unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(in)
	out, err := open(dir+"/to", unix.O_WRONLY|unix.O_CREAT, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(out)
	c := &copier{ctx: t.Context()}
	for left := int64(2 * smallFile); left > 0; {
		n, err := c.pass(out, in, left)
		if err != nil {
			t.Fatal(err)
		}
		left -= int64(n)
	}
	if readFile(t, dir+"/from") != readFile(t, dir+"/to") {
		t.Error("the copy differs")
	}
	if _, err := c.pass(out, in, 1); err == nil {
		t.Error("a file that is too short was copied")
	}
}

func TestCopyStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	tree := makeTree(t, map[string]string{"f": strings.Repeat("x", 2*smallFile)})
	c := &copier{ctx: ctx}
	for _, err := range []error{c.dir(tree+"/d", tree, ours), c.parts(tree+"/p", tree, []string{"f"})} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}

// topmost and parents, against their definitions.
func TestPaths(t *testing.T) {
	names := []string{"a", "b", "a-b", "a.b"}
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 0))
		var paths []string
		for range r.IntN(8) {
			p := names[r.IntN(4)]
			for range r.IntN(3) {
				p += "/" + names[r.IntN(4)]
			}
			paths = append(paths, p)
		}
		top := topmost(paths)
		for _, p := range paths {
			under := func(t string) bool { return t == p || strings.HasPrefix(p, t+"/") }
			if n := len(slices.DeleteFunc(slices.Clone(top), func(t string) bool { return !under(t) })); n != 1 {
				t.Errorf("topmost(%q) = %q covers %s %d times", paths, top, p, n)
			}
		}
		dirs := parents(slices.Values(paths))
		for _, p := range append(slices.Clone(paths), dirs...) {
			if dir := path.Dir(p); dir != "." && !slices.Contains(dirs, dir) {
				t.Errorf("parents(%q) = %q lacks %s", paths, dirs, dir)
			}
		}
		for i, dir := range dirs {
			if above := path.Dir(dir); above != "." && slices.Index(dirs, above) >= i {
				t.Errorf("parents(%q) = %q has %s too early", paths, dirs, dir)
			}
		}
	}
}
