package store

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// scanned returns the manifest of the directory.
func scanned(t *testing.T, dir string) Manifest {
	t.Helper()
	m, err := (&scanner{top: dir}).scan()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// laid returns a new directory with the files.
func laid(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := tempDir(t)
	write(t, dir, files)
	return dir
}

var sample = map[string]string{
	"a": "foo", "b": "bar", "dir/c": "", "dir/deep/d": "#!/bin/sh\n", "empty/": "", "link": "->dir/c", "dir/up": "->../a",
	"a-b": "order", "dir.x": "order", "name with\ttab": "1", "name\nwith newline": "2", `back\slash`: "3", `\n`: "4", "é": "5",
}

// What has no part in the hash: times, owners, modes but for one bit, umask,
// the order in which files were made, where the directory is.
func TestTreeHashIgnores(t *testing.T) {
	want := scanned(t, laid(t, sample)).Hash()
	t.Run("creation order", func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 4))
		for range 5 {
			dir := tempDir(t)
			names := slices.Collect(maps.Keys(sample))
			rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
			for _, name := range names {
				write(t, dir, map[string]string{name: sample[name]})
			}
			if got := scanned(t, dir).Hash(); got != want {
				t.Errorf("order %q: got %v, want %v", names, got, want)
			}
		}
	})
	t.Run("umask", func(t *testing.T) {
		old := syscall.Umask(0)
		defer syscall.Umask(old)
		for _, mask := range []int{0o000, 0o022, 0o027, 0o077} {
			syscall.Umask(mask)
			if got := scanned(t, laid(t, sample)).Hash(); got != want {
				t.Errorf("%03o: got %v, want %v", mask, got, want)
			}
		}
	})
	dir := laid(t, sample)
	changes := map[string]func(path string, info os.FileInfo) error{
		"times": func(path string, info os.FileInfo) error {
			if info.Mode().Type() == os.ModeSymlink {
				return nil
			}
			return os.Chtimes(path, time.Unix(1, 0), time.Unix(int64(len(path)), 5))
		},
		"modes": func(path string, info os.FileInfo) error {
			switch {
			case info.Mode().Type() == os.ModeSymlink:
				return nil
			case info.Mode()&0o100 != 0:
				return os.Chmod(path, 0o700)
			}
			return os.Chmod(path, 0o466) // others' permission to execute is not the owner's
		},
		"owners": func(path string, info os.FileInfo) error {
			if os.Getuid() != 0 {
				return nil
			}
			return os.Lchown(path, 12345, 54321)
		},
	}
	for what, change := range changes {
		for name := range files(t, dir) {
			path := filepath.Join(dir, name)
			info, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := change(path, info); err != nil {
				t.Fatal(err)
			}
		}
		if got := scanned(t, dir).Hash(); got != want {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
}

// What does: every byte, name and kind, the executable bit, empty directories,
// where one file ends and the next begins.
func TestTreeHashCovers(t *testing.T) {
	changes := map[string]func(map[string]string){
		"nothing":            func(f map[string]string) {},
		"a byte":             func(f map[string]string) { f["a"] = "fop" },
		"another file's":     func(f map[string]string) { f["b"] = "baz" },
		"a byte more":        func(f map[string]string) { f["dir/c"] = "\x00" },
		"a newline":          func(f map[string]string) { f["a"] = "foo\n" },
		"swapped":            func(f map[string]string) { f["a"], f["b"] = f["b"], f["a"] },
		"a name":             func(f map[string]string) { f["aa"] = f["a"]; delete(f, "a"); f["dir/up"] = "->../b" },
		"a directory's name": func(f map[string]string) { f["empties/"] = ""; delete(f, "empty/") },
		"no empty directory": func(f map[string]string) { delete(f, "empty/") },
		"a file more":        func(f map[string]string) { f["empty/x"] = "" },
		"executable":         func(f map[string]string) { f["a"] = "#!" },
		"the same, plain":    func(f map[string]string) { f["dir/deep/d"] = "!/bin/sh\n" },
		"a link's target":    func(f map[string]string) { f["link"] = "->dir/deep/d" },
		"another spelling":   func(f map[string]string) { f["link"] = "->./dir/c" },
		"a link, not a file": func(f map[string]string) { f["b"] = "->a" },
		"a file, not a dir":  func(f map[string]string) { delete(f, "empty/"); f["empty"] = "" },
		"an escape, not a lf": func(f map[string]string) {
			f[`name\nwith newline`] = f["name\nwith newline"]
			delete(f, "name\nwith newline")
		},
		"no boundary": func(f map[string]string) { f["ab"] = "foobar"; delete(f, "a"); delete(f, "b"); f["dir/up"] = "->../ab" },
		"decomposed":  func(f map[string]string) { f["e\u0301"] = f["é"]; delete(f, "é") },
	}
	seen := make(map[Hash]string)
	for what, change := range changes {
		f := maps.Clone(sample)
		change(f)
		h := scanned(t, laid(t, f)).Hash()
		if other, ok := seen[h]; ok {
			t.Errorf("%q and %q have one hash", what, other)
		}
		seen[h] = what
	}
}

func TestFileBoundary(t *testing.T) {
	two := scanned(t, laid(t, map[string]string{"a": "foo", "b": "bar"}))
	one := scanned(t, laid(t, map[string]string{"ab": "foobar"}))
	if two.Hash() == one.Hash() {
		t.Error("two files have the hash of one")
	}
}

func TestExecutableBit(t *testing.T) {
	dir := laid(t, map[string]string{"a": "foo"})
	plain := scanned(t, dir).Hash()
	if err := os.Chmod(dir+"/a", 0o744); err != nil {
		t.Fatal(err)
	}
	if scanned(t, dir).Hash() == plain {
		t.Error("the executable bit makes no difference")
	}
}

// A manifest and its text are one to one, for what the scanner finds and for
// any names.
func TestManifestRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	seen := make(map[string]bool)
	for range 500 {
		m := randomManifest(t, rng)
		again, err := ParseManifest(m.Text())
		if err != nil || !slices.Equal(again.Entries(), m.Entries()) {
			t.Fatalf("got %v, %v\nof  %s", again, err, m.Text())
		}
		seen[string(m.Text())] = true
	}
	if len(seen) < 400 {
		t.Errorf("only %d manifests differ", len(seen))
	}
	m := scanned(t, laid(t, sample))
	if again, err := ParseManifest(m.Text()); err != nil || again.Hash() != m.Hash() {
		t.Errorf("got %v, %v", again, err)
	}
	for _, line := range []string{"name with\\ttab\n", "name\\nwith newline\n", "back\\\\slash\n", "\t\\\\n\n"} {
		if !strings.Contains(string(m.Text()), line) {
			t.Errorf("no %q in %s", line, m.Text())
		}
	}
}

func randomManifest(t *testing.T, rng *rand.Rand) Manifest {
	t.Helper()
	dirs, seen := []string{"."}, map[string]bool{".": true}
	var entries []Entry
	for range rng.IntN(8) {
		dir, name := dirs[rng.IntN(len(dirs))], "x"+strings.ReplaceAll(strings.ReplaceAll(randomString(rng), "/", ""), "\x00", "")
		p := strings.TrimPrefix(dir+"/"+name, "./")
		if seen[p] {
			continue
		}
		seen[p] = true
		switch e := (Entry{Path: p}); rng.IntN(4) {
		case 0:
			e.Kind = KindDir
			entries, dirs = append(entries, e), append(dirs, p)
		case 1:
			e.Kind, e.Target = KindSymlink, strings.Repeat("../", strings.Count(p, "/"))+"./"+entryOr(entries, ".")
			e.Size = int64(len(e.Target))
			entries = append(entries, e)
		default:
			e.Kind = []Kind{KindFile, KindExecutable}[rng.IntN(2)]
			e.Size, e.Digest = rng.Int64N(1000), DigestOf([]byte{byte(rng.IntN(3))})
			entries = append(entries, e)
		}
	}
	rng.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	m, err := NewManifest(entries)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func entryOr(entries []Entry, other string) string {
	for _, e := range entries {
		if e.Kind != KindSymlink {
			return e.Path
		}
	}
	return other
}

func TestNewManifestRefuses(t *testing.T) {
	file := func(p string) Entry { return Entry{Path: p, Kind: KindFile} }
	dir := func(p string) Entry { return Entry{Path: p, Kind: KindDir} }
	tests := map[string][]Entry{
		"empty path":             {file("")},
		"dot":                    {dir(".")},
		"absolute":               {file("/a")},
		"parent":                 {dir("..")},
		"below the parent":       {file("../a")},
		"unclean":                {dir("a"), file("a//b")},
		"dot inside":             {dir("a"), file("a/./b")},
		"slash at the end":       {dir("a/")},
		"NUL":                    {file("a\x00b")},
		"not UTF-8":              {file("\xff")},
		"twice":                  {file("a"), file("a")},
		"a file and a directory": {file("a"), dir("a")},
		"no directory":           {file("a/b")},
		"below a file":           {file("a"), file("a/b")},
		"below a symlink":        {dir("d"), {Path: "a", Kind: KindSymlink, Target: "d", Size: 1}, file("a/b")},
		"no kind":                {{Path: "a"}},
		"unknown kind":           {{Path: "a", Kind: 'p'}},
		"negative size":          {{Path: "a", Kind: KindFile, Size: -1}},
		"directory with a size":  {{Path: "a", Kind: KindDir, Size: 1}},
		"symlink's size":         {file("b"), {Path: "a", Kind: KindSymlink, Target: "b", Size: 2}},
		"symlink to no name":     {{Path: "a", Kind: KindSymlink}},
	}
	for what, entries := range tests {
		if m, err := NewManifest(entries); err == nil {
			t.Errorf("%s: got %q, want an error", what, m.Text())
		}
	}
}

func TestLinks(t *testing.T) {
	chain := func(n int) map[string]string {
		f := map[string]string{"l0": "end"}
		for i := range n {
			f[fmt.Sprintf("l%d", i+1)] = fmt.Sprintf("->l%d", i)
		}
		return f
	}
	tests := []struct {
		what  string
		files map[string]string
		want  string // part of the error; none: it may be kept
	}{
		{"to a file", map[string]string{"a": "", "l": "->a"}, ""},
		{"to a directory", map[string]string{"d/": "", "l": "->d/"}, ""},
		{"to the top", map[string]string{"d/l": "->..", "m": "->."}, ""},
		{"up and down", map[string]string{"d/e/l": "->../../a", "a": ""}, ""},
		{"to a link", map[string]string{"a": "", "k": "->a", "l": "->k"}, ""},
		{"through a link to a directory", map[string]string{"d/a": "", "k": "->d", "l": "->k/a"}, ""},
		{"up from where a link leads", map[string]string{"d/e/": "", "d/a": "", "k": "->d/e", "l": "->k/../a"}, ""},
		{"with empty and dot elements", map[string]string{"d/a": "", "l": "->./d//./a"}, ""},
		{"through forty", chain(40), ""},
		{"through forty-one", chain(41), "circle"},
		{"absolute", map[string]string{"l": "->/etc/passwd"}, "absolute"},
		{"absolute into itself", map[string]string{"l": "->/"}, "absolute"},
		{"through an absolute one", map[string]string{"k": "->/etc", "a": "->k/passwd"}, "absolute"},
		{"outside", map[string]string{"l": "->../x"}, "outside"},
		{"to outside and back", map[string]string{"d/l": "->../../d", "d/a": ""}, "outside"},
		{"outside through a link", map[string]string{"d/e/k": "->../..", "l": "->d/e/k/../a", "a": ""}, "outside"},
		{"to nothing", map[string]string{"l": "->gone"}, "to nothing"},
		{"to nothing below", map[string]string{"d/": "", "l": "->d/gone"}, "to nothing"},
		{"to itself", map[string]string{"l": "->l"}, "circle"},
		{"to each other", map[string]string{"k": "->l", "l": "->k"}, "circle"},
		{"below itself", map[string]string{"l": "->l/x"}, "circle"},
		{"through a file", map[string]string{"a": "", "l": "->a/b"}, "through a file"},
		{"to a file as a directory", map[string]string{"a": "", "l": "->a/"}, "through a file"},
		{"from a file upwards", map[string]string{"a": "", "b": "", "l": "->a/../b"}, "through a file"},
	}
	for _, test := range tests {
		t.Run(test.what, func(t *testing.T) {
			dir := laid(t, test.files)
			m, err := (&scanner{top: dir}).scan()
			if test.want != "" {
				var treeErr *TreeError
				if !errors.As(err, &treeErr) || !strings.Contains(err.Error(), test.want) || test.files[treeErr.Path] == "" {
					t.Errorf("got %v, want a TreeError with %q that names the link", err, test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range m.Entries() {
				if _, err := os.Stat(dir + "/" + e.Path); err != nil {
					t.Errorf("the kernel disagrees: %v", err)
				}
				checkResolve(t, m, dir, e.Path)
			}
		})
	}
}

// checkResolve compares Resolve with what the kernel finds.
func checkResolve(t *testing.T, m Manifest, dir, p string) {
	t.Helper()
	real, err := filepath.EvalSymlinks(filepath.Join(dir, p))
	if err != nil {
		t.Fatal(err)
	}
	top, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	want, err := filepath.Rel(top, real)
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := m.Resolve(p); !ok || e.Path != want {
		t.Errorf("Resolve(%q): got %q, %v, want %q", p, e.Path, ok, want)
	}
}

func TestResolve(t *testing.T) {
	m := scanned(t, laid(t, map[string]string{"d/a": "x", "l": "->d", "k": "->l/a", "e/up": "->../d"}))
	for p, want := range map[string]string{"d/a": "d/a", "l/a": "d/a", "k": "d/a", "e/up/a": "d/a", "l": "d", ".": ".", "e/..": "."} {
		if e, ok := m.Resolve(p); !ok || e.Path != want {
			t.Errorf("%q: got %q, %v, want %q", p, e.Path, ok, want)
		}
	}
	for _, p := range []string{"gone", "d/gone", "d/a/b", "d/a/.", "d/a/..", "k/x", "..", "../d", "l/../../d"} {
		if e, ok := m.Resolve(p); ok {
			t.Errorf("%q: got %q, want nothing", p, e.Path)
		}
	}
	loop := Manifest{[]Entry{{Path: "a", Kind: KindSymlink, Target: "a", Size: 1}}}
	if _, ok := loop.Resolve("a"); ok {
		t.Error("a circle leads somewhere")
	}
}

func TestNarrow(t *testing.T) {
	m := scanned(t, laid(t, map[string]string{"a": "1", "ab": "2", "d/e/f": "3", "d/e/g": "4", "d/h": "5", "x/": ""}))
	tests := []struct {
		paths []string
		want  string
	}{
		{nil, ""},
		{[]string{"a"}, "a"},
		{[]string{"d/e"}, "d d/e d/e/f d/e/g"},
		{[]string{"d/e/f", "d/h"}, "d d/e d/e/f d/h"},
		{[]string{"d/e", "d/e/f"}, "d d/e d/e/f d/e/g"},
		{[]string{"x"}, "x"},
		{[]string{"gone/y"}, ""},
	}
	for _, test := range tests {
		var got []string
		for _, e := range m.Narrow(test.paths).Entries() {
			got = append(got, e.Path)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%q: got %q, want %q", test.paths, got, test.want)
		}
	}
	other := scanned(t, laid(t, map[string]string{"a": "1", "d/e/f": "3", "d/other": "6"}))
	if m.Narrow([]string{"a", "d/e/f"}).Hash() != other.Narrow([]string{"d/e/f", "a"}).Hash() {
		t.Error("what is not shown makes a difference")
	}
}

func TestIsEmptyAndSize(t *testing.T) {
	m := scanned(t, laid(t, map[string]string{"none": "", "some": "abc", "d/": "", "e/none": "", "d-x": ""}))
	for p, want := range map[string]bool{"none": true, "some": false, "d": true, "e": false, "d-x": true} {
		if e, _ := m.Find(p); m.IsEmpty(e) != want {
			t.Errorf("IsEmpty(%q): want %v", p, want)
		}
	}
	if m.Size() != 3 {
		t.Errorf("Size: got %d, want 3", m.Size())
	}
	if !(Manifest{}).IsEmpty(Entry{Path: ".", Kind: KindDir}) || m.IsEmpty(Entry{Path: ".", Kind: KindDir}) {
		t.Error("IsEmpty of the top")
	}
}

func TestDifferences(t *testing.T) {
	a := scanned(t, laid(t, map[string]string{"same": "1", "a": "1", "size": "1", "bytes": "12", "kind": "1"}))
	b := scanned(t, laid(t, map[string]string{"same": "1", "b": "1", "size": "22", "bytes": "21", "kind": "->same"}))
	want := "a: only in the first\nb: only in the second\nbytes: same size, other content\nkind: file, then symlink\nsize: 1 bytes, then 2"
	if got := strings.Join(Differences(a, b), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if d := Differences(a, a); d != nil {
		t.Errorf("a tree differs from itself: %q", d)
	}
}

func TestParseManifestRefuses(t *testing.T) {
	const digest = "04e0bb39f30b1a3feb89f536c93be15055482df748674b00d26e5a75777702e9"
	ok := manifestHeader + "d\t0\t-\ta\nf\t3\t" + digest + "\ta/b\nl\t1\ta\tl\n"
	if _, err := ParseManifest([]byte(ok)); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{manifestHeader, ""}, {manifestHeader, "plx tree 2\n"}, {"tree 1\n", "tree 1\r\n"},
		{"d\t0\t-\ta\n", "d\t1\t-\ta\n"}, {"d\t0\t-\ta\n", "d\t0\t\ta\n"}, {"d\t0\t-\ta\n", "d\t00\t-\ta\n"}, {"d\t0\t-\ta\n", "d\t-0\t-\ta\n"}, {"d\t0\t-\ta\n", "d 0 - a\n"}, {"d\t0\t-\ta\n", ""},
		{"f\t3", "f\t+3"}, {"f\t3", "f\t3.0"}, {"f\t3", "f\t-3"}, {"f\t3", "F\t3"}, {"f\t3", "ff\t3"}, {digest, digest[1:]}, {digest, strings.ToUpper(digest)},
		{"l\t1\ta", "l\t2\ta"}, {"l\t1\ta", "l\t0\t"}, {"l\t1\ta", "l\t1\tx"}, {"\tl\n", "\tl"}, {"\tl\n", "\tl\n\n"}, {"\tl\n", "\tl\t\n"}, {"\tl\n", "\t\\l\n"}, {"\tl\n", "\t\xff\n"},
	} {
		text := strings.Replace(ok, change[0], change[1], 1)
		if m, err := ParseManifest([]byte(text)); err == nil {
			t.Errorf("ParseManifest(%q): got %q, want an error", text, m.Text())
		}
	}
	swapped := manifestHeader + "f\t3\t" + digest + "\tb\nf\t3\t" + digest + "\ta\n"
	if _, err := ParseManifest([]byte(swapped)); err == nil {
		t.Error("entries that are not in order: want an error")
	}
}

func FuzzParseManifest(f *testing.F) {
	for _, name := range []string{"empty.manifest", "tree.manifest", "narrowed.manifest"} {
		data, err := os.ReadFile("testdata/vectors/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(manifestHeader + "l\t3\t../\tl\n"))
	f.Add([]byte(manifestHeader + "d\t0\t-\td\nl\t4\t../l\td/l\nl\t3\td/l\tl\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseManifest(data)
		if err != nil {
			return
		}
		if !bytes.Equal(m.Text(), data) {
			t.Errorf("got %q, want %q", m.Text(), data)
		}
		for _, e := range m.Entries() {
			if r, ok := m.Resolve(e.Path); !ok || r.Kind == KindSymlink {
				t.Errorf("Resolve(%q): got %v, %v", e.Path, r, ok)
			}
		}
	})
}
