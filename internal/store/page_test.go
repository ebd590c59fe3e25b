package store

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// page returns docs/store-format.md.
func page(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../../docs/store-format.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// sorted makes the store that the page shows, and returns its one result.
func sorted(t *testing.T, s *Store) Realization {
	t.Helper()
	at := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	o := Origin{Started: at, Stopped: at.Add(1500 * time.Millisecond), Version: "1.0.0"}
	source, err := s.AddFiles(t.Context(), []SourceFile{{Path: "words.txt", Text: "b\na\n"}})
	if err != nil {
		t.Fatal(err)
	}
	words := derive(t, s, Derivation{Name: "words", Kind: ActionImport, Source: source})
	if o.Action, err = (Action{Kind: ActionImport, Source: source}).Key(); err != nil {
		t.Fatal(err)
	}
	in, err := s.Import(words, nil, source, o)
	if err != nil {
		t.Fatal(err)
	}
	d := Derivation{
		Name: "sort", Kind: ActionRun, Script: `sort "$words"/* > "$sorted"; echo done`, Shell: []string{"sh", "-eu"},
		Inputs: map[string]Input{"words": {From: []DRef{words}}}, Outputs: map[string]Output{"sorted": {Path: "sorted.txt", Kind: "any"}},
	}
	a := Action{
		Kind: d.Kind, Script: d.Script, Shell: d.Shell, Outputs: map[string]string{"sorted": "sorted.txt"}, Platform: "linux/amd64", Path: "/usr/bin:/bin",
		Inputs: map[string]ActionInput{"words": {Items: []ActionItem{{Tree: source}}}},
	}
	if o.Action, err = a.Key(); err != nil {
		t.Fatal(err)
	}
	st := stage(t, s, map[string]string{"sorted.txt": "a\nb\n"})
	if err := os.WriteFile(st.LogPath(), []byte("done\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	freeze(t, st)
	o.Run, o.User, o.System, o.MaxRSS, o.Host, o.By = 1, 900*time.Microsecond, 1100*time.Microsecond, 2<<20, "lab", "ada"
	r, _, err := st.Commit(derive(t, s, d), Context{"words": {in.Ref}}, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddRoot("", r.Ref.String()); err != nil {
		t.Fatal(err)
	}
	return r
}

// The page shows a real store and a real record.
func TestPageShowsAStore(t *testing.T) {
	s := held(t)
	r := sorted(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for name, text := range files(t, s.Dir()) {
		switch {
		case name == ".":
			continue
		case text[0] == 'd':
			name += "/"
		case text[0] == 'L':
			name += " -> " + strings.Fields(text)[1]
		}
		lines = append(lines, name)
	}
	slices.Sort(lines)
	record, err := os.ReadFile(s.recordPath(r.Ref))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"```\n" + strings.Join(lines, "\n") + "\n```", "```json\n" + string(record) + "```"} {
		if !strings.Contains(page(t), want) {
			t.Errorf("docs/store-format.md lacks\n%s", want)
		}
	}
}

// The shell of the page gives the hashes of the page.
func TestPageShell(t *testing.T) {
	for _, tool := range []string{"b3sum", "xxd", "basenc", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	var script strings.Builder
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(page(t), -1) {
		script.WriteString(block[1])
	}
	run := func(command string, args ...string) string {
		t.Helper()
		cmd := exec.Command("sh", append([]string{"-c", script.String() + command, "sh"}, args...)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil || stderr.Len() > 0 {
			t.Fatalf("%s: %v: %s", command, err, &stderr)
		}
		return string(out)
	}
	vectors, err := filepath.Glob("testdata/vectors/*.*")
	if err != nil || len(vectors) < 8 {
		t.Fatal(vectors, err)
	}
	for _, path := range vectors {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want := HashOf(data).String() + "\n"
		if got := run(`plx_hash "$1"`, path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
		if strings.HasPrefix(filepath.Base(path), "run.") || strings.HasPrefix(filepath.Base(path), "import.") {
			if got := run(`jq . "$1" | plx_canonical | plx_hash`, path); got != want {
				t.Errorf("%s: canonical: got %s, want %s", path, got, want)
			}
		}
	}
	dir := laid(t, map[string]string{"a": "foo", "dir/run": "#!/bin/sh\n", "a-b": "", "dir.x": "", "dir/empty/": "", "é -x": "1", "l": "->dir/./run", "dir/-n": "2"})
	m := scanned(t, dir)
	if got := run(`plx_manifest "$1"`, dir); got != string(m.Text()) {
		t.Errorf("got\n%swant\n%s", got, m.Text())
	}
	if got := run(`plx_manifest "$1" | plx_hash`, dir); got != fmt.Sprintln(m.Hash()) {
		t.Errorf("got %s, want %v", got, m.Hash())
	}
}
