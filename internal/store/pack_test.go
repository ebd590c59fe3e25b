package store

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// packed returns an archive of the realizations.
func packed(t *testing.T, s *Store, refs ...RRef) []byte {
	t.Helper()
	l, err := s.Listing(t.Context(), refs)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	size, err := s.Pack(t.Context(), &b, l)
	if err != nil {
		t.Fatal(err)
	}
	if size != int64(b.Len()) {
		t.Errorf("%d bytes were written, not %d", b.Len(), size)
	}
	return b.Bytes()
}

func unpacked(t *testing.T, s *Store, archive []byte) Listing {
	t.Helper()
	l, err := s.Unpack(t.Context(), bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// plain takes the compression off an archive.
func plain(t testing.TB, archive []byte) []byte {
	t.Helper()
	z, err := zstd.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func compressed(t testing.TB, data []byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	return z.EncodeAll(data, nil)
}

// A realistic store to be packed: [committed], and a realization with a large
// manifest, long and odd names, links, and two action keys, built from all.
func packable(t *testing.T, s *Store) Realization {
	t.Helper()
	refs, err := committed(s)
	if err != nil {
		t.Fatal(err)
	}
	odd := map[string]string{"run": "#!/bin/sh\n", "link": "->deep/" + strings.Repeat("d", 120) + "/f", "deep/" + strings.Repeat("d", 120) + "/f": "far", "tab\there\nand é": "x", "empty/": "", "none": ""}
	for _, n := range "abcdefghijklmnopqrstuvwxyz" {
		odd["many/"+string(n)] = string(n)
	}
	dref := derive(t, s, Derivation{Name: "top", Inputs: map[string]Input{"in": {From: []DRef{refs[1].dref, refs[2].dref}}}})
	var r Realization
	at := time.Date(2024, 2, 29, 12, 0, 0, 123_456_789, time.UTC)
	for run, key := range []string{"first", "second"} {
		st := stage(t, s, odd)
		freeze(t, st)
		o := Origin{Action: HashOf([]byte(key)), Run: run + 1, Started: at, Stopped: at.Add(time.Second), User: 1234567, Host: "<lab>", By: "ada"}
		if r, _, err = st.Commit(dref, Context{"in": refs[1:]}, o); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(s.recordPath(r.Ref), time.Time{}, at); err != nil {
		t.Fatal(err)
	}
	return r
}

// storedObjects returns what there is in a store, but for what is never packed: when
// a result was last used, locks, roots, the order of lines in tables.
func storedObjects(t *testing.T, s *Store) map[string]string {
	t.Helper()
	all := files(t, s.Dir())
	for name := range all {
		top, _, _ := strings.Cut(name, "/")
		info, err := os.Lstat(s.join(name))
		switch {
		case err != nil:
			t.Fatal(err)
		case !slices.Contains([]string{"drv", "tree", "action"}, top):
			delete(all, name)
		case strings.HasPrefix(name, "action/"), len(name) == len("drv/x"):
			data, err := os.ReadFile(s.join(name))
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.SplitAfter(string(data), "\n")
			slices.Sort(lines)
			all[name] = strings.Join(lines, "")
		case strings.HasSuffix(name, ".json"):
			all[name] += " " + info.ModTime().UTC().String()
		}
	}
	return all
}

func sameObjects(t *testing.T, got, want map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			t.Errorf("%s is\n%q, want\n%q", name, got[name], want[name])
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is there", name)
		}
	}
}

// What is unpacked is what was packed, byte for byte and with its times; and it
// packs to the same bytes.
func TestPackRoundTrip(t *testing.T) {
	s, other := held(t), held(t)
	r := packable(t, s)
	archive := packed(t, s, r.Ref)
	if again := packed(t, s, r.Ref, r.Ref); !bytes.Equal(again, archive) {
		t.Error("packing twice gives other bytes")
	}
	l := unpacked(t, other, archive)
	if !slices.Equal(l.Targets, []RRef{r.Ref}) {
		t.Errorf("targets %v, want %v", l.Targets, r.Ref)
	}
	checkSound(t, other)
	sameObjects(t, storedObjects(t, other), storedObjects(t, s))
	if again := packed(t, other, r.Ref); !bytes.Equal(again, archive) {
		t.Error("what was unpacked packs to other bytes")
	}
	unpacked(t, other, archive)
	sameObjects(t, storedObjects(t, other), storedObjects(t, s))
}

// The bytes don't depend on the order in which objects were made, nor on which
// of them are used by others, and targets keep the order that they are given in.
func TestPackOrder(t *testing.T) {
	s := held(t)
	r := packable(t, s)
	deps := r.Context["in"]
	l, err := s.Listing(t.Context(), []RRef{deps[1], r.Ref, deps[0], deps[1]})
	if err != nil || !slices.Equal(l.Targets, []RRef{deps[1], r.Ref, deps[0]}) {
		t.Errorf("targets %v, %v", l.Targets, err)
	}
	other, err := s.Listing(t.Context(), []RRef{deps[0], deps[1], r.Ref})
	if err != nil || !slices.Equal(l.Realizations(), other.Realizations()) || !slices.Equal(l.Trees(), other.Trees()) || !slices.Equal(l.Derivations(), other.Derivations()) {
		t.Errorf("%v\n%v, %v", l, other, err)
	}
}

// An ordinary tar lists and extracts an archive.
func TestPackIsTar(t *testing.T) {
	if _, err := exec.LookPath("tar"); err != nil {
		t.Skip(err)
	}
	s := held(t)
	r := packable(t, s)
	dir := tempDir(t)
	cmd := exec.Command("tar", "-x", "-C", dir, "--no-same-owner")
	cmd.Stdin = bytes.NewReader(plain(t, packed(t, s, r.Ref)))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got, want := files(t, filepath.Join(dir, treeEntry(r.Tree))), files(t, s.TreePath(r.Tree)); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Damage is not packed: it is told, and what was written is no archive.
func TestPackRefusesDamage(t *testing.T) {
	damages := map[string]func(s *Store, r Realization) error{
		"a file of the tree": func(s *Store, r Realization) error { return damage(s.TreePath(r.Tree)+"/many/a", "b") },
		"a longer file":      func(s *Store, r Realization) error { return damage(s.TreePath(r.Tree)+"/many/a", "ab") },
		"a file that is gone": func(s *Store, r Realization) error {
			return errors.Join(os.Chmod(s.TreePath(r.Tree)+"/many", 0o755), os.Remove(s.TreePath(r.Tree)+"/many/a"))
		},
		"a tree that is gone":     func(s *Store, r Realization) error { return removeAll(s.TreePath(r.Tree)) },
		"a manifest that is gone": func(s *Store, r Realization) error { return os.Remove(s.manifestPath(r.Tree)) },
		"a record":                func(s *Store, r Realization) error { return damage(s.recordPath(r.Context["in"][0]), "{}") },
		"a context that is gone":  func(s *Store, r Realization) error { return os.Remove(s.recordPath(r.Context["in"][0])) },
		"volatile outputs":        func(s *Store, r Realization) error { return removeAll(s.VolatilePath(r.Context["in"][0])) },
		"derivations that are gone": func(s *Store, r Realization) error {
			s.drvs = map[string]drvTable{}
			return os.Remove(s.drvTablePath(firstOf(r.Ref.dref)))
		},
	}
	for what, do := range damages {
		s := held(t)
		r := packable(t, s)
		if err := do(s, r); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		l, err := s.Listing(t.Context(), []RRef{r.Ref})
		if err == nil {
			_, err = s.Pack(t.Context(), &b, l)
		}
		var damaged *DamageError
		if !errors.As(err, &damaged) {
			t.Errorf("%s: got %v, want a DamageError", what, err)
		}
		var refused *PackError
		if _, err := held(t).Unpack(t.Context(), &b); !errors.As(err, &refused) {
			t.Errorf("%s: unpacking what was written: got %v, want a PackError", what, err)
		}
	}
	s := held(t)
	if _, err := s.Listing(t.Context(), []RRef{packable(t, held(t)).Ref}); !errors.Is(err, ErrNotExist) {
		t.Errorf("what is not there: got %v, want ErrNotExist", err)
	}
}

func damage(path, text string) error {
	return errors.Join(os.Chmod(path, 0o644), os.WriteFile(path, []byte(text), 0o644))
}

// What was removed by force is remembered on the other side, unless it is
// there.
func TestPackRemembersRemoved(t *testing.T) {
	s := held(t)
	r := packable(t, s)
	gone := r.Context["in"][0]
	whole := packed(t, s, r.Ref)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(t.Context(), []RRef{gone}, RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	archive := packed(t, s, r.Ref)
	other := held(t)
	unpacked(t, other, archive)
	checkSound(t, other)
	if !other.exists(other.OutPath(gone) + removedSuffix) {
		t.Error("nothing says that it was removed")
	}
	unpacked(t, other, whole)
	unpacked(t, other, archive)
	checkSound(t, other)
	if other.exists(other.OutPath(gone)+removedSuffix) || !other.exists(other.recordPath(gone)) {
		t.Error("it is there, and said to be removed")
	}
}

// A writer that waits for ever, and a reader, end with the context.
func TestPackEndsWithContext(t *testing.T) {
	s := held(t)
	r := packable(t, s)
	l, err := s.Listing(t.Context(), []RRef{r.Ref})
	if err != nil {
		t.Fatal(err)
	}
	from, to := io.Pipe()
	cause := errors.New("enough")
	for what, do := range map[string]func(context.Context) error{
		"pack":   func(ctx context.Context) error { _, err := s.Pack(ctx, to, l); return err },
		"unpack": func(ctx context.Context) error { _, err := s.Unpack(ctx, from); return err },
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan error)
		go func() { done <- do(ctx) }()
		cancel(cause)
		if err := <-done; !errors.Is(err, cause) {
			t.Errorf("%s: got %v, want %v", what, err, cause)
		}
	}
}

// What a header can't hold in its first form is told in another.
func TestPackHeaders(t *testing.T) {
	for _, h := range []*tar.Header{
		fileHeader("tree/x", 9<<30),
		tarHeader("tree/x", Entry{Path: strings.Repeat("ü/", 200) + "f", Kind: KindExecutable, Size: 1}),
		tarHeader("tree/x", Entry{Path: "l", Kind: KindSymlink, Target: strings.Repeat("../", 100) + "é"}),
		tarHeader("tree/x", Entry{Kind: KindDir}),
	} {
		var b bytes.Buffer
		if err := tar.NewWriter(&b).WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if err := plainReader(t.Context(), &b).next(h); err != nil {
			t.Error(err)
		}
	}
}
