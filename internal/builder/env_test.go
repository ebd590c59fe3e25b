package builder

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// date is what a date of a stage file looks like from here.
type date string

func (d date) String() string { return string(d) }

// everyKind returns an action that has one of each thing that makes variables.
func everyKind(t *testing.T) Action {
	t.Helper()
	tree := makeTree(t, map[string]string{"a.json": "{}", "sub/b.csv": "1,2\n"})
	item := Item{Dir: tree, Outputs: map[string]string{"a": "a.json", "b": "sub/b.csv", "gone": ""}}
	narrow := Item{Dir: tree, Paths: []string{"sub/b.csv"}, Outputs: map[string]string{"b": "sub/b.csv"}}
	absent := Item{Dir: tree, Paths: []string{}, Outputs: map[string]string{"gone": ""}}
	a := newAction(t, "")
	a.Argv = []string{"env"}
	a.Inputs = map[string]Input{
		"one":  {Items: []Item{item}},
		"file": {File: "sub/b.csv", Items: []Item{narrow}},
		"lack": {File: "gone.txt", Items: []Item{absent}},
		"many": {List: true, File: "sub/b.csv", Items: []Item{narrow, narrow}},
		"none": {List: true},
	}
	a.Outputs = map[string]string{"plot": "p/plot.svg", "log": "log"}
	a.Config = map[string]any{
		"text": "a \"b\"\n$c <é>", "yes": true, "no": false,
		"int": int64(-12), "float": 0.99, "whole": 1.0, "big": 1e6,
		"day": date("1979-05-27"), "list": []any{int64(1), 2.0}, "table": map[string]any{"k": "v"},
	}
	a.Env = map[string]string{"OMP_NUM_THREADS": "1", "LANG": "de_DE.UTF-8"}
	a.Args = map[string]string{"k": "v"}
	a.Run = 3
	a.Bin = "/opt/plx"
	return a
}

func TestEnvironment(t *testing.T) {
	t.Setenv("PLX_LEAK", "x") // not to be seen
	a := everyKind(t)
	got := strings.ReplaceAll(mustRun(t, a), a.Dir, "/build")
	want := `HOME=/build/tmp
LANG=de_DE.UTF-8
OMP_NUM_THREADS=1
PATH=` + DefaultPath + `:/opt/plx
PLX_ARG_k=v
PLX_BUILD=/build/build.json
PLX_CARRY=/build/carry
PLX_RUN=3
SOURCE_DATE_EPOCH=315532800
TMPDIR=/build/tmp
TZ=UTC
big=1000000
day=1979-05-27
file=/build/in/file/sub/b.csv
float=0.99
int=-12
lack=
log=/build/out/log
many=/build/in/many
no=false
none=/build/in/none
one=/build/in/one
one_a=/build/in/one/a.json
one_b=/build/in/one/sub/b.csv
one_gone=
out=/build/out
plot=/build/out/p/plot.svg
text=a "b"
$c <é>
whole=1
yes=true
`
	if got != want {
		t.Errorf("environment is\n%swant\n%s", got, want)
	}
}

func TestDescription(t *testing.T) {
	a := everyKind(t)
	mustRun(t, a)
	got := strings.ReplaceAll(readFile(t, a.Dir+"/build.json"), a.Dir, "/build")
	want := `{"config":{"big":1000000.0,"day":"1979-05-27","float":0.99,"int":-12,"list":[1,2.0],"no":false,` +
		`"table":{"k":"v"},"text":"a \"b\"\n$c <é>","whole":1.0,"yes":true},"inputs":{` +
		`"file":{"file":"sub/b.csv","items":[{"outputs":{"b":"sub/b.csv"},"path":"/build/in/file"}],"list":false},` +
		`"lack":{"file":"gone.txt","items":[{"outputs":{"gone":""},"path":"/build/in/lack"}],"list":false},` +
		`"many":{"file":"sub/b.csv","items":[{"outputs":{"b":"sub/b.csv"},"path":"/build/in/many/1"},` +
		`{"outputs":{"b":"sub/b.csv"},"path":"/build/in/many/2"}],"list":true},` +
		`"none":{"items":[],"list":true},` +
		`"one":{"items":[{"outputs":{"a":"a.json","b":"sub/b.csv","gone":""},"path":"/build/in/one"}],"list":false}},` +
		`"out":"/build/out","outputs":{"log":"log","plot":"p/plot.svg"},"run":3}` + "\n"
	if got != want {
		t.Errorf("build.json is\n%swant\n%s", got, want)
	}
}

func TestDescriptionOfNothing(t *testing.T) {
	text, err := build{Action: Action{Run: 1}, seen: "/build"}.describe()
	if want := `{"config":{},"inputs":{},"out":"/build/out","outputs":{},"run":1}` + "\n"; err != nil || string(text) != want {
		t.Errorf("got %s, %v, want %s", text, err, want)
	}
}

func TestRunRefuses(t *testing.T) {
	tree := makeTree(t, map[string]string{"f": ""})
	item := Item{Dir: tree}
	for _, test := range []struct {
		change func(*Action)
		want   string
	}{
		{func(a *Action) { a.Outputs = map[string]string{"x": "../x"} }, `output x: path "../x" leads outside`},
		{func(a *Action) { a.Outputs = map[string]string{"x": "/x"} }, `output x: path "/x" leads outside`},
		{func(a *Action) { a.Outputs = map[string]string{"x": ""} }, `output x: path "" leads outside`},
		{func(a *Action) { a.Inputs = map[string]Input{"../x": {Items: []Item{item}}} }, "input ../x: it is no name of a variable"},
		{func(a *Action) { a.Inputs = map[string]Input{"x": {}} }, "input x: want 1 item, have 0"},
		{func(a *Action) { a.Inputs = map[string]Input{"x": {File: "../f", Items: []Item{item}}} }, "leads outside"},
		{func(a *Action) {
			a.Inputs = map[string]Input{"x": {Items: []Item{{Dir: tree, Paths: []string{"a/../.."}}}}}
		}, "leads outside"},
		{func(a *Action) { a.Inputs = map[string]Input{"x": {Items: []Item{{Dir: tree, Paths: []string{""}}}}} }, "leads outside"},
		{func(a *Action) { a.Inputs = map[string]Input{"x": {Items: []Item{{Dir: tree + "/f"}}}} }, "not a directory"},
		{func(a *Action) { a.Inputs = map[string]Input{"x": {Items: []Item{{Dir: tree, Paths: []string{"g"}}}}} }, "no such file"},
		{func(a *Action) { a.Source = tree + "/none" }, "source: open"},
		{func(a *Action) { a.Env = map[string]string{"x": "1"}; a.Config = map[string]any{"x": "2"} }, "config x: the variable x is set already, by env x"},
		{func(a *Action) { a.Config = map[string]any{"out": "2"} }, "config out: the variable out is set already, by plx"},
		{func(a *Action) { a.Config = map[string]any{"x": "a\x00b"} }, "config x: its value has a NUL byte"},
		{func(a *Action) { a.Config = map[string]any{"x": math.NaN()} }, "config x: NaN has no place in JSON"},
		{func(a *Action) { a.Config = map[string]any{"x": []any{int32(1)}} }, "config x: [0]: a value of type int32"},
		{func(a *Action) { a.Env = map[string]string{"a=b": ""} }, `env a=b: "a=b" can be no name of a variable`},
		{func(a *Action) { a.Args = map[string]string{"a=b": ""} }, `argument a=b: `},
	} {
		a := newAction(t, `:`)
		test.change(&a)
		_, err := Run(t.Context(), a)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}

func TestReserved(t *testing.T) {
	if !slices.IsSorted(reservedNames) {
		t.Error("reservedNames are not in order")
	}
	e, err := build{Action: Action{Args: map[string]string{"x": ""}}, seen: "/build"}.environment()
	if err != nil {
		t.Fatal(err)
	}
	for name := range e.values {
		if !Reserved(name) {
			t.Errorf("%s is not reserved", name)
		}
	}
	for _, name := range []string{"IFS", "_", "PLX_ANYTHING", "LC_ALL", "LD_PRELOAD", "BASH_ENV", "PWD", "SECONDS"} {
		if !Reserved(name) {
			t.Errorf("%s is not reserved", name)
		}
	}
	for _, name := range []string{"x", "start_values", "lr", "path", "OUT", "Out", "PLX", "USER", "output", "ifs"} {
		if Reserved(name) {
			t.Errorf("%s is reserved", name)
		}
	}
}

// TestDocumented holds docs/build-environment.md to the variables there are.
func TestDocumented(t *testing.T) {
	page := readFile(t, "../../docs/build-environment.md")
	e, err := build{Action: Action{Args: map[string]string{"k": ""}}, seen: "/build"}.environment()
	if err != nil {
		t.Fatal(err)
	}
	for name := range e.values {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("%s is not documented", name)
		}
	}
	for _, value := range []string{DefaultPath, fmt.Sprint(epoch)} {
		if !strings.Contains(page, "`"+value+"`") {
			t.Errorf("%s is not documented", value)
		}
	}
}

// A name that isn't reserved reaches a script as it is, and none that is left
// out of the list changes what the shell does.
func TestReservedCoversShells(t *testing.T) {
	for _, shell := range []string{"sh", "dash", "bash", "ksh"} {
		a := newAction(t, "")
		a.Argv = []string{shell, "-c", "set"}
		if _, err := (build{Action: a}).find(shell, DefaultPath); err != nil {
			t.Logf("without %s: %v", shell, err)
			continue
		}
		for line := range strings.Lines(mustRun(t, a)) {
			name, _, ok := strings.Cut(line, "=")
			if ok && isVariable(name) && !Reserved(name) {
				t.Errorf("%s sets %s, which is not reserved", shell, name)
			}
		}
	}
}

func TestFormatFloat(t *testing.T) {
	for _, test := range []struct {
		f    float64
		text string
		json string
	}{
		{0, "0", "0.0"},
		{math.Copysign(0, -1), "-0", "-0.0"},
		{1, "1", "1.0"},
		{-2.5, "-2.5", "-2.5"},
		{0.1, "0.1", "0.1"},
		{1e6, "1000000", "1000000.0"},
		{1e20, "100000000000000000000", "100000000000000000000.0"},
		{1e21, "1e+21", "1e+21"},
		{1e-6, "0.000001", "0.000001"},
		{1.5e-7, "1.5e-7", "1.5e-7"},
	} {
		if got := formatFloat(test.f); got != test.text {
			t.Errorf("formatFloat(%v) = %s, want %s", test.f, got, test.text)
		}
		if got, err := describeFloat(test.f); err != nil || got != json.Number(test.json) {
			t.Errorf("describeFloat(%v) = %v, %v, want %s", test.f, got, err, test.json)
		}
	}
}

func FuzzFormatFloat(f *testing.F) {
	for _, v := range []float64{0, 1, 0.1, 1e300, -5e-324, 123456789} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v float64) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Skip()
		}
		if back, err := strconv.ParseFloat(formatFloat(v), 64); err != nil || back != v {
			t.Errorf("%v is written as %s, which is %v, %v", v, formatFloat(v), back, err)
		}
		n, err := describeFloat(v)
		text := n.(json.Number).String()
		if back, err2 := strconv.ParseFloat(text, 64); err != nil || err2 != nil || back != v || !strings.ContainsAny(text, ".e") {
			t.Errorf("%v is described as %s", v, text)
		}
	})
}
