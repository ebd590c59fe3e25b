package store

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

// A record is what encoding/json makes of it, byte by byte.
func TestRecordText(t *testing.T) {
	at := time.Date(2024, 2, 29, 12, 0, 0, 500, time.UTC)
	for _, rec := range []record{
		{},
		{Context: map[string][]string{}, Started: at, Stopped: at},
		{
			Format: realizationFormat, Derivation: "dref:x", Tree: "t", Action: "a", Run: 3, MaxRSS: 1 << 40,
			Context:  map[string][]string{"b": {"1", "2"}, "a": {}, "é": {"<&>"}},
			Manifest: "plx tree 1\nf\t1\tx\ta\\tb \"c\"\n", Volatile: []string{"log.txt", "b"}, Beside: "h", Adopted: "rref:y",
			Also: map[string]int{"k": 1, "j": 2}, Started: at, Stopped: at.Add(time.Hour),
			User: 1e-7, System: 0.25, Host: "höst\u2028\x01\x7f", By: "\xff", Version: "1", Sandbox: "none",
			Tools: map[string]toolRecord{"sh": {"/bin/sh", "d"}}, Carried: true, Hand: true,
		},
	} {
		if rec.Context == nil {
			rec.Context = map[string][]string{}
		}
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "\t")
		if err := enc.Encode(rec); err != nil {
			t.Fatal(err)
		}
		got, err := rec.text()
		if err != nil || !bytes.Equal(got, b.Bytes()) {
			t.Errorf("got %v\n%s\nwant\n%s", err, got, b.Bytes())
		}
	}
}
