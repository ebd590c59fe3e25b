package plan

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"plx/internal/store"
)

func TestDefaultTargets(t *testing.T) {
	const base = "[stage.a]\nrun = 'a'\n[stage.b]\nrun = 'b'\ninputs = { a = 'a' }\n[stage.c]\nrun = 'c'\n"
	tests := []struct{ more, want string }{
		{"", "b c"},
		{"default = false", "b"},
		{"default = true", "c"},
		{"default = true\n[stage.d]\nrun = 'd'\ndefault = true\ninputs = { c = 'c' }", "c d"},
	}
	for _, tt := range tests {
		c := closure(t, base+tt.more)
		if got := names(c.Targets()); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.more, got, tt.want)
		}
	}
}

func TestSummaries(t *testing.T) {
	f, err := load(t, "[stage.z]\nrun = 'z'\ndescription = 'last'\n[stage.a]\nrun = 'a'\ninputs = { z = 'z' }")
	if err != nil {
		t.Fatal(err)
	}
	want := []Summary{{"z", "last", false}, {"a", "", true}}
	if got := f.Stages(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestUnknownNames(t *testing.T) {
	_, err := load(t, `
[params]
n = 3
f = 0.5
big = 1e30
b = true
s = "text"
l = [1, { x = "$${y}" }]
d = 2024-01-01
shell = ["bash", "-c"]
[stage.x]
run = 'echo ${PATH} $${s}'
check = '${x}'
shell = "${shell}"
runs = "${n}"
env = { E = "<${s}>" }
src = ["${p}.py"]
match = { best = "${n}", by = { run = "echo ${z}" } }
outputs = { o = "${s}/${n}.txt" }
config = { n = "${n}", f = "${f}", l = "${l}", mix = "${n} ${f} ${big} ${b} ${s} ${d}$${s}", other = "${stage.y.config.k}", deep = [{ v = "${s}" }] }
description = "${s}"
[stage.y]
files = { "a" = "${s}" }
[stage.z]
run = "x"
inputs = { a = { stage = "${s2}x", outputs = ["${o}"], match = { best = 1, by = { run = "${z}" } } } }
config = { k = "${stage.x.config.n}" }
`)
	want := []string{
		`stage.x.src[0]: unknown name in ${p}`,
		`stage.x.config.other: unknown config key in ${stage.y.config.k}`,
		`stage.z.inputs.a.stage: unknown name in ${s2}`,
		`stage.z.inputs.a.outputs[0]: unknown name in ${o}`,
	}
	var errs Errors
	if !errors.As(err, &errs) || len(errs) != len(want) {
		t.Fatalf("got %v", err)
	}
	for i, e := range errs {
		if !strings.HasPrefix(e.Key+": "+e.Err.Error(), want[i]) {
			t.Errorf("got %v, want %s", e, want[i])
		}
	}
}

func TestInterpolatedValues(t *testing.T) {
	c := closure(t, `
[params]
n = 3
f = 0.5
big = 1e30
b = true
s = "text"
l = [1, { x = "$${y}" }]
d = 2024-01-01
shell = ["bash", "-c"]
[stage.x]
run = 'echo ${PATH} $${s}'
check = '${x}'
shell = "${shell}"
runs = "${n}"
env = { E = "<${s}>" }
match = { best = "${n}", by = { run = "echo ${z}" } }
outputs = { o = "${s}/${n}.txt" }
config = { n = "${n}", f = "${f}", l = "${l}", mix = "${n} ${f} ${big} ${b} ${s} ${d}$${s}", other = "${stage.y.config.k}" }
[stage.y]
run = "y"
config = { k = "${stage.z.config.k}" }
[stage.z]
run = "z"
config = { k = { deep = "${n}" } }
`, "x")
	d := c.Stage("x").Derivation
	if d.Script != "echo ${PATH} $${s}" || d.Check != "${x}" || d.Env["E"] != "<text>" || d.Outputs["o"].Path != "text/3.txt" || d.Shell[0] != "bash" {
		t.Errorf("got %+v", d)
	}
	if c.Stage("x").Runs != 3 || c.Stage("x").Match.Script() != "echo ${z}" {
		t.Errorf("got %+v", c.Stage("x"))
	}
	want := map[string]any{
		"n": int64(3), "f": 0.5, "l": []any{int64(1), map[string]any{"x": "${y}"}},
		"mix":   "3 0.5 1e+30 true text 2024-01-01${s}",
		"other": map[string]any{"deep": int64(3)},
	}
	if !reflect.DeepEqual(d.Config, want) {
		t.Errorf("config: got %v, want %v", d.Config, want)
	}
}

func TestDefaults(t *testing.T) {
	c := closure(t, `
[defaults]
shell = ["bash"]
env = { A = "1", B = "1" }
passenv = ["P"]
runs = 4
timeout = "1h"
match = "all"
[stage.plain]
run = "x"
[stage.own]
run = "x"
shell = ["zsh"]
env = { B = "2" }
passenv = ["Q"]
runs = 1
timeout = "1.5d"
match = "latest"
[stage.files]
files = { a = "x" }
[stage.checked]
files = { a = "x" }
check = "true"
`)
	plain, own, files, checked := c.Stage("plain"), c.Stage("own"), c.Stage("files"), c.Stage("checked")
	if plain.Derivation.Shell[0] != "bash" || plain.Runs != 4 || plain.Timeout != time.Hour || !plain.Match.List() || plain.PassEnv[0] != "P" {
		t.Errorf("plain: %+v", plain)
	}
	if e := own.Derivation.Env; own.Derivation.Shell[0] != "zsh" || own.Runs != 1 || own.Timeout != 36*time.Hour || own.Match.List() || e["A"] != "1" || e["B"] != "2" || own.PassEnv[0] != "Q" {
		t.Errorf("own: %+v", own)
	}
	if files.Derivation.Shell != nil || files.Derivation.Env != nil || files.Runs != 1 || files.Match.List() || files.Timeout != 0 {
		t.Errorf("files: %+v", files)
	}
	if checked.Derivation.Shell[0] != "bash" || checked.Derivation.Env["A"] != "1" || checked.Match.List() {
		t.Errorf("checked: %+v", checked)
	}
}

func TestExact(t *testing.T) {
	const text = "[stage.a]\nrun = 'a'\n[stage.b]\nrun = 'b'\n[stage.b.inputs]\na = { stage = 'a', match = { exact = [%q] } }"
	a := closure(t, "[stage.a]\nrun = 'a'").Stage("a").Ref
	right := store.RealizationRef(a, nil, store.Hash{})
	c := closure(t, fmt.Sprintf(text, right))
	if m := c.Stage("b").Inputs[0].Match; m == nil || m.Exact()[0] != right {
		t.Errorf("got %v", m)
	}
	other := closure(t, "[stage.a]\nrun = 'c'").Stage("a").Ref
	f, err := load(t, fmt.Sprintf(text, store.RealizationRef(other, nil, store.Hash{})))
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Instantiate(t.Context(), &memory{}, nil)
	var errs Errors
	if !errors.As(err, &errs) || errs[0].Line != 6 || errs[0].Column != 30 || !strings.HasSuffix(err.Error(), a.String()) {
		t.Errorf("got %v", err)
	}
}

func TestFromRefs(t *testing.T) {
	c := closure(t, example)
	var m memory
	m.keep(t, c)
	got, err := FromRefs(&m, []store.DRef{c.Stage("plot").Ref, c.Stage("start").Ref})
	if err != nil {
		t.Fatal(err)
	}
	if names(got.Stages()) != "start anneal plot" || names(got.Targets()) != "plot start" {
		t.Errorf("got %s/%s", names(got.Stages()), names(got.Targets()))
	}
	anneal := got.Stage("anneal")
	if anneal.Runs != 1 || !reflect.DeepEqual(anneal.Match.Canonical(), c.Stage("anneal").Match.Canonical()) || anneal.Inputs[0].From[0] != got.Stage("start") {
		t.Errorf("anneal: %+v", anneal)
	}
	delete(m.derivations, c.Stage("start").Ref)
	if _, err := FromRefs(&m, []store.DRef{c.Stage("plot").Ref}); !errors.Is(err, store.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
}

// sameClosure checks that two closures agree in all that is exported.
func sameClosure(t *testing.T, got, want *Closure) {
	t.Helper()
	if names(got.Stages()) != names(want.Stages()) || names(got.Targets()) != names(want.Targets()) {
		t.Fatalf("got %s/%s, want %s/%s", names(got.Stages()), names(got.Targets()), names(want.Stages()), names(want.Targets()))
	}
	for i, g := range got.Stages() {
		w := want.Stages()[i]
		if g.Ref != w.Ref || g.Runs != w.Runs || g.MaxRuns != w.MaxRuns || !reflect.DeepEqual(g.Limits, w.Limits) ||
			!reflect.DeepEqual(g.PassEnv, w.PassEnv) || g.Description != w.Description || len(g.Inputs) != len(w.Inputs) {
			t.Errorf("got %+v, want %+v", g, w)
		}
	}
}

func TestRecord(t *testing.T) {
	dir := project(t, map[string]string{"stage.toml": sample, "a.py": "", "lib/x.py": "", "data.csv": ""})
	if _, err := Newest(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Newest: %v, want ErrNotExist", err)
	}
	f, err := loadIn(dir, "rate=1")
	if err != nil {
		t.Fatal(err)
	}
	var m memory
	first, err := f.Instantiate(t.Context(), &m, []string{"anneal", "data"})
	if err != nil {
		t.Fatal(err)
	}
	m.keep(t, first)
	path, err := first.Record()
	if err != nil {
		t.Fatal(err)
	}
	r, err := Newest(dir)
	if err != nil {
		t.Fatal(err)
	}
	if r.File() != filepath.Join(dir, "stage.toml") || r.Params()["rate"] != "1" || strings.Join(r.Targets(), " ") != "anneal data" {
		t.Errorf("got %s %v %v", r.File(), r.Params(), r.Targets())
	}
	again, err := r.Closure(&m)
	if err != nil {
		t.Fatal(err)
	}
	sameClosure(t, again, first)
	if second, err := again.Record(); err != nil || second != path {
		t.Errorf("recorded again: %s, %v, want %s", second, err, path)
	}
	r, err = Options{Params: map[string]string{"rate": "1"}}.Recorded(filepath.Join(dir, "stage.toml"), []string{"anneal", "data"})
	if err != nil || r.path != path {
		t.Errorf("Recorded: %v, %v", r, err)
	}
	if _, err := (Options{}).Recorded(filepath.Join(dir, "stage.toml"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Recorded: %v, want ErrNotExist", err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, ".plx", ".gitignore")); err != nil || string(data) != "*\n" {
		t.Errorf(".gitignore: %q, %v", data, err)
	}
}

func TestRecordsAge(t *testing.T) {
	dir := project(t, map[string]string{"stage.toml": example, "a.py": "", "b.py": "", "lib/x.py": ""})
	f, err := loadIn(dir)
	if err != nil {
		t.Fatal(err)
	}
	record := func(targets ...string) string {
		c, err := f.Instantiate(t.Context(), &memory{}, targets)
		if err != nil {
			t.Fatal(err)
		}
		path, err := c.Record()
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	age := func(path string, by time.Duration) {
		then := time.Now().Add(-by)
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
	}
	first, second := record(), record("start")
	age(first, time.Hour)
	age(second, 2*time.Hour)
	if r, err := Newest(dir); err != nil || r.path != first {
		t.Errorf("Newest: %v, %v", r, err)
	}
	before, err := os.Stat(second)
	if err != nil {
		t.Fatal(err)
	}
	record("start")
	after, err := os.Stat(second)
	if err != nil || !os.SameFile(before, after) || time.Since(after.ModTime()) > time.Minute {
		t.Errorf("an equal plan was written anew, or its time is old: %v %v", after.ModTime(), err)
	}
	age(first, 31*24*time.Hour)
	age(second, 29*24*time.Hour)
	third := record("anneal")
	for path, want := range map[string]bool{first: false, second: true, third: true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: %v, want to be there: %v", path, err, want)
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, ".plx"))
	if err != nil || len(entries) != 3 {
		t.Errorf("got %v, %v, want two plans and .gitignore", entries, err)
	}
}

func TestDamagedRecords(t *testing.T) {
	dir := project(t, map[string]string{"stage.toml": "[stage.x]\nrun = 'x'"})
	f, err := loadIn(dir)
	if err != nil {
		t.Fatal(err)
	}
	var m memory
	c, err := f.Instantiate(t.Context(), &m, nil)
	if err != nil {
		t.Fatal(err)
	}
	m.keep(t, c)
	path, err := c.Record()
	if err != nil {
		t.Fatal(err)
	}
	right, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{"{", ""}, {"plan 1", "plan 2"}, {"dref:", ""}, {`"runs": 1`, `"runs": 0`}, {`"x"` + "\n\t]", `"y"` + "\n\t]"},
		{`"stage.toml"`, `"../stage.toml"`}, {`"stages": [`, `"stages": [], "s": [`}, {`"runs": 1`, `"runs": 1, "timeout": "x"`},
		{`"runs": 1`, `"runs": 1, "max_silent": "-1s"`}, {`"runs": 1`, `"runs": 1, "retries": -1`}, {`"runs": 1`, `"runs": 1, "resources": {"gpu": 0}`},
	} {
		wrong := strings.Replace(string(right), change[0], change[1], 1)
		if wrong == string(right) {
			t.Fatalf("%q is not in %s", change[0], right)
		}
		if err := os.WriteFile(path, []byte(wrong), 0o666); err != nil {
			t.Fatal(err)
		}
		r, err := Newest(dir)
		if err == nil {
			_, err = r.Closure(&m)
		}
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%q for %q: got %v, want an error that names the plan", change[1], change[0], err)
		}
	}
}
