package match

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"plx/internal/store"
)

// runs is a [Values] of several realizations.
type runs map[store.RRef]metrics

func (r runs) Value(ref store.RRef, lens string) (any, error) { return r[ref].Value(ref, lens) }

func (r runs) Score(_ context.Context, ref store.RRef, script string) (float64, error) {
	v, err := r.Value(ref, script)
	if err != nil {
		return 0, err
	}
	return v.(float64), nil
}

func at(second int) time.Time { return time.Unix(int64(second), 0) }

// byHash returns n realizations in the order of their hashes.
func byHash(t testing.TB, n int) []store.RRef {
	t.Helper()
	list := make([]store.RRef, n)
	for i := range list {
		list[i] = ref(t, fmt.Sprint(i))
	}
	slices.SortFunc(list, store.RRef.Compare)
	return list
}

func TestChoose(t *testing.T) {
	r := byHash(t, 6)
	older := []Candidate{{r[0], at(1), 0}, {r[1], at(3), 0}, {r[2], at(2), 0}}
	tied := []Candidate{{r[2], at(1), 0}, {r[1], at(1), 0}, {r[0], at(1), 0}}
	sweep := []Candidate{{r[0], at(1), 2}, {r[1], at(2), 0}, {r[2], at(3), 1}, {r[3], at(4), 0}}
	values := runs{
		r[0]: {"acc": 0.5, "n": int64(1), "score": 3.0},
		r[1]: {"acc": 0.9, "n": int64(2), "score": math.NaN()},
		r[2]: {"acc": 0.9, "n": int64(3), "score": 1.0},
		r[3]: {"acc": math.NaN(), "n": int64(4)},
		r[4]: {"acc": "0.99", "n": int64(5)},
		r[5]: {"n": int64(6)},
	}
	every := []Candidate{{r[0], at(1), 0}, {r[1], at(2), 0}, {r[2], at(3), 0}, {r[3], at(4), 0}, {r[4], at(5), 0}, {r[5], at(6), 0}}
	byScript := table{"run": "score"}
	tests := []struct {
		name       string
		match      any
		candidates []Candidate
		want       []store.RRef
		lacking    int
	}{
		{"latest takes the newest", "latest", older, []store.RRef{r[1]}, 0},
		{"latest n has the newest first", table{"latest": int64(2)}, older, []store.RRef{r[1], r[2]}, 0},
		{"latest breaks ties by hash", table{"latest": int64(2)}, tied, []store.RRef{r[0], r[1]}, 0},
		{"latest lacks", table{"latest": int64(5)}, older, nil, 2},
		{"latest of none", "latest", nil, nil, 1},
		{"some doesn't look at time", table{"some": int64(2)}, older, []store.RRef{r[0], r[1]}, 0},
		{"some goes by member", table{"some": int64(3)}, sweep, []store.RRef{r[1], r[3], r[2]}, 0},
		{"some lacks", table{"some": int64(4)}, older, nil, 1},
		{"all is in stable order", "all", older, []store.RRef{r[0], r[1], r[2]}, 0},
		{"all goes by member", "all", sweep, []store.RRef{r[1], r[3], r[2], r[0]}, 0},
		{"all of none", "all", nil, nil, 1},
		{"all with where", table{"all": true, "where": "n > 1"}, older, []store.RRef{r[1], r[2]}, 0},
		{"all with where that is false", table{"all": true, "where": "n > 9"}, older, nil, 1},
		{"only takes the one", "only", older[:1], []store.RRef{r[0]}, 0},
		{"only of none", "only", nil, nil, 1},
		{"only takes the same twice", "only", []Candidate{older[0], older[0]}, []store.RRef{r[0]}, 0},
		{"only with where", table{"only": true, "where": "n == 2"}, older, []store.RRef{r[1]}, 0},
		{"best breaks ties by time", table{"best": int64(3), "by": "acc"}, every, []store.RRef{r[2], r[1], r[0]}, 0},
		{"best breaks ties by hash", table{"best": int64(2), "by": "acc"}, tied, []store.RRef{r[1], r[2]}, 0},
		{"best min", table{"best": int64(1), "by": "acc", "order": "min"}, every, []store.RRef{r[0]}, 0},
		{"best min breaks ties by time", table{"best": int64(2), "by": "acc", "order": "min", "where": "n > 1"}, every, []store.RRef{r[2], r[1]}, 0},
		{"best counts those with a number", table{"best": int64(4), "by": "acc"}, every, nil, 1},
		{"best by integers", table{"best": int64(2), "by": "n"}, every, []store.RRef{r[5], r[4]}, 0},
		{"best over a sweep", table{"best": int64(2), "by": "n"}, sweep, []store.RRef{r[3], r[2]}, 0},
		{"best by script", table{"best": int64(2), "by": byScript}, every, []store.RRef{r[0], r[2]}, 0},
		{"exact as written", table{"exact": []any{r[2].String(), r[0].String()}}, older, []store.RRef{r[2], r[0]}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := mustParse(t, tt.match)
			got, err := m.Choose(context.Background(), tt.candidates, values)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.Chosen, tt.want) || got.Lacking != tt.lacking {
				t.Errorf("got %v, lacking %d; want %v, lacking %d", got.Chosen, got.Lacking, tt.want, tt.lacking)
			}
		})
	}
}

func TestChooseSaysWhoIsLeftOut(t *testing.T) {
	r := byHash(t, 4)
	values := runs{
		r[0]: {"acc": 0.5, "ok": true}, r[1]: {"acc": "high", "ok": true}, r[2]: {"ok": false}, r[3]: {"ok": true},
	}
	m := mustParse(t, table{"best": int64(2), "by": "acc", "where": "ok == true"})
	got, err := m.Choose(context.Background(), []Candidate{{Ref: r[3]}, {Ref: r[2]}, {Ref: r[1]}, {Ref: r[0]}}, values)
	if err != nil {
		t.Fatal(err)
	}
	want := Choice{
		Lacking: 1,
		Left: []Left{
			{r[1], `acc is the text "high", not a number`, true},
			{r[2], "not ok == true: ok is false", false},
			{r[3], "there is no acc", true},
		},
		Keys: map[store.RRef]float64{r[0]: 0.5},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestOnlyRefusesASecond(t *testing.T) {
	r := byHash(t, 2)
	_, err := mustParse(t, "only").Choose(context.Background(), []Candidate{{r[1], at(1), 0}, {r[0], at(2), 0}}, runs{})
	var differs *DiffersError
	if !errors.As(err, &differs) || !slices.Equal(differs.Refs, r) {
		t.Fatalf("got error %v, want a *DiffersError of %v", err, r)
	}
	for _, want := range []string{r[0].String(), r[1].String(), "plx rm rref:", "another matcher"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %q", err, want)
		}
	}
}

func TestExactIsAbsent(t *testing.T) {
	r := byHash(t, 3)
	m := mustParse(t, table{"exact": []any{r[2].String(), r[1].String(), r[0].String()}, "where": "n > 1"})
	values := runs{r[0]: {"n": int64(2)}, r[1]: {"n": int64(1)}}
	got, err := m.Choose(context.Background(), []Candidate{{Ref: r[0]}, {Ref: r[1]}}, values)
	var absent *AbsentError
	if !errors.As(err, &absent) || len(absent.Left) != 2 || absent.Left[0].Ref != r[2] || absent.Left[1].Ref != r[1] {
		t.Fatalf("got error %v, want an *AbsentError of %v and %v", err, r[2], r[1])
	}
	if got.Chosen != nil || got.Lacking != 0 {
		t.Errorf("got %+v, want nothing chosen and nothing to make", got)
	}
	if want := "not n > 1: n is 1"; !strings.Contains(err.Error(), want) {
		t.Errorf("%q does not say %q", err, want)
	}
}

func TestChooseEndsOnOtherErrors(t *testing.T) {
	damaged := errors.New("damaged")
	r := byHash(t, 1)
	candidates := []Candidate{{Ref: r[0]}}
	values := runs{r[0]: {"acc": damaged}}
	for _, v := range []any{
		table{"best": int64(1), "by": "acc"},
		table{"best": int64(1), "by": table{"run": "acc"}},
		table{"all": true, "where": "acc > 1"},
	} {
		if _, err := mustParse(t, v).Choose(context.Background(), candidates, values); !errors.Is(err, damaged) {
			t.Errorf("%v: got error %v, want %v", v, err, damaged)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := mustParse(t, table{"best": int64(1), "by": "acc"}).Choose(ctx, candidates, values); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want %v", err, context.Canceled)
	}
}

// The order of the candidates, and which of two equal ones comes first, change
// nothing.
func TestChoiceDoesNotDependOnOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	r := byHash(t, 12)
	values, candidates := runs{}, []Candidate(nil)
	for i, ref := range r {
		values[ref] = metrics{"acc": float64(rnd.IntN(3)), "n": int64(rnd.IntN(4))}
		candidates = append(candidates, Candidate{ref, at(rnd.IntN(3)), rnd.IntN(3)})
		if i%3 == 0 {
			candidates = append(candidates, Candidate{ref, at(rnd.IntN(3)), rnd.IntN(3)})
		}
	}
	for _, v := range []any{
		"latest", "all", "only", table{"latest": int64(5)}, table{"some": int64(5)},
		table{"best": int64(5), "by": "acc"}, table{"best": int64(5), "by": "acc", "order": "min", "where": "n > 0"},
		table{"exact": []any{r[7].String(), r[1].String()}}, table{"exact": []any{r[7].String(), r[1].String()}, "where": "n > 3"},
	} {
		m := mustParse(t, v)
		want, wantErr := m.Choose(context.Background(), candidates, values)
		for range 200 {
			shuffled := slices.Clone(candidates)
			rnd.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			got, err := m.Choose(context.Background(), shuffled, values)
			if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(err, wantErr) {
				t.Fatalf("%v: got %+v, %v; want %+v, %v", m, got, err, want, wantErr)
			}
		}
	}
}

func TestMakingAgainChangesNothingForSomeAndAll(t *testing.T) {
	r := byHash(t, 4)
	for _, v := range []any{"all", table{"some": int64(2)}} {
		m := mustParse(t, v)
		var before []store.RRef
		for newest := range r {
			candidates := []Candidate{{r[0], at(1), 0}, {r[1], at(1), 0}, {r[2], at(1), 0}, {r[3], at(1), 0}}
			candidates[newest].Made = at(9)
			got, err := m.Choose(context.Background(), candidates, nil)
			if err != nil {
				t.Fatal(err)
			}
			if before != nil && !slices.Equal(got.Chosen, before) {
				t.Errorf("%v: got %v, want %v", m, got.Chosen, before)
			}
			before = got.Chosen
		}
	}
}
