package plan

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"plx/internal/store"
)

var (
	_ Sources     = (*store.Store)(nil)
	_ Derivations = (*store.Store)(nil)
)

// memory is a store as far as this package knows one.
type memory struct {
	added       int
	derivations map[store.DRef]store.Derivation
}

func (m *memory) AddFiles(_ context.Context, files []store.SourceFile) (store.Hash, error) {
	m.added++
	var lines []string
	for _, f := range files {
		text := f.Text
		if f.From != "" {
			data, err := os.ReadFile(f.From)
			if err != nil {
				return store.Hash{}, err
			}
			text = string(data)
		}
		if have := fmt.Sprintf("%x", sha256.Sum256([]byte(text))); f.SHA256 != "" && f.SHA256 != have {
			return store.Hash{}, &store.SumError{Path: f.From, Want: f.SHA256, Have: have}
		}
		lines = append(lines, fmt.Sprintf("%q %q", f.Path, text))
	}
	slices.Sort(lines)
	return store.HashOf([]byte(strings.Join(lines, "\n"))), nil
}

func (m *memory) AddDir(ctx context.Context, dir string) (store.Hash, error) {
	return m.AddFiles(ctx, newDisk(dir).named(".").sourceFiles(dir))
}

func (ms matches) sourceFiles(dir string) []store.SourceFile {
	var files []store.SourceFile
	for _, p := range ms.paths {
		files = append(files, store.SourceFile{Path: p, From: filepath.Join(dir, p)})
	}
	return files
}

func (m *memory) Derivation(ref store.DRef) (store.Derivation, error) {
	d, ok := m.derivations[ref]
	if !ok {
		return d, fmt.Errorf("%v: %w", ref, store.ErrNotExist)
	}
	return d, nil
}

// keep has the store hold the derivations of a closure, as realize does. They
// go through their canonical form.
func (m *memory) keep(t *testing.T, c *Closure) {
	t.Helper()
	if m.derivations == nil {
		m.derivations = make(map[store.DRef]store.Derivation)
	}
	for _, s := range c.Stages() {
		ref, data, err := s.Derivation.Ref()
		if err != nil || ref != s.Ref {
			t.Fatalf("%s: Ref = %v, %v, want %v", s.Name, ref, err, s.Ref)
		}
		if m.derivations[ref], err = store.ParseDerivation(data); err != nil {
			t.Fatalf("%s: %v\n%s", s.Name, err, data)
		}
	}
}

// project writes files, by their paths, to a new directory and returns it.
func project(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func reserved(name string) bool {
	return slices.Contains([]string{"HOME", "PATH", "out"}, name) || strings.HasPrefix(name, "PLX_")
}

// load loads a stage file of the text, in a directory with some files.
func load(t testing.TB, text string, params ...string) (*File, error) {
	t.Helper()
	dir := project(t, map[string]string{
		"stage.toml": text, "a.py": "a", "b.py": "b", "lib/c.py": "c", "lib/d/e.py": "e", "lib/d/f.txt": "f", "data.csv": "1,2\n",
	})
	return loadIn(dir, params...)
}

func loadIn(dir string, params ...string) (*File, error) {
	opts := Options{Params: map[string]string{}, Reserved: reserved}
	for _, p := range params {
		name, text, _ := strings.Cut(p, "=")
		opts.Params[name] = text
	}
	return Load(filepath.Join(dir, "stage.toml"), opts)
}

// closure loads and instantiates.
func closure(t testing.TB, text string, targets ...string) *Closure {
	t.Helper()
	f, err := load(t, text)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Instantiate(t.Context(), &memory{}, targets)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// names returns the names of the stages.
func names(stages []*Stage) string {
	var list []string
	for _, s := range stages {
		list = append(list, s.Name)
	}
	return strings.Join(list, " ")
}

// example is the stage file of the design.
const example = `
[params]
maxiter = 500

[stage.start]
outputs = { values = "params.json" }
src     = ["a.py"]
run     = 'python3 mkparams.py > "$values"'

[stage.anneal]
inputs  = { start = "start:values" }
config  = { maxiter = "${maxiter}", cooling = 0.99 }
outputs = { result = "result.json", trace = "trace.csv" }
metrics = ["result"]
src     = ["a.py", "lib/**/*.py"]
runs    = 10
match   = { best = 3, by = "result.fun", order = "min" }
run     = 'python3 anneal.py --from "$start" --seed "$PLX_RUN" --result "$result" --trace "$trace"'

[stage.plot]
inputs  = { runs = "anneal" }
outputs = { plot = "plot.svg" }
src     = ["b.py"]
run     = 'python3 plot.py "$runs"/*/trace.csv > "$plot"'
`

func TestExample(t *testing.T) {
	c := closure(t, example)
	if got, want := names(c.Stages()), "start anneal plot"; got != want {
		t.Errorf("stages: got %s, want %s", got, want)
	}
	if got, want := names(c.Targets()), "plot"; got != want {
		t.Errorf("targets: got %s, want %s", got, want)
	}
	anneal := c.Stage("anneal")
	if in := anneal.Derivation.Inputs["start"]; !in.File || in.List || !slices.Equal(in.Outputs, []string{"values"}) || in.From[0] != c.Stage("start").Ref {
		t.Errorf("input start: %+v", in)
	}
	if in := c.Stage("plot").Derivation.Inputs["runs"]; in.File || !in.List || in.Outputs != nil || in.Match != nil {
		t.Errorf("input runs: %+v", in)
	}
	if v := anneal.Derivation.Config["maxiter"]; v != int64(500) {
		t.Errorf("config maxiter: got %T %v, want 500", v, v)
	}
	if anneal.Runs != 10 || anneal.MaxRuns != 0 || !slices.Equal(anneal.Derivation.Shell, []string{"sh", "-eu"}) {
		t.Errorf("anneal: %+v", anneal)
	}
	if c.Lookup(anneal.Ref) != anneal || anneal.Inputs[0].From[0] != c.Stage("start") {
		t.Error("the closure doesn't hold together")
	}
}

func TestInstantiateTargets(t *testing.T) {
	f, err := load(t, example)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Instantiate(t.Context(), &memory{}, []string{"anneal", "start", "anneal"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := names(c.Targets())+"/"+names(c.Stages()), "anneal start/start anneal"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
