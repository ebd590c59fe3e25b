package builder

import (
	"bytes"
	"encoding/json"
	"testing"
)

// The description is what encoding/json writes of the same: keys in order, and
// no white space.
func TestDescribe(t *testing.T) {
	outputs := map[string]string{"o": "a/../o", "absent": "", `q"\`: "<é>\u2028\n"}
	a := Action{
		Dir:    "/build\x7f & é",
		Config: map[string]any{"k": "<v>", "f": 1.0, "l": []any{int64(1), true}},
		Inputs: map[string]Input{
			"file": {File: "o", Items: []Item{{Outputs: outputs}}},
			"list": {List: true, Items: []Item{{}, {Outputs: outputs}}},
			"none": {List: true},
		},
		Outputs: outputs,
		Run:     7,
	}
	for _, a := range []Action{a, {Dir: "/d", Run: 1}} {
		got, err := build{Action: a, seen: place(a.Dir)}.describe()
		if err != nil {
			t.Fatal(err)
		}
		var v any
		dec := json.NewDecoder(bytes.NewReader(got))
		dec.UseNumber()
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("%v: %s", err, got)
		}
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want.Bytes()) {
			t.Errorf("got  %s\nwant %s", got, want.Bytes())
		}
	}
}
