package match

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"plx/internal/store"
)

// ref returns a realization of its own for each text.
func ref(t testing.TB, text string) store.RRef {
	t.Helper()
	r, err := store.ParseRRef("rref:" + store.HashOf([]byte(text)).String() + "-" + store.HashOf(nil).String() + "-s")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

type table = map[string]any

func mustParse(t testing.TB, v any) Matcher {
	t.Helper()
	m, err := Parse(v)
	if err != nil {
		t.Fatalf("Parse(%v): %v", v, err)
	}
	return m
}

func TestParse(t *testing.T) {
	a, b := ref(t, "a").String(), ref(t, "b").String()
	tests := []struct {
		in, canonical any
		text          string
		list          bool
		lenses        []string
	}{
		{"latest", "latest", "latest", false, nil},
		{table{"latest": int64(1)}, "latest", "latest", false, nil},
		{table{"latest": int64(3)}, table{"latest": int64(3)}, "latest 3", true, nil},
		{"only", "only", "only", false, nil},
		{table{"only": true}, "only", "only", false, nil},
		{"all", "all", "all", true, nil},
		{table{"all": true}, "all", "all", true, nil},
		{table{"some": int64(1)}, table{"some": int64(1)}, "some 1", false, nil},
		{
			table{"best": int64(1), "by": "acc", "order": "max"},
			table{"best": int64(1), "by": "acc"},
			"best 1 by acc", false, []string{"acc"},
		},
		{
			table{"best": int64(3), "by": `r."a.b"[-1]`, "order": "min", "where": "r.n<10"},
			table{"best": int64(3), "by": `r."a.b"[-1]`, "order": "min", "where": "r.n < 10"},
			`best 3 by r."a.b"[-1] (min) where r.n < 10`, true, []string{`r."a.b"[-1]`, "r.n"},
		},
		{
			table{"best": int64(2), "by": table{"run": "cat $out/x"}},
			table{"best": int64(2), "by": table{"run": "cat $out/x"}},
			"best 2 by script", true, nil,
		},
		{
			table{"latest": int64(1), "where": " ( a > 1.0 )and a<b "},
			table{"latest": int64(1), "where": "a > 1.0 and a < b"},
			"latest where a > 1.0 and a < b", false, []string{"a", "b"},
		},
		{
			table{"all": true, "where": "a > 1"},
			table{"all": true, "where": "a > 1"},
			"all where a > 1", true, []string{"a"},
		},
		{
			table{"exact": []any{a}}, table{"exact": []any{a}}, "exact " + a, false, nil,
		},
		{
			table{"exact": []any{b, a}}, table{"exact": []any{b, a}}, "exact " + b + ", " + a, true, nil,
		},
	}
	for _, tt := range tests {
		m := mustParse(t, tt.in)
		if got := m.Canonical(); !reflect.DeepEqual(got, tt.canonical) {
			t.Errorf("Parse(%v).Canonical() = %#v, want %#v", tt.in, got, tt.canonical)
		}
		if got := m.String(); got != tt.text {
			t.Errorf("Parse(%v).String() = %q, want %q", tt.in, got, tt.text)
		}
		if got := m.List(); got != tt.list {
			t.Errorf("Parse(%v).List() = %v, want %v", tt.in, got, tt.list)
		}
		if got := m.Lenses(); !slices.Equal(got, tt.lenses) {
			t.Errorf("Parse(%v).Lenses() = %q, want %q", tt.in, got, tt.lenses)
		}
		if again := mustParse(t, m.Canonical()); !reflect.DeepEqual(again, m) {
			t.Errorf("Parse(Canonical()) of %v is %#v, want %#v", tt.in, again, m)
		}
		if _, err := store.Canonical(m.Canonical()); err != nil {
			t.Errorf("%v has no canonical JSON: %v", tt.in, err)
		}
	}
}

func TestParseKeepsTypesOfLiteralsApart(t *testing.T) {
	one := mustParse(t, table{"all": true, "where": "a == 1"}).Canonical()
	float := mustParse(t, table{"all": true, "where": "a == 1.0"}).Canonical()
	if reflect.DeepEqual(one, float) {
		t.Errorf("1 and 1.0 have the same normal form %v", one)
	}
}

func TestParseErrors(t *testing.T) {
	a := ref(t, "a").String()
	tests := []struct {
		in        any
		key, want string
	}{
		{int64(3), "", "want a string or a table, have 3"},
		{nil, "", "have nothing"},
		{"lates", "", `unknown matcher "lates"; did you mean "latest"?`},
		{"zzz", "", `unknown matcher "zzz"`},
		{"best", "", "{ best = 1, by = LENS }"},
		{"some", "", "{ some = 1 }"},
		{"exact", "", "{ exact = [RREF] }"},
		{table{}, "", "want one of latest, only, some, all, best, exact"},
		{table{"where": "a > 1"}, "", "want one of latest"},
		{table{"best": int64(1), "by": "a", "odrer": "min"}, "odrer", `unknown key; did you mean "order"?`},
		{table{"latest": int64(1), "yb": int64(1)}, "yb", `did you mean "by"?`},
		{table{"latest": int64(1), "frobnicate": int64(1)}, "frobnicate", "unknown key"},
		{table{"best": int64(1), "latest": int64(1), "by": "a"}, "best", "a matcher is one of latest and best, not both"},
		{table{"latest": int64(0)}, "latest", "want a count, 1 or more, have 0"},
		{table{"latest": 1.0}, "latest", "have 1.0"},
		{table{"latest": true}, "latest", "have true"},
		{table{"some": int64(1) << 40}, "some", "want a count"},
		{table{"all": false}, "all", "want true, have false"},
		{table{"only": int64(1)}, "only", "want true, have 1"},
		{table{"best": int64(1)}, "best", "wants a metric"},
		{table{"latest": int64(1), "by": "a"}, "by", "only best has it, not latest"},
		{table{"all": true, "order": "min"}, "order", "only best has it, not all"},
		{table{"best": int64(1), "by": "a", "order": "up"}, "order", `want "max" or "min", have "up"`},
		{table{"best": int64(1), "by": "a", "order": true}, "order", "want a string, have true"},
		{table{"best": int64(1), "by": "a..b"}, "by", "column 3: want a name after the dot"},
		{table{"best": int64(1), "by": "a b"}, "by", "column 2: unexpected ' ' in a lens"},
		{table{"best": int64(1), "by": "a[*]"}, "by", "[*] has many values"},
		{table{"best": int64(1), "by": ""}, "by", "begins with the name of an output"},
		{table{"best": int64(1), "by": "1a"}, "by", "begins with the name of an output"},
		{table{"best": int64(1), "by": int64(1)}, "by", "want a lens or { run = SCRIPT }"},
		{table{"best": int64(1), "by": table{"run": " "}}, "by", "want { run = SCRIPT }"},
		{table{"best": int64(1), "by": table{"script": "x"}}, "by", `unknown key "script"`},
		{table{"exact": []any{}}, "exact", "want a list of references"},
		{table{"exact": a}, "exact", "want a list of references"},
		{table{"exact": []any{int64(1)}}, "exact", "have 1 in it"},
		{table{"exact": []any{"dref:x"}}, "exact", "want rref:"},
		{table{"exact": []any{a, a}}, "exact", "stands twice"},
		{table{"all": true, "where": int64(1)}, "where", "want a string"},
		{table{"all": true, "where": "a >"}, "where", "column 4: want a lens"},
	}
	for _, tt := range tests {
		_, err := Parse(tt.in)
		var keyErr *KeyError
		if !errors.As(err, &keyErr) {
			t.Errorf("Parse(%v): got error %v, want a *KeyError", tt.in, err)
			continue
		}
		if keyErr.Key != tt.key || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Parse(%v): got key %q, %q; want key %q, %q", tt.in, keyErr.Key, err, tt.key, tt.want)
		}
	}
}

func TestDefaultIsLatest(t *testing.T) {
	if got, want := Default(), mustParse(t, "latest"); !reflect.DeepEqual(got, want) {
		t.Errorf("Default() = %v, want %v", got, want)
	}
}

func TestZeroMatcherPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	Matcher{}.Canonical()
}

func TestExactCannotBeChangedFromOutside(t *testing.T) {
	m := mustParse(t, table{"exact": []any{ref(t, "a").String()}})
	m.Exact()[0] = store.RRef{}
	if m.Exact()[0] != ref(t, "a") {
		t.Error("a caller changed the matcher")
	}
}

func ExampleMatcher_String() {
	m, err := Parse(map[string]any{"best": int64(3), "by": "result.fun", "order": "min"})
	fmt.Println(m, err)
	// Output: best 3 by result.fun (min) <nil>
}
