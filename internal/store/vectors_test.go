package store

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the vectors anew: only before the first release")

// vectors are the texts that hashes are taken of, made from values.
// testdata/vectors has the same as data, for any other implementation, and
// docs/store-format.md quotes them.
func vectors(t *testing.T) map[string][]byte {
	values := map[string]any{
		"text":           "a\"b\\c/\n\t\x01é€😀",
		"truth":          true,
		"integer":        int64(-9007199254740993),
		"float":          1.0,
		"small":          1e-7,
		"large":          1e21,
		"zero":           float64(0),
		"datetime":       OffsetDatetime(time.Date(1979, 5, 27, 0, 32, 0, 500_000_000, time.FixedZone("", -7*3600))),
		"datetime-local": LocalDatetime(time.Date(1979, 5, 27, 7, 32, 0, 0, time.UTC)),
		"date":           LocalDate(time.Date(1979, 5, 27, 0, 0, 0, 0, time.UTC)),
		"time":           LocalTime(time.Date(1979, 5, 27, 7, 32, 0, 999_999_000, time.UTC)),
		"list":           []any{int64(1), 1.5, "x"},
		"table":          map[string]any{"$int": "not a number", "b": int64(2), "é": int64(3), "😀": int64(4), "\ufb33": int64(5)},
	}
	manifest := vectorManifest(t)
	leaf := Derivation{Name: "params", Kind: ActionImport, Source: manifest.Hash()}
	leafRef, leafText := mustRef(t, leaf)
	run := Derivation{
		Name: "anneal", Kind: ActionRun, Script: "python3 anneal.py > \"$result\"\n", Shell: []string{"sh", "-eu"},
		Source:  manifest.Hash(),
		Config:  map[string]any{"maxiter": int64(500), "cooling": 0.99},
		Env:     map[string]string{"OMP_NUM_THREADS": "1"},
		Inputs:  map[string]Input{"start": {From: []DRef{leafRef}, Outputs: []string{"values"}, File: true}},
		Outputs: map[string]Output{"result": {Path: "result.json", Kind: "file", Nonempty: true}, "log": {Path: "log.txt", Kind: "any", Optional: true, Volatile: true}},
		Metrics: []string{"result"},
		Check:   "test -s \"$result\"",
		Match:   map[string]any{"best": int64(3), "by": "result.fun", "order": "min"},
	}
	runRef, runText := mustRef(t, run)
	action := Action{
		Kind: ActionRun, Script: run.Script, Shell: run.Shell, Source: run.Source, Config: run.Config, Env: run.Env,
		Inputs: map[string]ActionInput{"start": {File: "a.txt", Items: []ActionItem{{
			Tree: manifest.Narrow([]string{"a.txt"}).Hash(), Outputs: map[string]string{"values": "a.txt"}}}}},
		Outputs:  map[string]string{"result": "result.json", "log": "log.txt"},
		Platform: "linux/amd64", Path: "/usr/bin:/bin",
	}
	actionText, err := action.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	fetch := Derivation{Name: "genome", Kind: ActionFetch, Fetch: fullFetch(), Outputs: map[string]Output{"fasta": {Path: "genome.fa", Kind: "file"}}}
	_, fetchText := mustRef(t, fetch)
	fetchAction, err := Action{Kind: ActionFetch, Fetch: &fetch.Fetch.Fetched}.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	tooled := Derivation{Name: "sorted", Kind: ActionRun, Argv: []string{"sort", "a.txt"}, Tools: []string{"/bin/cat", "sort"}, Carry: []string{"ckpt"}}
	_, tooledText := mustRef(t, tooled)
	tooledAction, err := Action{
		Kind: ActionRun, Argv: tooled.Argv, Platform: "linux/amd64", Path: "/usr/bin:/bin",
		Tools: map[string]Digest{"/bin/cat": DigestOf([]byte("cat")), "sort": DigestOf([]byte("sort"))},
	}.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	open := Derivation{
		Name: "ask", Kind: ActionRun, Script: "ask > \"$out/answer\"", Shell: []string{"sh", "-eu"},
		Network: true, Sandbox: Sandbox{Paths: []string{"/dev/nvidia0", "/opt/cuda"}},
	}
	_, openText := mustRef(t, open)
	openAction, err := Action{
		Kind: ActionRun, Script: open.Script, Shell: open.Shell, Network: true, Sandbox: Sandbox{Off: true},
		Platform: "linux/amd64", Path: "/usr/bin:/bin",
	}.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	leafR := RealizationRef(leafRef, Context{}, manifest.Hash())
	realization, err := canonicalRealization(runRef, Context{"start": {leafR}}, manifest.Hash())
	if err != nil {
		t.Fatal(err)
	}
	text, err := Canonical(values)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"empty.manifest":    Manifest{}.Text(),
		"tree.manifest":     manifest.Text(),
		"narrowed.manifest": manifest.Narrow([]string{"a.txt"}).Text(),
		"values.json":       text,
		"import.derivation": leafText,
		"run.derivation":    runText,
		"run.action":        actionText,
		"fetch.derivation":  fetchText,
		"fetch.action":      fetchAction,
		"run.realization":   realization,
		"tools.derivation":  tooledText,
		"tools.action":      tooledAction,
		"open.derivation":   openText,
		"off.action":        openAction,
	}
}

func vectorManifest(t *testing.T) Manifest {
	t.Helper()
	m, err := NewManifest([]Entry{
		{Path: "bin", Kind: KindDir},
		{Path: "bin/run", Kind: KindExecutable, Size: 10, Digest: DigestOf([]byte("#!/bin/sh\n"))},
		{Path: "a.txt", Kind: KindFile, Size: 3, Digest: DigestOf([]byte("foo"))},
		{Path: "link", Kind: KindSymlink, Size: 7, Target: "bin/run"},
		{Path: "tab\there", Kind: KindFile, Digest: DigestOf(nil)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mustRef(t *testing.T, d Derivation) (DRef, []byte) {
	t.Helper()
	ref, data, err := d.Ref()
	if err != nil {
		t.Fatal(err)
	}
	return ref, data
}

// TestVectors pins the identity of everything: once there are stores, none of
// these bytes and hashes may change.
func TestVectors(t *testing.T) {
	const dir = "testdata/vectors/"
	texts := vectors(t)
	if *update {
		writeVectors(t, dir, texts)
	}
	sums, err := os.ReadFile(dir + "HASHES")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/store-format.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(sums)) {
		hash, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		n++
		want, err := os.ReadFile(dir + name)
		if err != nil {
			t.Fatal(err)
		}
		if string(texts[name]) != string(want) {
			t.Errorf("%s:\ngot  %s\nwant %s", name, texts[name], want)
		}
		if got := HashOf(want).String(); got != hash {
			t.Errorf("%s: got hash %s, want %s", name, got, hash)
		}
		if !strings.Contains(string(page), hash) || !strings.Contains(string(page), strings.TrimRight(string(want), "\n")) {
			t.Errorf("docs/store-format.md does not quote %s and its hash %s", name, hash)
		}
	}
	if n != len(texts) {
		t.Errorf("HASHES has %d lines, want %d", n, len(texts))
	}
}

func writeVectors(t *testing.T, dir string, texts map[string][]byte) {
	t.Helper()
	sums := ""
	for name, text := range texts {
		if err := os.WriteFile(dir+name, text, 0o644); err != nil {
			t.Fatal(err)
		}
		sums += HashOf(text).String() + " " + name + "\n"
	}
	if err := os.WriteFile(dir+"HASHES", []byte(sums), 0o644); err != nil {
		t.Fatal(err)
	}
}
