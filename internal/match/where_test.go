package match

import (
	"context"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"plx/internal/store"
)

func TestWhereNormalForm(t *testing.T) {
	tests := []struct{ in, want string }{
		{"a>1", "a > 1"},
		{"a\t==\n'x'", `a == "x"`},
		{`a == "x\u0041<"`, `a == "xA<"`},
		{`a == 'it is "so"'`, `a == "it is \"so\""`},
		{"1<a", "1 < a"},
		{"a != b.c", "a != b.c"},
		{"a <= -1.50e+3", "a <= -1.50e+3"},
		{"a == true", "a == true"},
		{"a-1 > 2", "a-1 > 2"},
		{`m."loss.val"[-1] < 1`, `m."loss.val"[-1] < 1`},
		{"and.x > 1", "and.x > 1"},
		{"not a == 1 and b == 2", "not a == 1 and b == 2"},
		{"not (a == 1 and b == 2)", "not (a == 1 and b == 2)"},
		{"not not a == 1", "not not a == 1"},
		{"(not (a == 1))", "not a == 1"},
		{"a == 1 or (b == 2 and c == 3)", "a == 1 or b == 2 and c == 3"},
		{"(a == 1 or b == 2) and c == 3", "(a == 1 or b == 2) and c == 3"},
		{"a == 1 and (b == 2 and c == 3)", "a == 1 and b == 2 and c == 3"},
		{"größe > 1", "größe > 1"},
	}
	for _, tt := range tests {
		c, err := parseCondition(tt.in)
		if err != nil {
			t.Errorf("%q: %v", tt.in, err)
			continue
		}
		if got := c.String(); got != tt.want {
			t.Errorf("%q prints as %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestWhereErrors(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", "column 1: want a lens"},
		{"a = 1", "column 3: want == to compare, have ="},
		{"a ! 1", "column 3: want != or not"},
		{"a", "column 2: want a comparison, such as a == 1, have the end"},
		{"a and b == 1", "column 3: want a comparison"},
		{"a > 1 b", "column 7: want and, or, or the end, have b"},
		{"0 < a < 1", "column 7: comparisons don't chain"},
		{"'a' > 1", `column 1: "a" > 1 compares no lens`},
		{"(a > 1", "column 7: want ) for the ( at column 1, have the end"},
		{"a > 1)", "column 6: want and, or, or the end, have )"},
		{"a > 'x", "column 5: the text has no closing '"},
		{`a > "x`, `column 5: the text has no closing "`},
		{`a > "\x"`, "column 5: \"\\x\" is not a JSON string"},
		{"a > 1.", "column 5: 1. is not a number"},
		{"a > 1x", "column 5: 1x is not a number"},
		{"a > 0x10", "0x10 is not a number"},
		{"a > 9223372036854775808", "out of range"},
		{"a > 1e999", "out of range"},
		{"a. > 1", "column 3: want a name after the dot"},
		{"a[x] > 1", "column 2: want [n]"},
		{"a[1 > 1", "column 2: want [n]"},
		{"a[*] > 1", "column 2: [*] has many values"},
		{"ä.ö[] > 1", "column 4: want [n]"},
		{"a > 1 & b > 1", `column 7: unexpected '&'`},
		{"a > 1 and", "column 10: want a lens"},
		{"not", "column 4: want a lens"},
		{"a > \xff", "not UTF-8"},
		{strings.Repeat("(", 1e6), "nests deeper"},
		{strings.Repeat("not ", 1e6), "nests deeper"},
	}
	for _, tt := range tests {
		_, err := parseCondition(tt.in)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.40q: got error %v, want %q", tt.in, err, tt.want)
		}
	}
}

// metrics is a [Values] of one realization's lenses.
type metrics map[string]any

func (m metrics) Value(_ store.RRef, lens string) (any, error) {
	v, ok := m[lens]
	if !ok {
		return nil, noValue{"there is no " + lens}
	}
	if err, ok := v.(error); ok {
		return nil, err
	}
	return v, nil
}

func (m metrics) Score(context.Context, store.RRef, string) (float64, error) {
	return 0, errors.New("no script is asked for")
}

func TestWhere(t *testing.T) {
	values := metrics{
		"i": int64(3), "f": 3.0, "half": 0.5, "s": "abc", "yes": true, "nan": math.NaN(), "inf": math.Inf(1),
		"big": int64(math.MaxInt64), "bigf": float64(math.MaxInt64), "null": nil, "list": []any{},
	}
	tests := []struct{ where, why string }{
		{"i == 3", ""},
		{"i == 3.0", ""},
		{"i == f", ""},
		{"i != 3", "not i != 3: i is 3"},
		{"f == 4", "not f == 4: f is 3.0"},
		{"i >= 3 and i <= 3", ""},
		{"i > 2.5 and i < 3.5", ""},
		{"i > 3 or half > 1", "not (i > 3 or half > 1): i is 3, half is 0.5"},
		{"i > 3 or half < 1", ""},
		{"not i > 3", ""},
		{"not (i > 3 or half > 1) and yes == true", ""},
		{"s == 'abc' and s < \"abd\" and s != 'x'", ""},
		{"yes != false", ""},
		{"yes == true", ""},
		{"yes > false", "yes > false: true and false have no order"},
		{"big < bigf", ""},
		{"inf > 1e308", ""},
		{"nan == nan", "nan == nan: NaN and NaN can't be compared"},
		{"nan > 1", "nan > 1: NaN and 1 can't be compared"},
		{"s > 1", `s > 1: the text "abc" and 1 can't be compared`},
		{"yes == 1", "yes == 1: true and 1 can't be compared"},
		{"null == 1", "null == 1: nothing and 1 can't be compared"},
		{"list == 1", "list == 1: a list and 1 can't be compared"},
		{"gone > 1", "there is no gone"},
		{"i == 3 or gone > 1", "there is no gone"},
		{"i == 3 or s > 1", `s > 1: the text "abc" and 1 can't be compared`},
		{"i == 4 and gone > 1", "there is no gone"},
		{"not gone > 1", "there is no gone"},
	}
	for _, tt := range tests {
		c, err := parseCondition(tt.where)
		if err != nil {
			t.Errorf("%q: %v", tt.where, err)
			continue
		}
		if got, err := c.refuse(store.RRef{}, values); got != tt.why || err != nil {
			t.Errorf("where %s: left out because %q, %v; want %q", tt.where, got, err, tt.why)
		}
	}
}

func FuzzWhere(f *testing.F) {
	for _, seed := range []string{
		"a>1", "not (a == 'x' or b.c[-1] <= 1.5e3) and d != true", `m."a.b" < "\u00e9"`, "((a<b))", "a = 1", "not not a==1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCondition(text)
		if err != nil {
			return
		}
		again, err := parseCondition(c.String())
		if err != nil {
			t.Fatalf("%q prints as %q: %v", text, c, err)
		}
		if !reflect.DeepEqual(again, c) {
			t.Errorf("%q prints as %q, which is %q", text, c, again)
		}
		if _, err := c.refuse(store.RRef{}, metrics{"a": int64(1), "b": "x"}); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func FuzzLens(f *testing.F) {
	for _, seed := range []string{"a", `a."b.c"[1]`, "a[", "a..", `a."\"`, "é-1[-2]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if checkLens(text) != nil || text == "and" || text == "or" || text == "not" || text == "true" || text == "false" {
			return
		}
		c, err := parseCondition(text + " == 1")
		if err != nil {
			t.Fatalf("%q stands in by but not in where: %v", text, err)
		}
		if len(c.lenses) != 1 || c.lenses[0] != text {
			t.Errorf("where takes %q for %q", text, c.lenses)
		}
	})
}
