package realize

import (
	"bytes"
	"strings"
	"testing"
)

func TestFirstDifference(t *testing.T) {
	for _, test := range []struct {
		a, b   string
		offset int64
		differ bool
	}{
		{"", "", 0, false},
		{"same", "same", 0, false},
		{"same", "sane", 2, true},
		{"", "x", 0, true},
		{"longer", "long", 4, true},
	} {
		offset, differ, err := firstDifference(bytes.NewReader([]byte(test.a)), bytes.NewReader([]byte(test.b)))
		if offset != test.offset || differ != test.differ || err != nil {
			t.Errorf("%q and %q: got %d, %v, %v", test.a, test.b, offset, differ, err)
		}
	}
}

// TestUnified: what differs is shown by lines, also without an end of the last
// line, and not without bounds.
func TestUnified(t *testing.T) {
	if got, want := unified("first", []byte("a\nb"), "second", []byte("a\nc\n")), "--- first\n+++ second\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	got := unified("first", []byte(strings.Repeat("x\n", 100)), "second", []byte(strings.Repeat("y\n", 100)))
	if n := strings.Count(got, "\n"); n != maxLines+1 || !strings.HasSuffix(got, "… and 163 lines more\n") {
		t.Errorf("got %d lines:\n%s", n, got)
	}
}
