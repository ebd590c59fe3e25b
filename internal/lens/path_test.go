package lens

import (
	"reflect"
	"strings"
	"testing"
)

func mustPath(t testing.TB, text string) Path {
	t.Helper()
	p, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParse(t *testing.T) {
	name := func(s string) step { return step{kind: stepName, name: s} }
	index := func(i int) step { return step{kind: stepIndex, index: i} }
	tests := []struct {
		in, out string
		steps   []step
	}{
		{"", "", nil},
		{"a", "a", []step{name("a")}},
		{"a.b-c.0_1", "a.b-c.0_1", []step{name("a"), name("b-c"), name("0_1")}},
		{"runs[1].x", "runs[1].x", []step{name("runs"), index(1), name("x")}},
		{"[*][-2]", "[*][-2]", []step{{kind: stepSpread}, index(-2)}},
		{"[007]", "[7]", []step{index(7)}},
		{`"a"."b.c"`, `a."b.c"`, []step{name("a"), name("b.c")}},
		{`a."\u0041\n\"<"`, `a."A\n\"<"`, []step{name("a"), name("A\n\"<")}},
		{`""`, `""`, []step{name("")}},
		{"größe.x", "größe.x", []step{name("größe"), name("x")}},
	}
	for _, tt := range tests {
		p := mustPath(t, tt.in)
		if !reflect.DeepEqual(p.steps, tt.steps) {
			t.Errorf("Parse(%q) = %v, want %v", tt.in, p.steps, tt.steps)
		}
		if got := p.String(); got != tt.out {
			t.Errorf("Parse(%q).String() = %q, want %q", tt.in, got, tt.out)
		}
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct{ in, want string }{
		{".a", "column 1: want a name"},
		{"a.", "column 3: want a name"},
		{"a..b", "column 3: want a name"},
		{"a b", "column 2: want a dot or [ here"},
		{`a"b"`, "column 2: want a dot or [ here"},
		{"a.[1]", "column 3: want a name"},
		{"a[", "column 2: want [n]"},
		{"a[]", "column 2: want [n]"},
		{"a[x]", "column 2: want [n]"},
		{"a[+1]", "column 2: want [n]"},
		{"a[9223372036854775808]", "column 2: want [n]"},
		{"ö[1]x", "column 5: want a dot"},
		{`a."b`, `column 3: the name has no closing "`},
		{`a."\x"`, "is not a JSON string"},
		{"a.*", "column 3: want a name"},
		{"\xff", "not UTF-8"},
	}
	for _, tt := range tests {
		if _, err := Parse(tt.in); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Parse(%q): got error %v, want %q", tt.in, err, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "a.b", `a."b.c"[1][*].d`, "[-1]", `"\u00e9\ud800"`, "a[1]b", "a.[1]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(p.String())
		if err != nil || !reflect.DeepEqual(again, p) {
			t.Errorf("%q prints as %q, which is %v, %v", text, p, again, err)
		}
	})
}
