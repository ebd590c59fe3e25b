package query

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"plx/internal/store"
)

func TestCompare(t *testing.T) {
	ordered := []any{int64(math.MinInt64), -1.5, 0, int64(1), 1.5, time.Duration(2), float64(1 << 53), int64(1<<53 + 1), math.Inf(1), "", "10", "9", "a", "ä", nil}
	for i, a := range ordered {
		for j, b := range ordered {
			if got, want := Compare(a, b), compareInts(i, j); got != want {
				t.Errorf("Compare(%v, %v) = %d, want %d", a, b, got, want)
			}
		}
	}
	for _, same := range [][2]any{{1, 1.0}, {int64(3), time.Duration(3)}, {nil, nil}, {"x", "x"}, {true, true}} {
		if Compare(same[0], same[1]) != 0 {
			t.Errorf("%v and %v differ", same[0], same[1])
		}
	}
}

func compareInts(i, j int) int {
	switch {
	case i < j:
		return -1
	case i > j:
		return 1
	}
	return 0
}

// Sorting by Compare needs an order: NaN, lists and truth values have their
// place in it, too.
func TestCompareIsAnOrder(t *testing.T) {
	values := []any{nil, math.NaN(), math.Inf(-1), 0.0, int64(7), "NaN", "x", true, false, []any{int64(1)}, []any{"a"}, time.Second}
	for _, a := range values {
		for _, b := range values {
			if Compare(a, b) != -Compare(b, a) {
				t.Errorf("%v and %v: one way %d, the other %d", a, b, Compare(a, b), Compare(b, a))
			}
			for _, c := range values {
				if Compare(a, b) <= 0 && Compare(b, c) <= 0 && Compare(a, c) > 0 {
					t.Errorf("%v ≤ %v ≤ %v, but not the first ≤ the last", a, b, c)
				}
			}
		}
	}
}

func TestNames(t *testing.T) {
	runs := []Run{
		{Config: map[string]any{"lr": 0.1, "seed": int64(1), "one": "x"}, Metrics: map[string]any{"m.acc": 1.0}},
		{Config: map[string]any{"lr": 0.2, "seed": 1.0}, Metrics: map[string]any{"m.loss": 2.0}},
	}
	for _, test := range []struct {
		runs            []Run
		config, metrics []string
	}{
		{nil, nil, nil},
		{runs[:1], []string{"lr", "one", "seed"}, []string{"m.acc"}}, // nothing differs: all
		{runs, []string{"lr", "one"}, []string{"m.acc", "m.loss"}},   // 1 is 1.0; who lacks a key differs
	} {
		if got := ConfigNames(test.runs); !slices.Equal(got, test.config) {
			t.Errorf("config of %d runs: %q, want %q", len(test.runs), got, test.config)
		}
		if got := MetricNames(test.runs); !slices.Equal(got, test.metrics) {
			t.Errorf("metrics of %d runs: %q, want %q", len(test.runs), got, test.metrics)
		}
	}
}

func TestConfig(t *testing.T) {
	d := store.Derivation{Config: map[string]any{"a": map[string]any{"b": map[string]any{"c": int64(1)}, "d": []any{"x"}}, "e": "f", "empty": map[string]any{}}}
	want := map[string]any{"a.b.c": int64(1), "a.d": []any{"x"}, "e": "f"}
	if got := Config(d); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestIsValue(t *testing.T) {
	for _, test := range []struct {
		have any
		text string
		want bool
	}{
		{0.1, "0.1", true}, {0.1, "0.10", true}, {0.1, "1e-1", true}, {int64(1), "1.0", true}, {int64(1), "2", false},
		{"0.1", "0.1", true}, {"0.1", "0.10", false}, {"yes", "yes", true}, {true, "true", true}, {true, "1", false},
		{[]any{int64(1)}, "1", false}, {int64(1<<53 + 1), "9007199254740993", true},
		{int64(1 << 53), "9007199254740993", false},
	} {
		if got := isValue(test.have, test.text); got != test.want {
			t.Errorf("%v is %q: %v, want %v", test.have, test.text, got, test.want)
		}
	}
}

func TestMetricChange(t *testing.T) {
	delta := func(x float64) *float64 { return &x }
	for _, test := range []struct {
		old, new       any
		delta, percent *float64
	}{
		{1.0, 1.5, delta(0.5), delta(50)},
		{-2.0, int64(-1), delta(1), delta(50)},
		{0.0, 3.0, delta(3), nil},
		{nil, 3.0, nil, nil},
		{3.0, "x", nil, nil},
		{true, false, nil, nil},
		{1.0, math.NaN(), nil, nil},
		{-math.MaxFloat64, math.MaxFloat64, nil, nil},
	} {
		want := MetricChange{"m", test.old, test.new, test.delta, test.percent}
		got := newMetricChange("m", test.old, test.new)
		if !reflect.DeepEqual(got.Delta, want.Delta) || !reflect.DeepEqual(got.Percent, want.Percent) {
			t.Errorf("%v to %v: got %v, want %v", test.old, test.new, got, want)
		}
	}
}

func TestSearchNames(t *testing.T) {
	ref := func(name string) store.DRef {
		ref, err := store.ParseDRef("dref:00000000000000000000000000000000-" + name)
		if err != nil {
			t.Fatal(err)
		}
		return ref
	}
	for _, test := range []struct {
		q    Search
		name string
		want bool
	}{
		{Search{}, "any", true},
		{Search{Names: []string{"tr*", "fit"}}, "train", true},
		{Search{Names: []string{"tr*", "fit"}}, "fit2", false},
		{Search{Names: []string{"fi?"}}, "fit", true},
		{Search{DRefs: map[store.DRef]bool{ref("fit"): true}}, "fit", true},
		{Search{DRefs: map[store.DRef]bool{ref("fit"): true}}, "train", false},
		{Search{DRefs: map[store.DRef]bool{ref("fit"): true}, Names: []string{"t*"}}, "train", true},
		{Search{RRefs: map[store.RRef]bool{store.RealizationRef(ref("fit"), nil, store.Hash{}): true}}, "fit", false},
	} {
		if got := test.q.named(ref(test.name)); got != test.want {
			t.Errorf("%+v takes %s: %v, want %v", test.q, test.name, got, test.want)
		}
	}
}

func TestSearchAges(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		q    Search
		made time.Time
		want bool
	}{
		{Search{Newer: now}, now, true},
		{Search{Newer: now}, now.Add(-1), false},
		{Search{Older: now}, now, false},
		{Search{Older: now}, now.Add(-1), true},
		{Search{Newer: now.Add(-2), Older: now}, now.Add(-1), true},
		{Search{Kind: OnlyKept}, now, false},
		{Search{Kind: NotKept}, now, true},
	} {
		if got := test.q.fits(store.Made{When: test.made}); got != test.want {
			t.Errorf("%+v: %v, want %v", test.q, got, test.want)
		}
	}
}

// graphOf returns a random graph without cycles: each node depends on later ones.
func graphOf(r *rand.Rand, nodes int) [][]int {
	deps := make([][]int, nodes)
	for i := range deps {
		for j := i + 1; j < nodes; j++ {
			if r.IntN(3) == 0 {
				deps[i] = append(deps[i], j)
			}
		}
	}
	return deps
}

func guideOf(deps [][]int) guide[int] {
	return func(n int) (steps []Step[int], err error) {
		for _, dep := range deps[n] {
			steps = append(steps, Step[int]{Input: "in", To: dep})
		}
		return steps, nil
	}
}

// All ways are those that a walk in every direction finds; the shortest is one of
// them, and none is shorter.
func TestWays(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		deps := graphOf(r, 2+r.IntN(8))
		end := 1 + r.IntN(len(deps)-1)
		var walk func(n, length int) (count uint64, least int)
		walk = func(n, length int) (count uint64, least int) {
			if n == end {
				return 1, length
			}
			for _, dep := range deps[n] {
				c, l := walk(dep, length+1)
				if count += c; c > 0 && (least == 0 || l < least) {
					least = l
				}
			}
			return count, least
		}
		count, least := walk(0, 0)
		w, err := waysTo(0, map[int]bool{end: true}, guideOf(deps))
		if err != nil {
			t.Fatal(err)
		}
		var all uint64
		for way := range w.All() {
			if all++; way[len(way)-1].To != end {
				t.Fatalf("%v: a way to %d ends at %d", deps, end, way[len(way)-1].To)
			}
		}
		if w.Count != count || all != count || len(w.Shortest) != least {
			t.Fatalf("%v: %d ways to %d, %d told, the shortest %d; want %d, the shortest %d", deps, w.Count, end, all, len(w.Shortest), count, least)
		}
	}
}

// More ways than can be counted are many.
func TestManyWays(t *testing.T) {
	const nodes = 200
	deps := make([][]int, nodes)
	for i := range deps[:nodes-2] {
		deps[i] = []int{i + 1, i + 2}
	}
	deps[nodes-2] = []int{nodes - 1}
	w, err := waysTo(0, map[int]bool{nodes - 1: true}, guideOf(deps))
	if err != nil || w.Count != ManyWays || len(w.Shortest) != nodes/2 {
		t.Errorf("%d ways, the shortest of %d steps, %v; want %d, %d", w.Count, len(w.Shortest), err, uint64(ManyWays), nodes/2)
	}
}

// In a tree each node's own inputs stand once, none is deeper than it may be, and
// what is folded is counted.
func TestBranches(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		deps := graphOf(r, 1+r.IntN(9))
		depth, most := r.IntN(5)-1, 1+r.IntN(4)
		top, err := branches(0, depth, most, guideOf(deps))
		if err != nil {
			t.Fatal(err)
		}
		expanded := make(map[int]int)
		var look func(b Branch[int], level int)
		look = func(b Branch[int], level int) {
			if depth >= 0 && level > depth {
				t.Fatalf("%v: node %d is at depth %d of %d", deps, b.Node, level, depth)
			}
			if len(b.Below) == 0 {
				return
			}
			expanded[b.Node]++
			folded := 0
			for _, below := range b.Below {
				folded += below.Folded
				look(below, level+1)
			}
			if len(b.Below)+folded != len(deps[b.Node]) || len(b.Below) > most {
				t.Fatalf("%v: below %d are %d and %d folded", deps, b.Node, len(b.Below), folded)
			}
		}
		look(top, 0)
		for n, times := range expanded {
			if times > 1 {
				t.Fatalf("%v: what is below %d stands there %d times", deps, n, times)
			}
		}
	}
}
