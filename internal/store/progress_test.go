package store

import (
	"bytes"
	"sync"
	"testing"
)

// TestProgress: what takes long tells how far it is, and comes to its end.
func TestProgress(t *testing.T) {
	s := held(t)
	r := packable(t, s)
	var mu sync.Mutex
	last := make(map[string]Progress)
	s.Progress = func(p Progress) {
		mu.Lock()
		defer mu.Unlock()
		if p.Done >= last[p.Doing].Done {
			last[p.Doing] = p
		}
	}
	if _, err := s.Verify(t.Context(), VerifyOptions{}); err != nil {
		t.Fatal(err)
	}
	archive := packed(t, s, r.Ref)
	other := held(t)
	other.Progress = s.Progress
	if _, err := other.Unpack(t.Context(), bytes.NewReader(archive)); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = open(t, s.Dir())
	s.Progress = other.Progress
	if _, err := s.GC(t.Context(), GCOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, doing := range []string{"verify", "pack", "unpack", "look for garbage", "remove"} {
		if p := last[doing]; p.Done == 0 || p.Total > 0 && p.Done > p.Total {
			t.Errorf("%s: it told %+v", doing, p)
		}
	}
}
