package plan

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// loadFiles loads stage.toml of a project.
func loadFiles(t *testing.T, files map[string]string) (*File, error) {
	t.Helper()
	return loadIn(project(t, files))
}

// closureOf instantiates stage.toml of a project.
func closureOf(t *testing.T, files map[string]string, targets ...string) *Closure {
	t.Helper()
	f, err := loadFiles(t, files)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Instantiate(t.Context(), &memory{}, targets)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// base is a module that trains on a table.
const base = `
[params]
epochs = 5
rate   = 0.5

[require]
data = "a table"

[defaults]
shell = ["bash", "-eu"]

[stage.clean]
inputs  = { raw = "data" }
src     = ["clean.py"]
outputs = { table = "t.csv" }
run     = "clean"

[stage.train]
inputs  = { table = "clean:table", raw = { stage = "data", outputs = ["d"] } }
config  = { epochs = "${epochs}", rate = "${rate}" }
outputs = { model = "model" }
run     = "train"
`

func TestModules(t *testing.T) {
	files := map[string]string{
		"base/stage.toml": base,
		"base/clean.py":   "clean",
		"stage.toml": `
[params]
n = 9
[use.one]
file = "base/stage.toml"
bind = { data = "raw" }
[use.two]
file   = "base/stage.toml"
params = { epochs = "${n}", rate = 1 }
bind   = { data = "raw" }
[use.three]
file = "base/stage.toml"
bind = { data = "raw" }
[stage.raw]
run = "raw"
outputs = { d = "d.csv" }
[stage.report]
inputs = { a = "one.train:model", b = "two.train" }
config = { e = "${stage.two.train.config.epochs}" }
run = "report"
`}
	c := closureOf(t, files, "report", "three.train")
	if got, want := names(c.Stages()), "raw one.clean one.train two.clean two.train report three.clean three.train"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	one, two, three := c.Stage("one.train"), c.Stage("two.train"), c.Stage("three.train")
	if one.Ref != three.Ref || one.Ref == two.Ref || c.Stage("one.clean").Ref != c.Stage("two.clean").Ref {
		t.Errorf("got %v, %v, %v", one.Ref, two.Ref, three.Ref)
	}
	if d := two.Derivation; d.Name != "train" || d.Config["epochs"] != int64(9) || d.Config["rate"] != 1.0 || d.Shell[0] != "bash" {
		t.Errorf("got %+v", d)
	}
	if d := c.Stage("report").Derivation; d.Config["e"] != int64(9) || d.Shell[0] != "sh" {
		t.Errorf("got %+v", d)
	}
	if c.Stage("one.clean").Derivation.Source.IsZero() || c.Stage("one.clean").Inputs[0].From[0] != c.Stage("raw") {
		t.Errorf("got %+v", c.Stage("one.clean"))
	}
}

func TestModuleRecord(t *testing.T) {
	files := map[string]string{
		"m.toml":     "[stage.x]\nrun = 'x'\nmatrix = { i = [1, 2] }\n[stage.all]\ngroup = ['x[*]']",
		"stage.toml": "[use.a]\nfile = 'm.toml'\n[use.b]\nfile = 'm.toml'\n[stage.y]\nrun = 'y'\ninputs = { x = 'a.x[*]' }",
	}
	dir := project(t, files)
	f, err := loadIn(dir)
	if err != nil {
		t.Fatal(err)
	}
	var m memory
	first, err := f.Instantiate(t.Context(), &m, []string{"b.x[i=2]", "y", "a.all"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := names(first.Targets()), "b.x[i=2] y a.x[i=1] a.x[i=2]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	m.keep(t, first)
	if _, err := first.Record(); err != nil {
		t.Fatal(err)
	}
	r, err := Newest(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := r.Closure(&m)
	if err != nil {
		t.Fatal(err)
	}
	sameClosure(t, again, first)
	if stages, err := again.Select("a.all"); err != nil || names(stages) != "a.x[i=1] a.x[i=2]" {
		t.Errorf("Select: got %s, %v", names(stages), err)
	}
	for text, want := range map[string]string{
		"a.x[i=1].config.i": "a.x[i=1]|.config.i", "y.x[1]": "y|.x[1]", "y[1].q": "y|[1].q", "a.x[i=2][1]": "a.x[i=2]|[1]", "a.z.q": "|a.z.q", "y": "y|",
	} {
		if start, rest, _ := again.Cut(text); start+"|"+rest != want {
			t.Errorf("Cut(%s): got %s|%s, want %s", text, start, rest, want)
		}
	}
}

// TestBind gives a module stages, outputs and sets.
func TestBind(t *testing.T) {
	module := "[require]\ndata = 'd'\n[stage.use]\nrun = 'x'\ninputs = { in = %s }"
	const file = `
[params]
i = 1
[use.m]
file = "m.toml"
bind = { data = "%s" }
[stage.a]
run = "a"
outputs = { o = "o", p = "p" }
[stage.s]
run = "s"
matrix = { i2 = [1, 2], j = [1, 2] }
outputs = { o = "o" }
[use.inner]
file = "inner.toml"
`
	for _, tt := range []struct{ in, bind, want string }{
		{`"data"`, "a", "a"},
		{`"data:o"`, "a", "a file o"},
		{`"data"`, "a:o", "a file o"},
		{`{ stage = "data", list = true }`, "a:o", "a file list o"},
		{`"data"`, "s[*]", "s[i2=1,j=1] s[i2=1,j=2] s[i2=2,j=1] s[i2=2,j=2] list"},
		{`"data:o"`, "s[j=2]", "s[i2=1,j=2] s[i2=2,j=2] file list o"},
		{`"data[j=1]"`, "s[i2=${i}]", "s[i2=1,j=1]"},
		{`"data[j=1]"`, "s[*]", "s[i2=1,j=1] s[i2=2,j=1] list"},
		{`"data"`, "inner.x:q", "inner.x file q"},
		{`"data:o"`, "a:p", `m.toml:5:12: stage.use.inputs.in: data is bound to one output already: "a:p"`},
		{`{ stage = "data", outputs = ["o"] }`, "a:p", `m.toml:5:19: stage.use.inputs.in.stage: data is bound to one output already, p`},
		{`"data[*]"`, "a", `m.toml:5:12: stage.use.inputs.in: data is bound to "a", which is no set`},
		{`"data"`, "b", `stage.toml:6:10: use.m.bind.data: unknown stage "b"; the stages are a, inner.x, m.use, s, u`},
		{`"data"`, "a:z", `stage.toml:6:10: use.m.bind.data: stage a has no output "z"; the outputs are o, p`},
		{`"data"`, "s", `stage.toml:6:10: use.m.bind.data: s is a sweep of 4 stages: want "s[*]" for all of them, or some by their axes, i2, j`},
		{`"data"`, "s[k=1]", `stage.toml:6:10: use.m.bind.data: s has no axis "k"; the axes are i2, j`},
		{`"data"`, "s[", `stage.toml:6:10: use.m.bind.data: "s[": want "*", or an axis and its value as in lr=0.1, at ""`},
		{`"data"`, "m.use", `m.toml:5:12: stage.use.inputs.in: the stages depend on each other: m.use -> m.use`},
	} {
		c, err := loadFiles(t, map[string]string{
			"stage.toml": fmt.Sprintf(file, tt.bind) + "[stage.u]\nrun = 'u'\nconfig.i = '${i}'\n", "m.toml": fmt.Sprintf(module, tt.in), "inner.toml": "[stage.x]\nrun = 'x'\noutputs = { q = 'q' }",
		})
		if err != nil {
			var errs Errors
			if !errors.As(err, &errs) {
				t.Fatal(err)
			}
			e := errs[0]
			e.File, e.Uses = filepath.Base(e.File), ""
			if e.Error() != tt.want || len(errs) > 1 {
				t.Errorf("%s bound to %s: got %v, want %s", tt.in, tt.bind, err, tt.want)
			}
			continue
		}
		made, err := c.Instantiate(t.Context(), &memory{}, []string{"m.use"})
		if err != nil {
			t.Fatal(err)
		}
		e := made.Stage("m.use").Inputs[0]
		in := made.Stage("m.use").Derivation.Inputs["in"]
		got := names(e.From)
		if in.File {
			got += " file"
		}
		if in.List {
			got += " list"
		}
		if in.Outputs != nil {
			got += " " + strings.Join(in.Outputs, " ")
		}
		if got != tt.want {
			t.Errorf("%s bound to %s: got %s, want %s", tt.in, tt.bind, got, tt.want)
		}
	}
}

func TestModuleDefaultTargets(t *testing.T) {
	module := "[stage.a]\nrun = 'a'\n[stage.b]\nrun = 'b'\ninputs = { a = 'a' }\n[stage.c]\nrun = 'c'\ninputs = { a = 'a' }\n"
	for _, tt := range []struct{ file, module, want string }{
		{"", "", "m.b m.c"},
		{"[stage.x]\nrun = 'x'\ninputs = { b = 'm.b' }", "", "x m.c"},
		{"[stage.x]\nrun = 'x'\ninputs = { b = 'm.b' }\ndefault = true", "", "x"},
		{"", "default = true", "m.c"},
		{"[stage.x]\nrun = 'x'\ninputs = { c = 'm.c' }", "default = true", "x"},
		{"[stage.x]\nrun = 'x'", "default = false", "x m.b"},
		{"[stage.g]\ngroup = ['m.a']\ndefault = true", "", "m.a"},
		{"[stage.g]\ngroup = ['m.a']", "", "m.b m.c"},
	} {
		c := closureOf(t, map[string]string{"stage.toml": "[use.m]\nfile = 'm.toml'\n" + tt.file, "m.toml": module + tt.module})
		if got := names(c.Targets()); got != tt.want {
			t.Errorf("%q, %q: got %s, want %s", tt.file, tt.module, got, tt.want)
		}
	}
}

// TestModuleErrors loads projects with mistakes: the directories of
// testdata/modules, each with what must be said.
func TestModuleErrors(t *testing.T) {
	dirs, err := filepath.Glob("testdata/modules/*")
	if err != nil || len(dirs) == 0 {
		t.Fatal("no directories", err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			_, err := Load(filepath.Join(dir, "stage.toml"), Options{Reserved: reserved})
			var errs Errors
			if !errors.As(err, &errs) {
				t.Fatalf("Load: %v, want Errors", err)
			}
			got := strings.ReplaceAll(err.Error(), dir+"/", "") + "\n"
			golden := filepath.Join(dir, "want")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%swant:\n%s", got, want)
			}
			for _, e := range errs {
				text, err := os.ReadFile(e.File)
				if err != nil {
					t.Fatal(err)
				}
				checkPlace(t, string(text), e)
			}
		})
	}
}

func TestExtends(t *testing.T) {
	c := closureOf(t, map[string]string{
		"stage.toml": `
[params]
n = 2
[use.b]
file = "base/stage.toml"
bind = { data = "raw" }
override.train.config.epochs = 7
override.train.config.extra = "${n}"
[stage.raw]
run = "raw"
outputs = { d = "d" }
[stage.short]
extends = "b.train"
without = ["config.rate", "inputs.raw"]
config  = { epochs = 1 }
outputs = { model = { nonempty = true, path = "m" } }
[stage.shorter]
extends = "short"
shell   = ["sh"]
matrix  = { k = [1, 2] }
inputs  = { table.match = "all" , table.stage = "b.clean" }
[stage.last]
extends = "shorter"
without = ["matrix.k"]
matrix  = { z = [1], a = ["${n}"] }
[stage.clean]
extends = "b.clean"
src     = ["own.py"]
match   = { best = 2, by = "table.n" }
[stage.cleaner]
extends = "clean"
match   = { latest = 2 }
`, "base/stage.toml": base, "base/clean.py": "clean", "own.py": "own"}, "b.train", "short", "shorter", "last", "clean", "cleaner")
	train := c.Stage("b.train").Derivation
	if train.Config["epochs"] != int64(7) || train.Config["extra"] != int64(2) || train.Config["rate"] != 0.5 {
		t.Errorf("b.train: %+v", train.Config)
	}
	short := c.Stage("short").Derivation
	if len(short.Config) != 2 || short.Config["epochs"] != int64(1) || len(short.Inputs) != 1 || short.Shell[0] != "bash" || !short.Outputs["model"].Nonempty || short.Name != "short" {
		t.Errorf("short: %+v", short)
	}
	shorter := c.Stage("shorter[k=2]").Derivation
	if shorter.Shell[0] != "sh" || shorter.Config["k"] != int64(2) || !shorter.Inputs["table"].List {
		t.Errorf("shorter: %+v", shorter)
	}
	last := c.Stage("last[z=1,a=2]")
	if last == nil || last.Derivation.Config["k"] != nil {
		t.Errorf("last: %v", names(c.Stages()))
	}
	if c.Stage("clean").Derivation.Source == c.Stage("b.clean").Derivation.Source {
		t.Error("src is that of the module")
	}
	if !slices.Equal(c.Stage("cleaner").Match.Lenses(), []string(nil)) {
		t.Errorf("the matchers were mixed: %v", c.Stage("cleaner").Match)
	}
}

// TestOverride changes a stage two modules deep: what depends on it follows.
func TestOverride(t *testing.T) {
	files := map[string]string{
		"stage.toml": "[use.a]\nfile = 'a.toml'\n[stage.end]\nrun = 'end'\ninputs = { x = 'a.plot' }\n",
		"a.toml":     "[use.b]\nfile = 'b.toml'\noverride.anneal.config.n = 2\n[stage.plot]\nrun = 'plot'\ninputs = { x = 'b.anneal' }",
		"b.toml":     "[stage.anneal]\nrun = 'anneal'\nconfig = { n = 1, m = 1 }\n",
	}
	before := closureOf(t, files)
	files["stage.toml"] += "[use.a.override.\"b.anneal\"]\nconfig = { m = 3, n = 4 }\ninputs = { more = 'more' }\n[stage.more]\nrun = 'more'"
	after := closureOf(t, files)
	if v := before.Stage("a.b.anneal").Derivation.Config["n"]; v != int64(2) {
		t.Errorf("before: n = %v", v)
	}
	d := after.Stage("a.b.anneal").Derivation
	if d.Config["n"] != int64(4) || d.Config["m"] != int64(3) || after.Stage("a.b.anneal").Inputs[0].From[0] != after.Stage("more") {
		t.Errorf("after: %+v", d)
	}
	for _, name := range []string{"a.b.anneal", "a.plot", "end"} {
		if before.Stage(name).Ref == after.Stage(name).Ref {
			t.Errorf("%s didn't follow", name)
		}
	}
}

// TestArguments has params of modules that refer to each other, and to what a
// module is given.
func TestArguments(t *testing.T) {
	files := map[string]string{
		"stage.toml": `
[params]
n = 2
s = "a b"
[use.one]
file   = "m.toml"
params = { n = "${stage.two.x.config.n}", name = "<${s}>" }
bind   = { data = "train[s1=${s},n1=${n}]" }
[use.two]
file   = "m.toml"
params = { n = "${n}" }
bind   = { data = "train[s1=x,n1=1]" }
[stage.train]
matrix = { s1 = ["a b", "x"], n1 = [1, 2] }
config = { epochs = 7 }
run    = "train"
`, "m.toml": "[params]\nn = 1\nname = 'none'\n[require]\ndata = 'd'\n[stage.x]\nrun = 'x'\ninputs = { d = 'data' }\n" +
			"config = { n = '${n}', name = '${name}', epochs = '${stage.data.config.epochs}' }\n",
	}
	c := closureOf(t, files)
	one := c.Stage("one.x")
	if d := one.Derivation; d.Config["n"] != int64(2) || d.Config["name"] != "<a b>" || d.Config["epochs"] != int64(7) {
		t.Errorf("got %+v", d.Config)
	}
	if got, want := names(one.Inputs[0].From), `train[s1="a b",n1=2]`; got != want || one.Derivation.Inputs["d"].List {
		t.Errorf("got %s, want %s", got, want)
	}
	files["stage.toml"] = strings.Replace(files["stage.toml"], `params = { n = "${n}" }`, `params = { n = "${stage.one.x.config.n}" }`, 1)
	_, err := loadFiles(t, files)
	if err == nil || !strings.Contains(err.Error(), "the value depends on itself") {
		t.Errorf("got %v, want an error", err)
	}
}

// TestMixedSources has a stage whose files come from two directories.
func TestMixedSources(t *testing.T) {
	f, err := loadFiles(t, map[string]string{
		"stage.toml":  "[use.m]\nfile = 'm/m.toml'\n[stage.y]\nextends = 'm.x'\nsrc = { b = 'b.py' }\n[stage.z]\nextends = 'm.x'\nsrc = ['b.py']",
		"m/m.toml":    "[stage.x]\nrun = 'x'\nsrc = { a = 'a.py', b = 'a.py' }",
		"m/a.py":      "a",
		"b.py":        "b",
		"m/unused.py": "u",
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"y": "a=m/a.py b=b.py", "z": "b.py=b.py"} {
		var got []string
		for _, file := range f.units[0].families[name].stages[0].src.files {
			from, err := filepath.Rel(filepath.Dir(f.abs), file.From)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, file.Path+"="+from)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, want %s", name, got, want)
		}
	}
}
