package store

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestRemove(t *testing.T) {
	w := newWorld(t)
	base := w.derive(t, "base")
	b := w.result(t, base, nil, "b")
	top := w.derive(t, "top", base)
	u := w.result(t, top, Context{"i0": {b.Ref}}, "u")
	free := w.result(t, top, nil, "free")
	if _, err := w.s.AddRoot("mine", u.Ref.String()); err != nil {
		t.Fatal(err)
	}
	w.plan(t, "p", base, top)
	rm := func(force bool, refs ...RRef) error {
		t.Helper()
		if err := w.s.Close(); err != nil {
			t.Fatal(err)
		}
		err := w.s.Remove(t.Context(), refs, RemoveOptions{Force: force})
		if err := w.s.Close(); err != nil {
			t.Fatal(err)
		}
		return err
	}
	before := w.there(t)
	for want, refs := range map[string][]RRef{
		b.Ref.String() + " is in use by " + u.Ref.String(): {b.Ref},
		u.Ref.String() + " is in use by root mine":         {u.Ref},
		" is in use by root mine":                          {b.Ref, u.Ref},
		"not in the store":                                 {free.Ref, RealizationRef(base, nil, HashOf(nil))},
	} {
		if err := rm(false, refs...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", refs, err, want)
		}
		same(t, want, w.there(t), before)
	}
	var inUse *InUseError
	if err := rm(false, b.Ref); !errors.As(err, &inUse) || inUse.Ref != b.Ref || !slices.Equal(inUse.By, []string{u.Ref.String()}) {
		t.Errorf("got %v", err)
	}
	// A project keeps what it is made of, but a person may remove results.
	if err := rm(false, free.Ref); err != nil || w.s.exists(w.s.OutPath(free.Ref)+removedSuffix) {
		t.Error(err)
	}
	if _, err := w.s.Realization(free.Ref); !errors.Is(err, ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
	// Forced, it leaves a mark, for as long as something refers to it.
	mark := w.s.OutPath(b.Ref) + removedSuffix
	if err := rm(true, b.Ref); err != nil || !w.s.exists(mark) {
		t.Errorf("mark: %v, %v", w.s.exists(mark), err)
	}
	collect(t, w.s, GCOptions{})
	if !w.s.exists(mark) {
		t.Error("gc took the mark")
	}
	checkSound(t, w.s)
	if err := rm(true, u.Ref); err != nil {
		t.Error(err)
	}
	collect(t, w.s, GCOptions{})
	if w.s.exists(mark) {
		t.Error("gc left the mark, to which nothing refers")
	}
	// Made again, it is there, and not marked.
	hold(t, w.s)
	if err := w.s.place(mark, nil, b.Made); err != nil {
		t.Fatal(err)
	}
	w.result(t, base, nil, "b")
	if w.s.exists(mark) {
		t.Error("what is there is marked as removed")
	}
}

// A root that keeps a derivation keeps its results also from rm.
func TestRemoveUnderARootedDerivation(t *testing.T) {
	w := newWorld(t)
	r := w.result(t, w.derive(t, "a"), nil, "1")
	if _, err := w.s.AddRoot("mine", r.Ref.DRef().String()); err != nil {
		t.Fatal(err)
	}
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
	var inUse *InUseError
	if err := w.s.Remove(t.Context(), []RRef{r.Ref}, RemoveOptions{}); !errors.As(err, &inUse) {
		t.Errorf("got %v, want an InUseError", err)
	}
}
