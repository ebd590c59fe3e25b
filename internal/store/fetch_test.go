package store

import (
	"os"
	"strings"
	"testing"
)

// TestFetchIdentity changes one thing at a time: any is another reference, and
// what the result depends on is another action.
func TestFetchIdentity(t *testing.T) {
	ref, _, err := fullDerivation(t).Ref()
	if err != nil {
		t.Fatal(err)
	}
	key, err := (Action{Kind: ActionFetch, Fetch: &fullDerivation(t).Fetch.Fetched}).Key()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		change func(f *Fetch)
		runs   bool
	}{
		"a URL":     {func(f *Fetch) { f.URLs[0] = "https://example.org/genome.tar.gz" }, false},
		"the order": {func(f *Fetch) { f.URLs[0], f.URLs[1] = f.URLs[1], f.URLs[0] }, false},
		"a limit":   {func(f *Fetch) { f.MaxSize++ }, false},
		"the hash":  {func(f *Fetch) { f.Hash = "sha256:" + strings.Repeat("0e", 32) }, true},
		"the name":  {func(f *Fetch) { f.Filename = "x" }, true},
		"unpacking": {func(f *Fetch) { f.Unpack = false }, true},
		"stripping": {func(f *Fetch) { f.Strip = 0 }, true},
	} {
		d := fullDerivation(t)
		tt.change(d.Fetch)
		otherRef, _, err := d.Ref()
		if err != nil || otherRef == ref {
			t.Errorf("%s: the same reference, or %v", name, err)
		}
		otherKey, err := (Action{Kind: ActionFetch, Fetch: &d.Fetch.Fetched}).Key()
		if err != nil || (otherKey != key) != tt.runs {
			t.Errorf("%s: another action: %v, %v", name, otherKey != key, err)
		}
	}
}

// TestPartial gives a directory to one at a time.
func TestPartial(t *testing.T) {
	s := held(t)
	const hash = "sha256:00"
	dir, release, err := s.Partial(t.Context(), hash, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/data", []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	waits, second := make(chan bool), make(chan string)
	go func() {
		dir, release, err := s.Partial(t.Context(), hash, func() { close(waits) })
		if err != nil {
			t.Error(err)
		}
		data, _ := os.ReadFile(dir + "/data")
		second <- string(data)
		if err := release(true); err != nil {
			t.Error(err)
		}
		close(second)
	}()
	<-waits
	if err := release(false); err != nil {
		t.Fatal(err)
	}
	if got := <-second; got != "x" {
		t.Errorf("the second finds %q, want what the first has left", got)
	}
	<-second
	if s.exists(dir) {
		t.Error("what is done with is still there")
	}
}
