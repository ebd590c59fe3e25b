package store

import (
	"errors"
	"os"
	"testing"
	"time"
)

// dirAdded returns what AddDir finds a directory to be, which must be so.
func dirAdded(t *testing.T, s *Store, dir string) Hash {
	t.Helper()
	h, err := s.AddDir(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// What is remembered of a directory is believed if all in it is as it was: then
// nothing else is asked.
func TestUnchangedDirectoriesAreKnown(t *testing.T) {
	s, notes := remembering(t)
	dir := laid(t, sample)
	want := dirAdded(t, s, dir)
	other := dirAdded(t, s, laid(t, map[string]string{"other": "1"}))
	if err := s.KeepRemembered(); err != nil {
		t.Fatal(err)
	}
	s.RememberFiles(notes)
	was, ok := s.seen.trees[dir]
	if !ok || was.tree != want {
		t.Fatalf("remembered: %v, %v", was, ok)
	}
	s.seen.trees[dir] = treeSight{was.print, other}
	if got := dirAdded(t, s, dir); got != other {
		t.Error("it was read again")
	}
	if got, err := s.Preview().AddDir(t.Context(), dir); err != nil || got != other {
		t.Errorf("preview: %v, %v", got, err)
	}
	if s.seen.files != nil {
		t.Error("what is remembered of files was read")
	}
	s.seen.trees[dir] = treeSight{was.print, HashOf([]byte("not in the store"))}
	if got := dirAdded(t, s, dir); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestChangedDirectoriesAreRead(t *testing.T) {
	for name, change := range map[string]func(dir string) error{
		"content": func(dir string) error { return os.WriteFile(dir+"/d/f", []byte("sword"), 0o644) },
		"mode":    func(dir string) error { return os.Chmod(dir+"/d/f", 0o755) },
		"new":     func(dir string) error { return os.WriteFile(dir+"/d/new", nil, 0o644) },
		"removed": func(dir string) error { return os.Remove(dir + "/g") },
		"renamed": func(dir string) error { return os.Rename(dir+"/g", dir+"/h") },
		"moved":   func(dir string) error { return os.Rename(dir+"/g", dir+"/d/g") },
		"a link":  func(dir string) error { return errors.Join(os.Remove(dir+"/l"), os.Symlink("g", dir+"/l")) },
		"swapped": func(dir string) error {
			return errors.Join(os.Rename(dir+"/g", dir+"/x"), os.Rename(dir+"/d/f", dir+"/g"), os.Rename(dir+"/x", dir+"/d/f"))
		},
		"a file for a directory": func(dir string) error { return errors.Join(os.Remove(dir+"/e"), os.WriteFile(dir+"/e", nil, 0o644)) },
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := remembering(t)
			dir := laid(t, map[string]string{"d/f": "words", "e/": "", "g": "other", "l": "->d/f"})
			before := dirAdded(t, s, dir)
			if err := change(dir); err != nil {
				t.Fatal(err)
			}
			if got := dirAdded(t, s, dir); got == before || got != scanned(t, dir).Hash() {
				t.Errorf("got %v, before %v", got, before)
			}
		})
	}
}

// A file in it that has only just changed could change again at the same time.
func TestYoungDirectoriesAreNotRemembered(t *testing.T) {
	s, _ := remembering(t)
	dir := laid(t, map[string]string{"f": "words"})
	s.seen.now = time.Now
	dirAdded(t, s, dir)
	if len(s.seen.trees) != 0 {
		t.Error("it is remembered")
	}
}

// What can't be named in a tree is refused by its path.
func TestDirectoriesWithOddNames(t *testing.T) {
	s, _ := remembering(t)
	dir := laid(t, map[string]string{"d/f": ""})
	if err := os.WriteFile(dir+"/d/\xff", nil, 0o644); err != nil {
		t.Skip(err)
	}
	var odd *TreeError
	if _, err := s.AddDir(t.Context(), dir); !errors.As(err, &odd) || odd.Path != "d/\xff" {
		t.Errorf("got %v", err)
	}
}
