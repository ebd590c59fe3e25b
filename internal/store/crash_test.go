package store

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
)

// A process that is killed on its way, wherever that is, leaves a sound store:
// what can be seen in it is complete, the next process makes the rest, and gc
// takes what was left.
func TestKilled(t *testing.T) {
	const steps = 25
	dir := tempDir(t)
	killed := 0
	var want []RRef
	for i := range steps {
		path := fmt.Sprintf("%s/%d", dir, i)
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "PLX_STORE_ROLE=fuse", "PLX_STORE_DIR="+path, fmt.Sprintf("PLX_STORE_FUSE=%v", float64(i)/steps))
		if cmd.Run() != nil {
			killed++
		}
		s := open(t, path)
		checkSound(t, s)
		refs, err := committed(s)
		if err != nil {
			t.Fatal(err)
		}
		if want = slices.Concat(want, refs)[:3]; !slices.Equal(refs, want) {
			t.Errorf("%d: got %v, want %v", i, refs, want)
		}
		checkSound(t, s)
		if _, err := s.AddRoot("all", refs[2].String()); err != nil {
			t.Fatal(err)
		}
		collect(t, s, GCOptions{})
		checkSound(t, s)
		if names, err := dirNames(s.join("tmp")); err != nil || len(names) != 0 {
			t.Errorf("%d: left in tmp: %q, %v", i, names, err)
		}
	}
	if killed < steps/4 {
		t.Errorf("only %d of %d were killed", killed, steps)
	}
}

// Two processes that do the same at once both succeed.
func TestTwoProcesses(t *testing.T) {
	dir := tempDir(t) + "/store"
	ps := []*process{start(t, "commit", dir), start(t, "commit", dir), start(t, "commit", dir)}
	for _, p := range ps {
		p.end(t)
	}
	s := open(t, dir)
	checkSound(t, s)
	drefs, err := s.Derivations()
	if err != nil || len(drefs) != 3 {
		t.Errorf("%d derivations, %v", len(drefs), err)
	}
	for _, dref := range drefs {
		if refs, err := s.Realizations(dref); err != nil || len(refs) != 1 {
			t.Errorf("%v has %d realizations, %v", dref, len(refs), err)
		}
	}
}
