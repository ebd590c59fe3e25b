package store

import (
	"context"
	"errors"
	"os"
	"slices"
	"syscall"
	"testing"
)

func TestAddFiles(t *testing.T) {
	s := held(t)
	from := laid(t, map[string]string{"x": "1", "tool": "#!/bin/sh\n", "link": "->x", "d/": ""})
	sources := []SourceFile{
		{Path: "lib/x", From: from + "/x"}, {Path: "bin/deep/tool", From: from + "/tool"}, {Path: "linked", From: from + "/link"}, {Path: "text", Text: "words"},
	}
	h, err := s.AddFiles(t.Context(), sources)
	if err != nil {
		t.Fatal(err)
	}
	want := scanned(t, laid(t, map[string]string{"lib/x": "1", "bin/deep/tool": "#!/bin/sh\n", "linked": "1", "text": "words"}))
	if h != want.Hash() || scanned(t, s.TreePath(h)).Hash() != h {
		t.Errorf("got %v, want %v", h, want.Hash())
	}
	if m, err := s.Manifest(h); err != nil || m.Hash() != h {
		t.Errorf("Manifest: %v, %v", m, err)
	}
	slices.Reverse(sources)
	before := files(t, s.Dir()+"/tree")
	if again, err := s.AddFiles(t.Context(), sources); err != nil || again != h || !equalMaps(before, files(t, s.Dir()+"/tree")) {
		t.Errorf("again: %v, %v", again, err)
	}
	if none, err := s.AddFiles(t.Context(), nil); err != nil || none != (Manifest{}).Hash() {
		t.Errorf("no files: %v, %v", none, err)
	}
	if err := syscall.Mkfifo(from+"/pipe", 0o666); err != nil {
		t.Fatal(err)
	}
	for what, bad := range map[string][]SourceFile{
		"gone":         {{Path: "a", From: from + "/gone"}},
		"a directory":  {{Path: "a", From: from + "/d"}},
		"a FIFO":       {{Path: "a", From: from + "/pipe"}},
		"twice":        {{Path: "a", Text: "1"}, {Path: "a", Text: "1"}},
		"in a file":    {{Path: "a", Text: "1"}, {Path: "a/b", Text: "1"}},
		"absolute":     {{Path: "/a", Text: "1"}},
		"outside":      {{Path: "../a", Text: "1"}},
		"far outside":  {{Path: "../../../a", Text: "1"}},
		"no path":      {{Text: "1"}},
		"bad encoding": {{Path: "\xff", Text: "1"}},
	} {
		if h, err := s.AddFiles(t.Context(), bad); err == nil {
			t.Errorf("%s: got %v, want an error", what, h)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.AddFiles(ctx, []SourceFile{{Path: "new", Text: "new"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// What is executable stays so, and what isn't doesn't become it.
func TestSourcesUnderOddUmask(t *testing.T) {
	from := laid(t, map[string]string{"tool": "#!/bin/sh\n", "data": "1"})
	want := scanned(t, from).Hash()
	s := held(t)
	mask := 0o133
	if os.Getuid() != 0 {
		mask = 0o077 // an ordinary user can't enter directories made under the other
	}
	old := syscall.Umask(mask)
	defer syscall.Umask(old)
	h, err := s.AddFiles(t.Context(), []SourceFile{{Path: "tool", From: from + "/tool"}, {Path: "data", Text: "1"}})
	if err != nil || h != want {
		t.Errorf("AddFiles: got %v, %v, want %v", h, err, want)
	}
	s = open(t, tempDir(t)+"/s")
	syscall.Umask(old)
	hold(t, s)
	syscall.Umask(mask)
	if h, err := s.AddDir(t.Context(), from); err != nil || h != want {
		t.Errorf("AddDir: got %v, %v, want %v", h, err, want)
	}
}

func TestAddDir(t *testing.T) {
	s := held(t)
	from := laid(t, sample)
	want := scanned(t, from).Hash()
	write(t, from, map[string]string{".plx/plan-1.json": "{}", "dir/.plx/x": ""})
	h, err := s.AddDir(t.Context(), from)
	if err != nil || h != want || scanned(t, s.TreePath(h)).Hash() != h {
		t.Errorf("got %v, %v, want %v", h, err, want)
	}
	if info, err := os.Stat(from + "/a"); err != nil || info.Mode()&0o200 == 0 {
		t.Error("what was taken in was changed")
	}
	if again, err := s.AddDir(t.Context(), from); err != nil || again != h {
		t.Errorf("again: %v, %v", again, err)
	}
	for what, bad := range map[string]string{"gone": from + "/gone", "a file": from + "/a", "a link outside": laid(t, map[string]string{"l": "->../x"})} {
		if h, err := s.AddDir(t.Context(), bad); err == nil {
			t.Errorf("%s: got %v, want an error", what, h)
		}
	}
}
