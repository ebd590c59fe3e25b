package plan

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"plx/internal/store"
)

// sweep is a matrix of six points, and what can be made of it.
const sweep = `
[params]
rates = [0.1, 0.01]

[stage.data]
outputs = { train = "train.csv" }
run = "data"

[stage.train]
matrix  = { rate = "${rates}", depth = [2, 3, 4] }
inputs  = { data = "data:train" }
config  = { epochs = 5 }
outputs = { m = "m.json", model = "d${depth}/model" }
run     = 'train "$rate" "$depth"'

[stage.score]
matrix = { depth = [2, 3, 4], rate = "${rates}" }
inputs = { model = "train[rate=${rate},depth=${depth}]" }
run    = 'score "$model"'

[stage.best]
matrix = { depth = [2, 3, 4] }
inputs = { models = { stage = "train[depth=${depth}]", match = { best = 1, by = "m.acc" } } }
run    = "best"

[stage.report]
inputs = { all = "train[*]:m", slow = { stage = "train[rate=0.010]", outputs = ["m"] }, scores = "score[*]" }
run    = "report"

[stage.some]
group = ["data", "train[depth=3]", "score"]
`

func TestSweep(t *testing.T) {
	c := closure(t, sweep, "report", "best")
	const trained = "train[rate=0.1,depth=2] train[rate=0.1,depth=3] train[rate=0.1,depth=4] train[rate=0.01,depth=2] train[rate=0.01,depth=3] train[rate=0.01,depth=4]"
	report := c.Stage("report")
	for name, want := range map[string]string{
		"all":    trained,
		"slow":   "train[rate=0.01,depth=2] train[rate=0.01,depth=3] train[rate=0.01,depth=4]",
		"scores": "score[depth=2,rate=0.1] score[depth=2,rate=0.01] score[depth=3,rate=0.1] score[depth=3,rate=0.01] score[depth=4,rate=0.1] score[depth=4,rate=0.01]",
	} {
		i := slices.IndexFunc(report.Inputs, func(e Edge) bool { return e.Name == name })
		if got := names(report.Inputs[i].From); got != want {
			t.Errorf("input %s: got %s, want %s", name, got, want)
		}
		if !report.Derivation.Inputs[name].List {
			t.Errorf("input %s is no list", name)
		}
	}
	s := c.Stage("train[rate=0.01,depth=3]")
	want := map[string]any{"rate": 0.01, "depth": int64(3), "epochs": int64(5)}
	if s.Derivation.Name != "train" || !reflect.DeepEqual(s.Derivation.Config, want) || s.Derivation.Outputs["model"].Path != "d3/model" {
		t.Errorf("got %+v", s.Derivation)
	}
	score := c.Stage("score[depth=3,rate=0.01]")
	if in := score.Derivation.Inputs["model"]; in.List || len(in.From) != 1 || in.From[0] != s.Ref {
		t.Errorf("the counterpart of %s is %+v, want %v", score.Name, in, s.Ref)
	}
	best := c.Stage("best[depth=4]").Inputs[0]
	if got, want := names(best.From), "train[rate=0.1,depth=4] train[rate=0.01,depth=4]"; got != want || best.Match == nil {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSweepTargets(t *testing.T) {
	f, err := load(t, sweep)
	if err != nil {
		t.Fatal(err)
	}
	all, err := f.Instantiate(t.Context(), &memory{}, []string{"report", "best", "some"})
	if err != nil {
		t.Fatal(err)
	}
	const slow = "train[rate=0.01,depth=2] train[rate=0.01,depth=3] train[rate=0.01,depth=4]"
	for name, want := range map[string]string{
		"data":                      "data",
		"train[rate=0.01]":          slow,
		"train[ rate = 1e-2 ]":      slow,
		`train[rate="0.01"]`:        slow,
		"train[depth=2,rate=0.10]":  "train[rate=0.1,depth=2]",
		"best":                      "best[depth=2] best[depth=3] best[depth=4]",
		"best[*]":                   "best[depth=2] best[depth=3] best[depth=4]",
		"some":                      "data train[rate=0.1,depth=3] train[rate=0.01,depth=3] score[depth=2,rate=0.1] score[depth=2,rate=0.01] score[depth=3,rate=0.1] score[depth=3,rate=0.01] score[depth=4,rate=0.1] score[depth=4,rate=0.01]",
		"tran":                      `unknown stage "tran"; did you mean "train"?`,
		"train[rat=0.1]":            `train has no axis "rat"; did you mean "rate"?; the axes are rate, depth`,
		"train[rate=0.2]":           `the axis rate of train has no value 0.2; it has 0.1, 0.01`,
		"train[rate=]":              `"train[rate=]": axis rate: want a value at "]"; one that has more than letters, digits and _.+- is quoted`,
		"train[rate=0.1,rate=0.01]": `"train[rate=0.1,rate=0.01]": the axis rate stands twice`,
		"data[*]":                   `data is no sweep: the name of the stage is all there is`,
		"some[*]":                   `some is a group, and no sweep`,
		"data:train":                `unknown stage "data:train"; the stages are best, data, report, score, some, train`,
		"train[rate=0.1,depth=9]":   `the axis depth of train has no value 9; it has 2, 3, 4`,
	} {
		c, err := f.Instantiate(t.Context(), &memory{}, []string{name})
		if err != nil {
			var missing *NotFoundError
			if !errors.As(err, &missing) || !strings.HasSuffix(err.Error(), "stage.toml: "+want) {
				t.Errorf("%s: got %v, want %s", name, err, want)
			}
			if _, err := all.Select(name); !errors.As(err, &missing) {
				t.Errorf("Select(%s): got %v, want a NotFoundError", name, err)
			}
			continue
		}
		if got := names(c.Targets()); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
		if stages, err := all.Select(name); err != nil || names(stages) != want {
			t.Errorf("Select(%s): got %s, %v, want %s", name, names(stages), err, want)
		}
	}
	if _, err := all.Find("best"); err == nil || !strings.HasSuffix(err.Error(), "best stands for 3 stages: name one of them, as in best[depth=2]") {
		t.Errorf("Find: got %v", err)
	}
	if s, err := all.Find("best[depth=2]"); err != nil || s.Name != "best[depth=2]" {
		t.Errorf("Find: got %v, %v", s, err)
	}
}

func TestSweepPoints(t *testing.T) {
	for _, tt := range []struct{ keys, want string }{
		{`matrix = { a = [1, 2], b = [true, false] }`, "a=1,b=true a=1,b=false a=2,b=true a=2,b=false"},
		{`matrix = { b = [1, 2], a = [3] }`, "b=1,a=3 b=2,a=3"},
		{"matrix.b = [1]\nmatrix.a = [2, 3]", "b=1,a=2 b=1,a=3"},
		{`matrix = { s = ["a b", "x", "", "é]"] }`, `s="a b" s=x s="" s="é]"`},
		{`matrix = { d = [2024-01-01, 1e21, -0.5] }`, "d=2024-01-01 d=1e+21 d=-0.5"},
		{"matrix = { a = [1, 2], b = [1, 2] }\nexclude = [{ a = 1 }]", "a=2,b=1 a=2,b=2"},
		{"matrix = { a = [1, 2], b = [1, 2] }\nexclude = [{ b = 2, a = 1 }, { a = 2 }]", "a=1,b=1"},
		{"matrix = { a = [1], b = [1] }\ninclude = [{ b = 7, a = 6 }, { a = 0, b = 1 }]", "a=1,b=1 a=6,b=7 a=0,b=1"},
		{"matrix = { a = [1] }\n[[stage.x.include]]\na = 2\n[[stage.x.exclude]]\na = 1", "a=2"},
	} {
		c := closure(t, "[stage.x]\nrun = 'x'\n"+tt.keys+"\n[stage.y]\nrun = 'y'\ninputs.x = 'x[*]'", "x")
		got := strings.NewReplacer("x[", "", "]", "").Replace(names(c.Targets()))
		if got != strings.ReplaceAll(tt.want, "]", "") {
			t.Errorf("%s: got %s, want %s", tt.keys, got, tt.want)
		}
	}
}

// TestAxisOrder checks that the order of the axes is that of lists, and no
// part of a reference.
func TestAxisOrder(t *testing.T) {
	const text = "[stage.x]\nrun = 'x'\nmatrix = { %s }\n[stage.y]\nrun = 'y'\ninputs = { x = 'x[*]' }"
	one := closure(t, fmt.Sprintf(text, "a = [1, 2], b = [1, 2]")).Stage("y")
	two := closure(t, fmt.Sprintf(text, "b = [1, 2], a = [1, 2]")).Stage("y")
	if one.Ref != two.Ref {
		t.Errorf("got %v and %v, want the same", one.Ref, two.Ref)
	}
	if names(two.Inputs[0].From) != "x[b=1,a=1] x[b=1,a=2] x[b=2,a=1] x[b=2,a=2]" || one.Inputs[0].From[1].Ref != two.Inputs[0].From[2].Ref {
		t.Errorf("got %s", names(two.Inputs[0].From))
	}
}

func TestSweepRecord(t *testing.T) {
	dir := project(t, map[string]string{"stage.toml": sweep})
	f, err := loadIn(dir)
	if err != nil {
		t.Fatal(err)
	}
	var m memory
	first, err := f.Instantiate(t.Context(), &m, []string{"report", "some", "best[depth=2]"})
	if err != nil {
		t.Fatal(err)
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
	for i, e := range again.Stage("report").Inputs {
		if got, want := names(e.From), names(first.Stage("report").Inputs[i].From); got != want {
			t.Errorf("%s: got %s, want %s", e.Name, got, want)
		}
	}
	if stages, err := again.Select("some"); err != nil || len(stages) != 9 {
		t.Errorf("Select: got %s, %v", names(stages), err)
	}
}

// TestLargeSweep has the points of one sweep choose those of another.
func TestLargeSweep(t *testing.T) {
	start := time.Now()
	c := closure(t, largeSweep(100))
	if len(c.Stages()) != 20_001 || len(c.Stage("report").Inputs[0].From) != 10_000 {
		t.Errorf("got %d stages", len(c.Stages()))
	}
	t.Logf("%v", time.Since(start))
}

// largeSweep has n×n points, twice.
func largeSweep(n int) string {
	values := strings.Repeat("%d, ", n)
	var numbers []any
	for i := range n {
		numbers = append(numbers, i)
	}
	list := fmt.Sprintf("["+values+"]", numbers...)
	return `
[params]
values = ` + list + `
[stage.train]
matrix = { a = "${values}", b = "${values}" }
src = ["a.py"]
outputs = { m = "m.json" }
run = 'train "$a" "$b"'
[stage.score]
matrix = { a = "${values}", b = "${values}" }
inputs = { model = "train[a=${a},b=${b}]" }
run = 'score'
[stage.report]
inputs = { scores = "score[*]" }
run = 'report'
`
}

func BenchmarkSweep(b *testing.B) {
	dir := project(b, map[string]string{"stage.toml": largeSweep(100), "a.py": "a"})
	for b.Loop() {
		f, err := loadIn(dir)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.Instantiate(b.Context(), &memory{}, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzRef checks that the name of a set is read as it is written.
func FuzzRef(f *testing.F) {
	for _, s := range []string{"a", "a:b", "b.a[*]", "a[x=1]", `a[x=1,y="a,]\""]:o`, "a[ x = 1 , y=2 ]", "a[x=1", "a[]", "a[x=1]b", ":", "a:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := parseRef(s)
		if err != nil {
			return
		}
		again, err := parseRef(r.String())
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("%q is %+v, and %q is %+v, %v", s, r, r.String(), again, err)
		}
	})
}

func TestAlways(t *testing.T) {
	c := closure(t, "[stage.x]\nrun = 'x'\nalways = true\n[stage.y]\nrun = 'x'\nalways = false\n[stage.z]\nrun = 'x'", "x", "y", "z")
	if !c.Stage("x").Derivation.Always || c.Stage("y").Derivation.Always || c.Stage("z").Derivation.Always {
		t.Errorf("got %+v", c.Stages())
	}
	var zero store.Derivation
	if zero.Always {
		t.Error("always is the default")
	}
}
