package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestShapes(t *testing.T) {
	for _, test := range []struct {
		shape   string
		inputs  []int
		targets string
	}{
		{chain, []int{0, 1, 2, 3}, "o4"},
		{fanOut, []int{0, 1, 1, 1}, "o2 o3 o4"},
	} {
		w := work{test.shape, 4}
		for i, want := range test.inputs {
			if got := w.input(i + 1); got != want {
				t.Errorf("%s: stage %d reads %d, want %d", test.shape, i+1, got, want)
			}
		}
		if got := w.list("o%d", " "); got != test.targets {
			t.Errorf("%s: the targets are %s, want %s", test.shape, got, test.targets)
		}
	}
}

// TestScriptDoesWork runs the work of sh, which has the scripts of all tools.
func TestScriptDoesWork(t *testing.T) {
	for _, shape := range []string{chain, fanOut} {
		dir, w := t.TempDir(), work{shape, 5}
		for name, text := range map[string]string{"build.sh": shFile(w), sourceFile: source("hello", "a comment")} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("sh", "build.sh")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		got, err := os.ReadFile(filepath.Join(dir, file(5)))
		if want := "s5 hello\n"; err != nil || string(got) != want {
			t.Errorf("%s: the last stage made %q, want %q (%v)", shape, got, want, err)
		}
	}
}

// TestDescriptions checks that each tool is told of each stage, once.
func TestDescriptions(t *testing.T) {
	for _, tool := range stageTools() {
		text := strings.Join(slices.Sorted(maps.Values(tool.files(work{fanOut, 12}))), "")
		if got := strings.Count(text, "\n"); got < 12 {
			t.Errorf("%s: %d lines for 12 stages:\n%s", tool.name, got, text)
		}
		if !strings.Contains(text, sourceFile) || !strings.Contains(text, "12") || strings.Contains(text, "13") {
			t.Errorf("%s: not 12 stages that begin at the source:\n%s", tool.name, text)
		}
	}
}
