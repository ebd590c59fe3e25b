package store

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// many returns n derivations.
func many(t *testing.T, n int) map[DRef]Derivation {
	t.Helper()
	ds := make(map[DRef]Derivation, n)
	for i := range n {
		d := Derivation{Name: fmt.Sprintf("d%d", i), Kind: ActionRun, Script: fmt.Sprint("echo ", i)}
		ref, _, err := d.Ref()
		if err != nil {
			t.Fatal(err)
		}
		ds[ref] = d
	}
	return ds
}

func checkDerivations(t *testing.T, s *Store, want map[DRef]Derivation) {
	t.Helper()
	refs, err := s.Derivations()
	if err != nil || !slices.Equal(refs, slices.SortedFunc(maps.Keys(want), DRef.Compare)) {
		t.Errorf("%d derivations, %v, want %d", len(refs), err, len(want))
	}
	for ref, d := range want {
		if got, err := s.Derivation(ref); err != nil || got.Script != d.Script {
			t.Errorf("%v: got %q, %v", ref, got.Script, err)
		}
	}
}

// Those who add the same at once write each line once.
func TestDerivationsAtOnce(t *testing.T) {
	s, ds := held(t), many(t, 200)
	var wg sync.WaitGroup
	for range 4 {
		other := open(t, s.Dir())
		hold(t, other)
		wg.Go(func() {
			if err := other.AddDerivations(maps.All(ds)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	checkDerivations(t, s, ds)
	lines := 0
	for _, name := range tableNames(t, s) {
		data, err := os.ReadFile(s.drvTablePath(name))
		if err != nil {
			t.Fatal(err)
		}
		lines += strings.Count(string(data), "\n")
	}
	if lines != len(ds) {
		t.Errorf("%d lines for %d derivations", lines, len(ds))
	}
}

func tableNames(t *testing.T, s *Store) []string {
	t.Helper()
	names, err := dirNames(s.join("drv"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(names, func(name string) bool { return len(name) != 1 })
}

// Wherever its last line was torn, or whatever follows it, a table gives what
// is whole, and what is lost can be added again.
func TestTornDerivations(t *testing.T) {
	s := held(t)
	a := derive(t, s, Derivation{Name: "a", Script: "1"})
	path := s.drvTablePath(firstOf(a))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) + 1 {
		for _, rest := range []string{"", "\x00\x00\x00", "\n", "{}\t" + a.base() + "\n"} {
			overwrite(t, path, string(whole[:n])+rest)
			s = reopened(t, s)
			_, err := s.Derivation(a)
			var damage *DamageError
			isWhole := strings.HasPrefix(string(whole[:n])+rest, string(whole))
			if isWhole != (err == nil) || err != nil && !errors.Is(err, ErrNotExist) && !errors.As(err, &damage) {
				t.Fatalf("%d bytes and %q: %v", n, rest, err)
			}
			derive(t, s, Derivation{Name: "a", Script: "1"})
			if _, err := reopened(t, s).Derivation(a); err != nil {
				t.Fatalf("%d bytes and %q, added again: %v", n, rest, err)
			}
		}
	}
}

// A store of the first format can be read as it is. Who writes to it makes one
// of the newest, wherever the last one who tried was killed.
func TestUpgrade(t *testing.T) {
	s, ds := held(t), many(t, 40)
	if err := s.AddDerivations(maps.All(ds)); err != nil {
		t.Fatal(err)
	}
	refs := slices.SortedFunc(maps.Keys(ds), DRef.Compare)
	made := result(t, s, refs[0], nil, "1")
	for moved := 0; moved < len(refs); moved += 13 {
		oldStore(t, s, refs[moved:])
		old := open(t, s.Dir())
		checkDerivations(t, old, ds)
		hold(t, old)
		checkDerivations(t, old, ds)
		if data, err := os.ReadFile(s.join("version")); err != nil || string(data) != "plx store 2\n" {
			t.Errorf("version: %q, %v", data, err)
		}
		if names, err := dirNames(s.join("drv")); err != nil || len(names) != len(tableNames(t, s))+1 {
			t.Errorf("left: %q, %v", names, err)
		}
		if _, err := old.Realization(made.Ref); err != nil {
			t.Error(err)
		}
		if err := old.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// oldStore makes the store one of the first format, but for derivations that
// are in tables already.
func oldStore(t *testing.T, s *Store, refs []DRef) {
	t.Helper()
	texts := make(map[DRef][]byte)
	for _, ref := range refs {
		text, err := s.derivationText(ref)
		if err != nil {
			t.Fatal(err)
		}
		texts[ref] = slices.Clone(text)
		if err := os.Mkdir(s.drvDir(ref), 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
	}
	for _, name := range tableNames(t, s) {
		all, err := readTable(s.drvTablePath(name))
		if err != nil {
			t.Fatal(err)
		}
		err = s.filterTable(s.drvTablePath(name), all, func(_, key []byte) bool {
			ref, err := parseDRefBase(string(key))
			return err == nil && texts[ref] == nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for ref, text := range texts {
		write(t, s.drvDir(ref), map[string]string{oldDerivationName: string(text)})
	}
	overwrite(t, s.join("version"), "plx store 1\n")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
