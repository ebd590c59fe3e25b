package match

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"plx/internal/store"
)

// TestWhereVectors reads the expressions that the filter of plx report is held
// to as well: it is another program, in internal/report/page/filter.js.
func TestWhereVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/where.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Values  map[string]any
		Vectors []struct {
			Where  string
			Keeps  bool
			Column int // of what is wrong
		}
	}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	dec.UseNumber()
	if err := dec.Decode(&file); err != nil {
		t.Fatal(err)
	}
	values := make(metrics)
	for name, v := range file.Values {
		values[name] = v
		if n, ok := v.(json.Number); ok {
			values[name] = numberOf(t, n)
		}
	}
	for _, v := range file.Vectors {
		c, err := parseCondition(v.Where)
		if v.Column > 0 {
			if err == nil || columnOf(err) != v.Column {
				t.Errorf("%.60q: got error %v, want one at column %d", v.Where, err, v.Column)
			}
			continue
		}
		if err != nil {
			t.Errorf("%.60q: %v", v.Where, err)
			continue
		}
		why, err := c.refuse(store.RRef{}, values)
		if err != nil || (why == "") != v.Keeps {
			t.Errorf("%.60q: left out because %q, %v; want kept: %v", v.Where, why, err, v.Keeps)
		}
	}
	if len(file.Vectors) < 100 || !utf8.Valid(data) {
		t.Errorf("%d vectors", len(file.Vectors))
	}
}

// numberOf reads a number as plx does: whole ones are exact.
func numberOf(t *testing.T, n json.Number) any {
	t.Helper()
	if i, err := n.Int64(); err == nil {
		return i
	}
	f, err := n.Float64()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// columnOf returns the column that an error begins with; 0 if it has none.
func columnOf(err error) int {
	digits, found := strings.CutPrefix(err.Error(), "column ")
	n := 0
	for _, r := range digits {
		if !found || r < '0' || r > '9' {
			break
		}
		n = n*10 + int(r-'0')
	}
	return n
}
