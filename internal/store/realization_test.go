package store

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// fullRealization has no field that is zero, but for Made.
func fullRealization(t testing.TB) Realization {
	dref := mustDRef(t, "dref:"+hashA+"-full")
	m, err := NewManifest([]Entry{{Path: "a", Kind: KindFile, Size: 3, Digest: DigestOf([]byte("foo"))}})
	if err != nil {
		t.Fatal(err)
	}
	in := RealizationRef(mustDRef(t, "dref:"+hashB+"-in"), nil, m.Hash())
	c := Context{"x": {in, RealizationRef(dref, nil, m.Hash())}, "none": {}}
	return Realization{
		Ref: RealizationRef(dref, c, m.Hash()), Context: c, Tree: m.Hash(), Manifest: m, Volatile: []string{"log.txt"}, Beside: HashOf([]byte("beside")),
		Origin: Origin{
			Action: HashOf([]byte("action")), Run: 7,
			Started: time.Date(2024, 2, 29, 1, 2, 3, 4, time.UTC), Stopped: time.Date(2024, 2, 29, 1, 2, 4, 5, time.UTC),
			User: 1500*time.Millisecond + 1, System: 3 * time.Microsecond, MaxRSS: 1 << 40,
			Host: "höst<&>", By: "me", Version: "1.2.3", Sandbox: "none",
			Tools: map[string]Tool{"sort": {Path: "/usr/bin/sort", Digest: DigestOf([]byte("sort"))}}, Carried: true, Hand: true,
		},
		Also: map[Hash]int{HashOf([]byte("another")): 2}, Adopted: in,
	}
}

func TestRecordRoundTrip(t *testing.T) {
	want := fullRealization(t)
	for v := reflect.ValueOf(want); ; v = v.FieldByName("Origin") {
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; v.Field(i).IsZero() && name != "Made" {
				t.Errorf("%s is zero: give it a value, so that it is tested", name)
			}
		}
		if v.Type() == reflect.TypeFor[Origin]() {
			break
		}
	}
	data, err := want.encode()
	if err != nil {
		t.Fatal(err)
	}
	got, inline, err := decodeRealization(want.Ref, data)
	if err != nil || !inline || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
	}
}

func TestRecordTimesRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 1000 {
		want := fullRealization(t)
		want.User, want.System = time.Duration(rng.Int64N(1<<50)), time.Duration(rng.Int64N(1e9))
		want.Started = time.Unix(rng.Int64N(1<<33), rng.Int64N(1e9)).UTC()
		data, err := want.encode()
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := decodeRealization(want.Ref, data)
		if err != nil || !reflect.DeepEqual(got.Origin, want.Origin) {
			t.Fatalf("%v\ngot  %+v\nwant %+v", err, got.Origin, want.Origin)
		}
	}
}

// The reference covers derivation, context and tree, and nothing else.
func TestRealizationRef(t *testing.T) {
	r := fullRealization(t)
	other := mustDRef(t, "dref:"+hashB+"-full")
	seen := map[RRef]string{r.Ref: "itself"}
	swapped := Context{"x": {r.Context["x"][1], r.Context["x"][0]}, "none": {}}
	renamed := Context{"y": r.Context["x"], "none": {}}
	shorter := Context{"x": r.Context["x"][:1], "none": {}}
	without := Context{"x": r.Context["x"]}
	for what, ref := range map[string]RRef{
		"derivation":     RealizationRef(other, r.Context, r.Tree),
		"tree":           RealizationRef(r.Ref.DRef(), r.Context, HashOf(nil)),
		"order":          RealizationRef(r.Ref.DRef(), swapped, r.Tree),
		"input":          RealizationRef(r.Ref.DRef(), renamed, r.Tree),
		"one less":       RealizationRef(r.Ref.DRef(), shorter, r.Tree),
		"an empty input": RealizationRef(r.Ref.DRef(), without, r.Tree),
		"no context":     RealizationRef(r.Ref.DRef(), nil, r.Tree),
	} {
		if was, ok := seen[ref]; ok {
			t.Errorf("%q and %q have one reference", what, was)
		}
		seen[ref] = what
	}
	if RealizationRef(other, nil, r.Tree) != RealizationRef(other, Context{}, r.Tree) {
		t.Error("no context and an empty one differ")
	}
	if RealizationRef(r.Ref.DRef(), maps.Clone(r.Context), r.Tree) != r.Ref {
		t.Error("the same has another reference")
	}
}

// TestRecordDamage changes what the reference covers, and what can't be.
func TestRecordDamage(t *testing.T) {
	r := fullRealization(t)
	data, err := r.encode()
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	tree, in := r.Tree.String(), r.Context["x"][0].String()
	other := HashOf([]byte("other")).String()
	for _, c := range [][2]string{
		{`"tree": "` + tree, `"tree": "` + other},
		{`"tree": "`, `"tree": "x`},
		{in, strings.Replace(in, hashB, other, 1)},
		{`"x": [`, `"z": [`},
		{"-full\"", "-null\""},
		{"plx realization 1", "plx realization 2"},
		{"\\ta\\n", "\\tb\\n"},
		{"plx tree 1", "plx tree 2"},
		{r.Action.String(), ""},
		{`"adopted": "rref:`, `"adopted": "`},
		{`"run": 7`, `"run": "7"`},
		{`"also": {`, `"also": {"x": 1,`},
		{"{", ""}, {"}\n", ""}, {"}\n", "}}\n"}, {text, ""}, {text, "null"}, {text, "[]"}, {text, "{}"}, {text, text + text},
	} {
		changed := strings.Replace(text, c[0], c[1], 1)
		if changed == text {
			t.Fatalf("no %q in %s", c[0], text)
		}
		if _, _, err := decodeRealization(r.Ref, []byte(changed)); err == nil {
			t.Errorf("%q for %q: want an error", c[1], c[0])
		}
	}
	another := RealizationRef(r.Ref.DRef(), nil, r.Tree)
	if _, _, err := decodeRealization(another, data); err == nil {
		t.Error("under another name: want an error")
	}
	// What an older or newer plx has beside it is no damage.
	if _, _, err := decodeRealization(r.Ref, bytes.Replace(data, []byte("{"), []byte(`{"later": 1,`), 1)); err != nil {
		t.Error(err)
	}
}

// In the store, damage is an error about that file, and nothing else.
func TestRealizationDamage(t *testing.T) {
	s := held(t)
	dref := derive(t, s, Derivation{Name: "a"})
	good, bad := result(t, s, dref, nil, "1"), result(t, s, dref, nil, "2")
	path := s.recordPath(bad.Ref)
	overwrite(t, path, "{}")
	_, err := s.Realization(bad.Ref)
	var damage *DamageError
	if !errors.As(err, &damage) || damage.Path != path || errors.Is(err, ErrNotExist) {
		t.Errorf("got %v, want a DamageError about %s", err, path)
	}
	if _, err := s.Realization(good.Ref); err != nil {
		t.Error(err)
	}
	if found, err := s.RealizationsOf(good.Action); err != nil || len(found) != 1 || found[0].Ref != good.Ref {
		t.Errorf("RealizationsOf: got %v, %v", found, err)
	}
	// Made again, it is whole again.
	if again := result(t, s, dref, nil, "2"); again.Ref != bad.Ref {
		t.Errorf("got %v, want %v", again.Ref, bad.Ref)
	}
	if _, err := s.Realization(bad.Ref); err != nil {
		t.Error(err)
	}
}

func overwrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A manifest that is too large for the record is a file, and is found also if
// an input is named "manifest".
func TestLargeManifest(t *testing.T) {
	s := held(t)
	in := result(t, s, derive(t, s, Derivation{Name: "in"}), nil, "1")
	dref := derive(t, s, Derivation{Name: "large"})
	files := make(map[string]string)
	for i := range 40 {
		files[fmt.Sprintf("file-%d", i)] = fmt.Sprint(i)
	}
	st := stage(t, s, files)
	m := freeze(t, st)
	r, _, err := st.Commit(dref, Context{"manifest": {in.Ref}}, Origin{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Realization(r.Ref)
	if err != nil || got.Manifest.Hash() != m.Hash() {
		t.Errorf("got %d entries, %v, want %d", len(got.Manifest.Entries()), err, len(m.Entries()))
	}
	if err := os.Remove(s.manifestPath(r.Tree)); err != nil {
		t.Fatal(err)
	}
	var damage *DamageError
	if _, err := s.Realization(r.Ref); !errors.As(err, &damage) {
		t.Errorf("got %v, want a DamageError", err)
	}
}

func FuzzDecodeRealization(f *testing.F) {
	r := fullRealization(f)
	data, err := r.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r1, _, err := decodeRealization(r.Ref, data)
		if err != nil {
			return
		}
		if r1.Tree != r.Tree || !reflect.DeepEqual(r1.Context.table(), r.Context.table()) {
			t.Fatalf("another context or tree under the same hash: %s", data)
		}
		again, err := r1.encode()
		if err != nil {
			return // a time that JSON can't hold
		}
		if _, _, err := decodeRealization(r.Ref, again); err != nil {
			t.Errorf("%v: %s", err, again)
		}
	})
}
