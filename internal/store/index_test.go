package store

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestRealizationsOf(t *testing.T) {
	s := held(t)
	a, b := derive(t, s, Derivation{Name: "a"}), derive(t, s, Derivation{Name: "b"})
	r1 := result(t, s, a, nil, "1")
	r2 := result(t, s, a, nil, "2")
	other := result(t, s, b, nil, "1")
	want := []RRef{r1.Ref, r2.Ref}
	slices.SortFunc(want, RRef.Compare)
	check := func(what string, want ...RRef) {
		t.Helper()
		found, err := s.RealizationsOf(r1.Action)
		if err != nil {
			t.Fatal(err)
		}
		var got []RRef
		for _, r := range found {
			got = append(got, r.Ref)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	check("two", want...)
	path := s.indexPath(r1.Action)
	line := func(ref RRef, run int) string {
		return fmt.Sprintf("%v\t%d\t%v\n", ref, run, r1.Action)
	}
	appendTo(t, path, line(r1.Ref, 1)+line(r1.Ref, 9))
	check("lines that stand twice", want...)
	appendTo(t, path, line(other.Ref, 1))
	check("a line about another action's", want...)
	appendTo(t, path, "\n\t\nrubbish\n"+line(r2.Ref, 3)[:40]+"\n"+strings.ToUpper(line(r2.Ref, 3)))
	check("rubbish", want...)
	if err := s.dropRealization(r2.Ref); err != nil {
		t.Fatal(err)
	}
	check("a stale line", r1.Ref)
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// Wherever a line was torn, what is left of it is not read, and the next line
// is.
func TestTornLine(t *testing.T) {
	s := held(t)
	key := HashOf([]byte("key"))
	if err := s.KeepScore(key, 0.98765); err != nil {
		t.Fatal(err)
	}
	path := s.indexPath(key)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) - 1 {
		if err := os.WriteFile(path, whole[:n], 0o666); err != nil {
			t.Fatal(err)
		}
		if f, ok := s.Score(key); ok {
			t.Errorf("torn after %d bytes: got %v", n, f)
		}
		if err := s.KeepScore(key, 0.5); err != nil {
			t.Fatal(err)
		}
		if f, ok := s.Score(key); !ok || f != 0.5 {
			t.Errorf("torn after %d bytes, then a line: got %v, %v", n, f, ok)
		}
	}
	// Also if the one who appends doesn't notice.
	for n := range len(whole) - 1 {
		if err := os.WriteFile(path, append(slices.Clone(whole[:n]), whole...), 0o666); err != nil {
			t.Fatal(err)
		}
		if f, ok := s.Score(key); ok && f != 0.98765 {
			t.Errorf("torn after %d bytes, then a line at once: got %v", n, f)
		}
	}
}

func TestFreeRuns(t *testing.T) {
	s := held(t)
	key := HashOf([]byte("key"))
	check := func(n int, want ...int) {
		t.Helper()
		if got, err := s.FreeRuns(key, n); err != nil || !slices.Equal(got, want) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	}
	check(0)
	check(3, 1, 2, 3)
	dref := derive(t, s, Derivation{Name: "a"})
	var made []Realization
	for _, run := range []int{2, 3, 7} {
		st := stage(t, s, map[string]string{"file": fmt.Sprint(run)})
		freeze(t, st)
		r, _, err := st.Commit(dref, nil, Origin{Action: key, Run: run})
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, r)
	}
	check(5, 1, 4, 5, 6, 8)
	// A commit that was killed before the record.
	if err := s.dropRealization(made[2].Ref); err != nil {
		t.Fatal(err)
	}
	check(5, 1, 4, 5, 6, 7)
	// A removal.
	if err := errors.Join(s.markGone(made[0].Ref), s.dropRealization(made[0].Ref)); err != nil {
		t.Fatal(err)
	}
	check(2, 1, 4)
	if got, err := s.FreeRuns(HashOf([]byte("other")), 1); err != nil || !slices.Equal(got, []int{1}) {
		t.Errorf("another action: %v, %v", got, err)
	}
}

func TestScores(t *testing.T) {
	s := held(t)
	a := Action{Kind: ActionRun, Script: "score", Source: HashOf([]byte("tree"))}
	key, err := ScoreKey(a)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := a.Key(); err != nil || plain == key {
		t.Errorf("a score has the key of the action: %v, %v", key, err)
	}
	if f, ok := s.Score(key); ok {
		t.Errorf("got %v before there is one", f)
	}
	for _, f := range []float64{0.1 + 0.2, 5} {
		if err := s.KeepScore(key, f); err != nil {
			t.Fatal(err)
		}
		if got, ok := s.Score(key); !ok || got != 0.1+0.2 {
			t.Errorf("got %v, %v, want the first", got, ok)
		}
	}
	a.Source = HashOf([]byte("another tree"))
	if key, err = ScoreKey(a); err != nil {
		t.Fatal(err)
	}
	if f, ok := s.Score(key); ok {
		t.Errorf("another tree has the score %v", f)
	}
}

// Lines that are appended at once are all there.
func TestIndexAtOnce(t *testing.T) {
	s := held(t)
	key := HashOf([]byte("key"))
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if err := s.addToIndex(key, fmt.Sprint(i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if values, err := s.readIndex(key); err != nil || len(values) != 50 {
		t.Errorf("%d values, %v", len(values), err)
	}
}
