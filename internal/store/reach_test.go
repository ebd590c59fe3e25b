package store

import (
	"slices"
	"testing"
)

// TestReach: narrowed to what Reach returns, a tree's outputs can be reached,
// and its links lead to something.
func TestReach(t *testing.T) {
	m, err := NewManifest([]Entry{
		{Path: "a", Kind: KindDir},
		{Path: "a/deep", Kind: KindDir},
		{Path: "a/deep/file", Kind: KindFile},
		{Path: "a/other", Kind: KindFile},
		{Path: "short", Kind: KindSymlink, Size: 6, Target: "a/deep"},
		{Path: "up", Kind: KindSymlink, Size: 7, Target: "a/other"},
		{Path: "links", Kind: KindDir},
		{Path: "links/one", Kind: KindSymlink, Size: 5, Target: "../up"},
		{Path: "rest", Kind: KindFile},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ paths, want []string }{
		{[]string{"rest"}, []string{"rest"}},
		{[]string{"short/file"}, []string{"a/deep/file", "short"}},
		{[]string{"up"}, []string{"a/other", "up"}},
		{[]string{"links"}, []string{"a/other", "links", "links/one", "up"}},
		{[]string{"short"}, []string{"a/deep", "short"}},
		{[]string{"nothing"}, nil},
	} {
		got := m.Reach(c.paths)
		if !slices.Equal(got, c.want) {
			t.Errorf("Reach(%q): got %q, want %q", c.paths, got, c.want)
		}
		for _, e := range m.Narrow(got).Entries() {
			if e.Kind != KindSymlink {
				continue
			}
			for _, p := range c.paths {
				if _, ok := m.Narrow(got).Resolve(p); !ok {
					t.Errorf("Reach(%q): %s can't be reached", c.paths, p)
				}
			}
		}
	}
}
