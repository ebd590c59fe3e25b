package near

import (
	"slices"
	"testing"
)

func TestName(t *testing.T) {
	names := []string{"anneal", "plot", "start", "x"}
	for word, want := range map[string]string{
		"strat": "start", "Start": "start", "aneal": "anneal", "plots": "plot", "y": "", "X": "x", "": "", "completely": "", "plot": "",
	} {
		if got := Name(word, names); got != want {
			t.Errorf("Name(%q) = %q, want %q", word, got, want)
		}
	}
	if !slices.IsSorted(names) {
		t.Error("names were changed")
	}
}

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "ab", 2}, {"order", "odrer", 1}, {"best", "rest", 1}, {"latest", "lates", 1}, {"abc", "xyz", 3}}
	for _, tt := range tests {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := distance(tt.b, tt.a); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.b, tt.a, got, tt.want)
		}
	}
}
