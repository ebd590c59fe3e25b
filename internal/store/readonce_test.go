package store

import (
	"errors"
	"os"
	"reflect"
	"testing"
)

// What was read stays what it was; what can't be read is looked for again.
func TestReadOnce(t *testing.T) {
	s := held(t)
	dref := derive(t, s, Derivation{Name: "train"})
	a, b := result(t, s, dref, nil, "a"), result(t, s, dref, nil, "b")
	q := open(t, s.Dir())
	q.ReadOnce()
	q.ReadAhead([]RRef{a.Ref, b.Ref, RealizationRef(dref, nil, HashOf([]byte("none")))})
	first, err := q.Realization(a.Ref)
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, s.recordPath(a.Ref), "damaged")
	if again, err := q.Realization(a.Ref); err != nil || !reflect.DeepEqual(again, first) {
		t.Errorf("read again it is %+v, %v; want %+v", again, err, first)
	}
	var damage *DamageError
	if _, err := s.Realization(a.Ref); !errors.As(err, &damage) {
		t.Errorf("without it, the error is %v; want a DamageError", err)
	}

	c := result(t, s, dref, nil, "c")
	kept, err := os.ReadFile(s.recordPath(c.Ref))
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, s.recordPath(c.Ref), "damaged")
	if _, err := q.Realization(c.Ref); !errors.As(err, &damage) {
		t.Errorf("of a damaged record the error is %v; want a DamageError", err)
	}
	overwrite(t, s.recordPath(c.Ref), string(kept))
	if _, err := q.Realization(c.Ref); err != nil {
		t.Errorf("it was mended: %v", err)
	}
}
