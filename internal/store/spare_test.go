package store

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// randomOptions are some of gc's, at random.
func randomOptions(rng *rand.Rand) GCOptions {
	var o GCOptions
	if rng.IntN(2) == 0 {
		o.KeepLast = 1 + rng.IntN(2)
	}
	if rng.IntN(2) == 0 {
		o.OlderThan = time.Duration(1+rng.IntN(100)) * time.Hour
	}
	if rng.IntN(2) == 0 {
		o.MaxSize = 1 + rng.Int64N(12000)
	}
	return o
}

// age gives every realization a time of last use and one of making.
func (w *world) age(t *testing.T, rng *rand.Rand) {
	t.Helper()
	for _, dref := range w.drefs {
		for i, r := range w.rs[dref] {
			at := time.Now().Add(-time.Duration(rng.IntN(100))*time.Hour - 30*time.Minute)
			used := unix.NsecToTimespec(at.UnixNano())
			if err := unix.UtimesNanoAt(unix.AT_FDCWD, w.s.OutPath(r.Ref), []unix.Timespec{used, used}, unix.AT_SYMLINK_NOFOLLOW); err != nil {
				t.Fatal(err)
			}
			made := time.Now().Add(-time.Duration(rng.IntN(1e6)) * time.Second)
			if err := os.Chtimes(w.s.recordPath(r.Ref), made, made); err != nil {
				t.Fatal(err)
			}
			for j := range w.rs[dref][:i+1] {
				if w.rs[dref][j].Ref == r.Ref {
					w.rs[dref][j].Made = made
				}
			}
		}
	}
}

// used returns when a realization was last used, or what is built from it was.
func (w *world) used(t *testing.T, ref RRef) time.Time {
	t.Helper()
	info, err := os.Lstat(w.s.OutPath(ref))
	if err != nil {
		t.Fatal(err)
	}
	last := info.ModTime()
	for _, rs := range w.rs {
		for _, r := range rs {
			for _, deps := range r.Context {
				if !slices.Contains(deps, ref) {
					continue
				}
				if at := w.used(t, r.Ref); at.After(last) {
					last = at
				}
			}
		}
	}
	return last
}

// reachNewest adds what a rooted derivation keeps with KeepLast.
func (w *world) reachNewest(all objects, dref DRef, n int) {
	w.reachDRef(all, dref)
	rs := slices.Clone(w.rs[dref])
	slices.SortFunc(rs, func(a, b Realization) int { return b.Made.Compare(a.Made) })
	rs = slices.CompactFunc(rs, func(a, b Realization) bool { return a.Ref == b.Ref })
	for i, r := range rs {
		if n == 0 || i < n {
			w.reachRRef(all, r.Ref)
		}
	}
}

// rootSome makes roots, and returns what they reach.
func (w *world) rootSome(t *testing.T, rng *rand.Rand, keepLast int) objects {
	t.Helper()
	reached := objects{}
	root := func(ref string) {
		if _, err := w.s.AddRoot("", ref); err != nil {
			t.Fatal(err)
		}
	}
	for _, dref := range w.drefs {
		if rng.IntN(5) == 0 {
			root(dref.String())
			w.reachNewest(reached, dref, keepLast)
		}
		for _, r := range w.rs[dref] {
			if rng.IntN(12) == 0 {
				root(r.Ref.String())
				w.reachRRef(reached, r.Ref)
			}
		}
	}
	return reached
}

// With whatever options gc takes nothing that the roots reach, nothing that is
// young, and nothing that was used after garbage that it leaves; it takes all
// else that it may; the dry run says what it does; what it leaves is sound.
func TestGCOptions(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for i := range 30 {
		w := randomWorld(t, rng)
		w.age(t, rng)
		o := randomOptions(rng)
		what := fmt.Sprintf("world %d, %+v", i, o)
		want := w.rootSome(t, rng, o.KeepLast)
		used := make(map[RRef]time.Time)
		for _, dref := range w.drefs {
			for _, r := range w.rs[dref] {
				used[r.Ref] = w.used(t, r.Ref)
				if o.OlderThan > 0 && time.Since(used[r.Ref]) < o.OlderThan {
					w.reachRRef(want, r.Ref)
				}
			}
		}
		before := w.there(t)
		dry := o
		dry.DryRun = true
		said := collect(t, w.s, dry)
		same(t, what+", dry run", w.there(t), before)
		did := collect(t, w.s, o)
		if fmt.Sprint(said) != fmt.Sprint(did) {
			t.Errorf("%s: the dry run said\n%v\ngc\n%v", what, said, did)
		}
		w.checkLeft(t, what, o, did, want, used)
	}
}

// checkLeft checks what gc left, of which it had to leave want.
func (w *world) checkLeft(t *testing.T, what string, o GCOptions, did Garbage, want objects, used map[RRef]time.Time) {
	t.Helper()
	checkSound(t, w.s)
	there := w.there(t)
	if o.MaxSize == 0 {
		same(t, what, there, want)
		return
	}
	all := maps.Clone(there)
	maps.Copy(all, want)
	same(t, what, there, all) // nothing of want is gone
	for _, gone := range did.Realizations {
		for ref, at := range used {
			if there[ref.String()] && !want[ref.String()] && at.Before(used[gone]) {
				t.Errorf("%s: %v went, which was used after %v", what, gone, ref)
			}
		}
	}
	if len(there) > len(want) && did.Left > o.MaxSize {
		t.Errorf("%s: %d bytes are left, and garbage", what, did.Left)
	}
	everything := GCOptions{DryRun: true, MaxSize: 1 << 60}
	if left := collect(t, w.s, everything).Left; left != did.Left {
		t.Errorf("%s: %d bytes are left, gc said %d", what, left, did.Left)
	}
	if len(did.Realizations) == 0 {
		return
	}
	// One byte more would have been too much.
	if next := did.Left + did.Bytes; next <= o.MaxSize {
		t.Errorf("%s: all of %d bytes had room", what, next)
	}
}
