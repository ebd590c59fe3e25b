package plan

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"plx/internal/store"

	"github.com/BurntSushi/toml"
)

// sample has every key that there is, and every kind of value.
const sample = `
[params]
rate = 0.5
name = "n"

[defaults]
shell = ["bash", "-eu"]
env = { LANG = "C" }
runs = 2

[stage.start]
outputs = { values = "params.json", log = { path = "log", kind = "file", nonempty = true, optional = true, volatile = true } }
src = ["a.py"]
run = "one"
check = "test"
default = true
description = "words"

[stage.anneal]
inputs = { start = "start:values", s2 = { stage = "start", outputs = ["values"], list = true, match = { best = 3, by = "values.x", order = "min", where = "values.y > 1" } } }
config = { rate = "${rate}", i = 1, f = 1.0, b = true, s = "${name}-x", d = 2024-01-01, t = 10:00:00, l = 2024-01-01T10:00:00, o = 2024-01-01T10:00:00Z, a = [1, { b = 2 }], tab = { x = 1, y = "z" } }
outputs = { result = "result.json" }
metrics = ["result"]
src = { "x/y.py" = "a.py", "lib" = "lib/**/*.py" }
env = { A = "1", B = "2" }
passenv = ["C"]
runs = 10
max-runs = 20
timeout = "90s"
max-silent = "10m"
max-log = "10MiB"
max-output = "20GB"
retries = 2
resources = { cpus = 2, memory = "4GiB", gpu = 1 }
tools = ["python3", "/usr/bin/env"]
carry = ["ckpt", "state/last"]
match = { some = 2 }
run = ["sh", "-c", "echo"]
check = "true"
always = true

[stage.data]
import = { path = "data.csv", filename = "d.csv" }
outputs = { d = "d.csv" }

[stage.text]
files = { "a.txt" = "text", "b/c" = "more" }

[stage.plot]
inputs = { runs = "anneal", d = "data", t = { stage = "text" } }
run = "plot"
default = true
`

// unhashed are the keys of a stage that are no part of a DRef.
var unhashed = []string{"description", "default", "timeout", "runs", "max-runs", "passenv",
	"max-silent", "max-log", "max-output", "retries", "resources"}

// refs returns the references of all stages by their names.
func refs(t *testing.T, text string) (map[string]store.DRef, error) {
	t.Helper()
	f, err := load(t, text)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, s := range f.Stages() {
		all = append(all, s.Name)
	}
	c, err := f.Instantiate(t.Context(), &memory{}, all)
	if err != nil {
		return nil, err
	}
	m := make(map[string]store.DRef)
	for _, s := range c.Stages() {
		m[s.Name] = s.Ref
	}
	return m, nil
}

func mustRefs(t *testing.T, text string) map[string]store.DRef {
	t.Helper()
	m, err := refs(t, text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return m
}

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	var v map[string]any
	if _, err := toml.Decode(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// write writes a table as TOML, with keys in any order, headers, dotted keys
// and inline tables at will, and comments.
func write(r *rand.Rand, table map[string]any) string {
	var b, headers strings.Builder
	writeTable(r, &b, &headers, nil, table)
	return b.String() + headers.String()
}

func writeTable(r *rand.Rand, b, headers *strings.Builder, prefix toml.Key, table map[string]any) {
	keys := slices.Sorted(maps.Keys(table))
	r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	for _, key := range keys {
		sub, isTable := table[key].(map[string]any)
		path := append(slices.Clone(prefix), key)
		switch {
		case isTable && len(sub) > 0 && r.IntN(2) == 0:
			var own, below strings.Builder
			writeTable(r, &own, &below, path, sub)
			fmt.Fprintf(headers, "%s[ %v ] # table\n%s%s", strings.Repeat("\n", r.IntN(3)), path, own.String(), below.String())
		case isTable && len(sub) > 0 && r.IntN(2) == 0:
			for _, k := range slices.Sorted(maps.Keys(sub)) {
				fmt.Fprintf(b, "%v = %s\n", toml.Key{key, k}, inlineValue(r, sub[k]))
			}
		default:
			fmt.Fprintf(b, "%s%v%s=%s # c\n", strings.Repeat(" ", r.IntN(3)), toml.Key{key}, strings.Repeat(" ", r.IntN(3)), inlineValue(r, table[key]))
		}
	}
}

func inlineValue(r *rand.Rand, v any) string {
	switch v := v.(type) {
	case map[string]any:
		keys := slices.Sorted(maps.Keys(v))
		r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		for i, key := range keys {
			keys[i] = fmt.Sprintf("%v = %s", toml.Key{key}, inlineValue(r, v[key]))
		}
		return "{" + strings.Join(keys, ", ") + "}"
	case []any:
		var items []string
		for _, item := range v {
			items = append(items, inlineValue(r, item))
		}
		return "[ " + strings.Join(items, ", # item\n") + "]"
	case string:
		return fmt.Sprintf("%q", v)
	case time.Time:
		return store.DecodedDatetime(v).String()
	case float64:
		return fmt.Sprintf("%.3f", v)
	default:
		return fmt.Sprint(v)
	}
}

func TestLayoutChangesNoRef(t *testing.T) {
	want := mustRefs(t, sample)
	table := parse(t, sample)
	for seed := range uint64(50) {
		text := write(rand.New(rand.NewPCG(seed, 1)), table)
		if !reflect.DeepEqual(parse(t, text), table) {
			t.Fatalf("not the same values:\n%s", text)
		}
		if got := mustRefs(t, text); !maps.Equal(got, want) {
			t.Fatalf("got %v, want %v for\n%s", got, want, text)
		}
	}
}

// TestValueChangesRef changes each value of the sample in turn: either the
// stage's reference changes, or the file is in error, or the key is one of
// those that are no part of it.
func TestValueChangesRef(t *testing.T) {
	want := mustRefs(t, sample)
	n := 0
	for _, way := range ways(parse(t, sample), nil) {
		table := parse(t, sample)
		change(table, way)
		text := write(rand.New(rand.NewPCG(1, 1)), table)
		got, err := refs(t, text)
		if err != nil {
			t.Logf("%v: %v", way, err)
			continue
		}
		n++
		excepted := way[0] == "stage" && slices.Contains(unhashed, way[2].(string)) || way[0] == "defaults" && slices.Contains(unhashed, way[1].(string))
		if same := maps.Equal(got, want); same != excepted {
			t.Errorf("%v: references are the same: %v, want %v", way, same, excepted)
		}
		if way[0] == "stage" && !excepted && got[way[1].(string)] == want[way[1].(string)] {
			t.Errorf("%v: the reference of the stage is the same", way)
		}
	}
	if n < 55 {
		t.Errorf("only %d changes were seen", n)
	}
}

// ways lists the ways to all scalars below v.
func ways(v any, way []any) [][]any {
	var all [][]any
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			all = append(all, ways(v[key], append(slices.Clone(way), key))...)
		}
	case []any:
		for i, item := range v {
			all = append(all, ways(item, append(slices.Clone(way), i))...)
		}
	default:
		all = append(all, way)
	}
	return all
}

// sensible are values that a changed one may have where not every one is
// right.
var sensible = map[string]string{
	"file": "dir", "90s": "91s", "values.x": "values.z", "values.y > 1": "values.y > 2", "min": "max",
	"start:values": "start", "a.py": "b.py", "lib/**/*.py": "lib/*.py", "data.csv": "a.py", "anneal": "text", "text": "data", "data": "text",
}

// change changes the scalar at the way.
func change(v any, way []any) {
	if len(way) > 1 {
		switch v := v.(type) {
		case map[string]any:
			change(v[way[0].(string)], way[1:])
		case []any:
			change(v[way[0].(int)], way[1:])
		}
		return
	}
	switch v := v.(type) {
	case map[string]any:
		v[way[0].(string)] = other(v[way[0].(string)])
	case []any:
		v[way[0].(int)] = other(v[way[0].(int)])
	}
}

func other(v any) any {
	switch v := v.(type) {
	case string:
		if s, ok := sensible[v]; ok {
			return s
		}
		return v + "1"
	case bool:
		return !v
	case int64:
		return v + 1
	case float64:
		return v + 1
	default:
		return v.(time.Time).Add(25*time.Hour + time.Second)
	}
}

func TestTypesAreKeptApart(t *testing.T) {
	seen := make(map[store.DRef]string)
	for _, v := range []string{"1", "1.0", "'1'", "true", "'true'", "2024-01-01", "'2024-01-01'", "2024-01-01T00:00:00", "2024-01-01T00:00:00Z", "[1]", "[[1]]", "{ a = 1 }", "0.0", "-0.0"} {
		ref := mustRefs(t, "[stage.x]\nrun = 'x'\nconfig = { k = "+v+" }")["x"]
		if other, ok := seen[ref]; ok {
			t.Errorf("%s and %s have the same reference", v, other)
		}
		seen[ref] = v
	}
}

// TestSpelling has pairs of files that say the same, and so have the same
// references.
func TestSpelling(t *testing.T) {
	for _, pair := range [][2]string{
		{"run = 'x'", "run = 'x'\nmatch = 'latest'\nruns = 3\nshell = ['sh', '-eu']"},
		{"run = 'x'\nmatch = 'all'", "run = 'x'\nmatch = { all = true }"},
		{"run = 'x'\noutputs = { a = 'b' }", "run = 'x'\noutputs = { a = { path = 'b', kind = 'any', optional = false } }"},
		{"run = 'x'\noutputs = { a = 'b', c = 'd' }\nmetrics = ['a', 'c']", "run = 'x'\noutputs = { a = 'b', c = 'd' }\nmetrics = ['c', 'a']"},
		{"run = 'x'\nsrc = ['lib']", "run = 'x'\nsrc = ['lib/d/*', './lib//c.py', 'lib/**']"},
		{"run = 'x'\nsrc = ['lib']", "run = 'x'\nsrc = { 'lib' = 'lib' }"},
		{"import = 'data.csv'", "import = { path = './data.csv', filename = 'data.csv' }"},
	} {
		a, b := mustRefs(t, "[stage.x]\n"+pair[0]), mustRefs(t, "[stage.x]\n"+pair[1])
		if a["x"] != b["x"] {
			t.Errorf("%q and %q have other references", pair[0], pair[1])
		}
	}
}

func TestTransitive(t *testing.T) {
	before, after := mustRefs(t, example), mustRefs(t, strings.Replace(example, "mkparams.py >", "mkparams.py  >", 1))
	for name := range before {
		if before[name] == after[name] {
			t.Errorf("%s: the reference didn't change with what it depends on", name)
		}
	}
}

// large is a stage file of n stages, each of which depends on the one before.
func large(n int) string {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "[stage.s%d]\noutputs = { o = \"o.txt\" }\nconfig = { i = %d }\nsrc = [\"a.py\", \"lib/**/*.py\"]\n", i, i)
		if i > 0 {
			fmt.Fprintf(&b, "inputs = { x = \"s%d:o\" }\n", i-1)
		}
		b.WriteString("run = 'cat \"$x\" > \"$o\"'\n")
	}
	return b.String()
}

func TestManyStages(t *testing.T) {
	const n = 2000
	f, err := load(t, large(n))
	if err != nil {
		t.Fatal(err)
	}
	var m memory
	c, err := f.Instantiate(t.Context(), &m, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Stages()) != n || m.added != 1 {
		t.Errorf("got %d stages, whose equal files were added %d times", len(c.Stages()), m.added)
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := project(b, map[string]string{"stage.toml": large(n), "a.py": "a", "lib/c.py": "c"})
			for b.Loop() {
				f, err := loadIn(dir)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := f.Instantiate(b.Context(), &memory{}, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkErrors has an error in each of many stages.
func BenchmarkErrors(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			text := strings.ReplaceAll(large(n), ":o\"", ":p\"")
			dir := project(b, map[string]string{"stage.toml": strings.ReplaceAll(text, "config", "confg"), "a.py": "a", "lib/c.py": "c"})
			for b.Loop() {
				if _, err := loadIn(dir); err == nil {
					b.Fatal("no error")
				}
			}
		})
	}
}
