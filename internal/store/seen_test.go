package store

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// later has s take files for older than the granularity that are younger.
func later(s *Store) { s.seen.now = func() time.Time { return time.Now().Add(time.Hour) } }

// remembering returns a store that remembers files, and where.
func remembering(t *testing.T) (s *Store, notes string) {
	t.Helper()
	s, notes = held(t), tempDir(t)+"/files"
	s.RememberFiles(notes)
	later(s)
	return s, notes
}

// added returns the digest that AddFiles finds a file to have.
func added(t *testing.T, s *Store, file string) Digest {
	t.Helper()
	h, err := s.AddFiles(t.Context(), []SourceFile{{Path: "x", From: file}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.Manifest(h)
	if err != nil {
		t.Fatal(err)
	}
	e, _ := m.Find("x")
	if data, err := os.ReadFile(s.TreePath(h) + "/x"); err != nil || DigestOf(data) != e.Digest {
		t.Errorf("the store has another file than it says: %v", err)
	}
	return e.Digest
}

// trick changes what is remembered of a file to the digest of something else
// that is in the store: if that is found, the file has not been read.
func trick(t *testing.T, s *Store, file string) Digest {
	t.Helper()
	if _, err := s.AddFiles(t.Context(), []SourceFile{{Path: "x", Text: "trick"}}); err != nil {
		t.Fatal(err)
	}
	old, ok := s.seen.files[file]
	if !ok {
		t.Fatal("nothing is remembered of the file")
	}
	old.digest, old.size = DigestOf([]byte("trick")), 5
	s.seen.files[file] = sight{old.stamp, old.digest, old.sha256}
	return old.digest
}

func TestUnchangedFilesAreNotRead(t *testing.T) {
	s, _ := remembering(t)
	file := laid(t, map[string]string{"f": "words"}) + "/f"
	if got := added(t, s, file); got != DigestOf([]byte("words")) {
		t.Fatal(got)
	}
	want := trick(t, s, file)
	if got := added(t, s, file); got != want {
		t.Error("the file was read again")
	}
	if _, err := s.AddDir(t.Context(), filepath.Dir(file)); err != nil {
		t.Error(err)
	}
}

// Whatever is done to a file, it is read again, even if size and mtime are as
// they were.
func TestChangedFilesAreRead(t *testing.T) {
	at := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	put := func(t *testing.T, file, text string) {
		t.Helper()
		if err := errors.Join(os.WriteFile(file, []byte(text), 0o644), os.Chtimes(file, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	for name, change := range map[string]func(t *testing.T, file string){
		"in place":    func(t *testing.T, file string) { put(t, file, "sword") },
		"by a rename": func(t *testing.T, file string) { put(t, file+"2", "sword"); os.Rename(file+"2", file) },
		"removed and made": func(t *testing.T, file string) {
			os.Remove(file)
			put(t, file, "sword")
		},
		"by a link": func(t *testing.T, file string) {
			put(t, file+"2", "sword")
			os.Remove(file)
			os.Symlink(file+"2", file)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := remembering(t)
			file := laid(t, map[string]string{"f": ""}) + "/f"
			put(t, file, "words")
			if got := added(t, s, file); got != DigestOf([]byte("words")) {
				t.Fatal(got)
			}
			change(t, file)
			if got := added(t, s, file); got != DigestOf([]byte("sword")) {
				t.Error("the file was not read again")
			}
		})
	}
}

// A file that has only just changed could change again at the same time.
func TestYoungFilesAreNotRemembered(t *testing.T) {
	s, _ := remembering(t)
	file := laid(t, map[string]string{"f": "words"}) + "/f"
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		now  time.Time
		want bool
	}{{info.ModTime().Add(-time.Hour), false}, {info.ModTime(), false}, {info.ModTime().Add(seenGranularity), false}, {info.ModTime().Add(seenGranularity + time.Second), true}} {
		s.seen.now = func() time.Time { return tt.now }
		added(t, s, file)
		if _, ok := s.seen.files[file]; ok != tt.want {
			t.Errorf("%v after it was changed: remembered: %v", tt.now.Sub(info.ModTime()), ok)
		}
	}
}

// What is remembered is written if there is anything new, and is the same for
// the next run. A damaged file is as good as none.
func TestRememberedIsKept(t *testing.T) {
	s, notes := remembering(t)
	dir := laid(t, map[string]string{"f": "words", "a b\n": "", "gone": "1", "other": "2"})
	for _, name := range []string{"f", "a b\n", "gone", "other"} {
		added(t, s, dir+"/"+name)
	}
	if err := s.KeepRemembered(); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(notes)
	if err != nil || len(s.seen.files) != 4 {
		t.Fatal(err, s.seen.files)
	}
	next := func() {
		t.Helper()
		s.RememberFiles(notes)
		later(s)
		added(t, s, dir+"/f")
		if err := errors.Join(os.Remove(notes), s.KeepRemembered()); err != nil {
			t.Fatal(err)
		}
	}
	next()
	if _, err := os.Stat(notes); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it was written without need: %v", err)
	}
	for what, damage := range map[string][]byte{
		"cut": first[:len(first)/2], "empty": nil, "another version": bytes.Replace(first, []byte("files 2"), []byte("files 1"), 1),
		"another digest": bytes.Replace(first, sumOf("words"), sumOf(""), 1),
	} {
		if err := os.WriteFile(notes, damage, 0o666); err != nil {
			t.Fatal(err)
		}
		s.RememberFiles(notes)
		if later(s); len(s.seen.files) != 0 || added(t, s, dir+"/f") != DigestOf([]byte("words")) {
			t.Errorf("%s: it was believed", what)
		}
		if err := s.KeepRemembered(); err != nil {
			t.Error(err)
		}
	}
	// What is gone, or has changed since, is forgotten when it is written anew.
	if err := errors.Join(os.WriteFile(notes, first, 0o666), os.Remove(dir+"/gone"), os.WriteFile(dir+"/f", []byte("sword"), 0o666)); err != nil {
		t.Fatal(err)
	}
	s.RememberFiles(notes)
	later(s)
	added(t, s, dir+"/f")
	if err := s.KeepRemembered(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(notes)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := readSeen(data)
	if _, other := kept.files[dir+"/other"]; err != nil || !other || len(kept.files) != 3 {
		t.Errorf("got %v, %v", kept.files, err)
	}
	if list, err := os.ReadDir(filepath.Dir(notes)); err != nil || len(list) != 1 {
		t.Errorf("left behind: %v, %v", list, err)
	}
}

// A pin is checked while the file is read, and needs no reading afterwards.
func TestPinnedFiles(t *testing.T) {
	s, _ := remembering(t)
	const foo = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
	file := laid(t, map[string]string{"f": "foo"}) + "/f"
	pinned := []SourceFile{{Path: "x", From: file, SHA256: foo}}
	want, err := s.AddFiles(t.Context(), []SourceFile{{Path: "x", From: file}})
	if err != nil {
		t.Fatal(err)
	}
	if s.seen.files[file].sha256 != "" {
		t.Error("its SHA-256 was found without need")
	}
	for range 2 {
		if h, err := s.AddFiles(t.Context(), pinned); err != nil || h != want {
			t.Errorf("got %v, %v, want %v", h, err, want)
		}
		if s.seen.files[file].sha256 != foo {
			t.Error("its SHA-256 is not remembered")
		}
	}
	pinned[0].SHA256 = strings.Repeat("0", 64)
	var other *SumError
	if _, err := s.AddFiles(t.Context(), pinned); !errors.As(err, &other) || other.Have != foo || other.Want != pinned[0].SHA256 {
		t.Errorf("got %v, want a SumError", err)
	}
}

// Large files are copied when they are first read. What the store gets is what
// the copies contain, also of files that change meanwhile.
func TestLargeSources(t *testing.T) {
	s, _ := remembering(t)
	large := strings.Repeat("0123456789abcdef", largeFile/16)
	dir := laid(t, map[string]string{"large": large, "small": "1", "tool": "#!" + large})
	want := scanned(t, dir).Hash()
	for range 2 {
		if h, err := s.AddDir(t.Context(), dir); err != nil || h != want || scanned(t, s.TreePath(h)).Hash() != h {
			t.Errorf("got %v, %v, want %v", h, err, want)
		}
	}
	in := newIntake(t.Context(), s, true)
	m, err := in.manifest([]SourceFile{{Path: "l", From: dir + "/large"}, {Path: "s", From: dir + "/small"}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string]string{"large": large + "more", "small": "12"})
	h, err := in.settle(m)
	if err != nil || scanned(t, s.TreePath(h)).Hash() != h {
		t.Fatal(h, err)
	}
	if data, err := os.ReadFile(s.TreePath(h) + "/s"); err != nil || string(data) != "12" {
		t.Errorf("got %q, %v", data, err)
	}
	in.discard()
	if names, err := dirNames(s.work.Name()); err != nil || strings.Contains(strings.Join(names, " "), "copy") {
		t.Errorf("copies were left: %q, %v", names, err)
	}
}

func FuzzParseSeen(f *testing.F) {
	c := seen{
		trees: map[string]treeSight{"/a b\n": {HashOf([]byte("print")), HashOf([]byte("tree"))}},
		files: map[string]sight{
			"/a b\n": {stamp{1, -2, 3, 4, 5}, DigestOf([]byte("x")), strings.Repeat("0", 64)}, "/c": {stamp{0, 0, 0, 0, 0}, DigestOf(nil), ""},
		},
	}
	r := seenReader{rest: strings.TrimPrefix(string(c.text()), seenFormat)}
	f.Add(r.section(), r.section())
	f.Add("", "")
	f.Fuzz(func(t *testing.T, trees, files string) {
		text := appendSection(appendSection([]byte(seenFormat), []byte(trees)), []byte(files))
		c, err := readSeen(text)
		if err != nil {
			return
		}
		again, err := readSeen(c.text())
		if err != nil || !maps.Equal(again.trees, c.trees) || !maps.Equal(again.files, c.files) {
			t.Fatalf("got %v, %v, %v, want %v, %v", again.trees, again.files, err, c.trees, c.files)
		}
	})
}

func sumOf(text string) []byte {
	d := DigestOf([]byte(text))
	return d.sum[:]
}

// readSeen reads all of what is remembered.
func readSeen(text []byte) (*seen, error) {
	trees, rest, err := parseSeen(string(text))
	if err != nil {
		return nil, err
	}
	files, err := parseSights(rest)
	return &seen{trees: trees, files: files}, err
}
