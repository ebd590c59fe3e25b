package store

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

// packVectors are archives of which the repository has the bytes: of the store
// that docs/store-format.md shows, and of one with all that there can be.
var packVectors = map[string]func(*testing.T, *Store) Realization{
	"testdata/pack/sort.plx": sorted,
	"testdata/pack/all.plx":  packable,
}

// vectorStore makes a store in which everything was made at one time.
func vectorStore(t *testing.T, make func(*testing.T, *Store) Realization) (*Store, RRef) {
	t.Helper()
	s := held(t)
	r := make(t, s)
	l, err := s.Listing(t.Context(), []RRef{r.Ref})
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range l.Realizations() {
		if err := os.Chtimes(s.recordPath(ref), time.Time{}, time.Date(2024, 2, 29, 12, 0, 1, 500_000_000, time.UTC)); err != nil {
			t.Fatal(err)
		}
	}
	return s, r.Ref
}

// What is packed today are the bytes in the repository; they are unpacked, and
// packed again. A new version of the compressor may compress in another way:
// then the files are made anew with -update, if what they hold is the same.
func TestPackVectors(t *testing.T) {
	for path, make := range packVectors {
		s, ref := vectorStore(t, make)
		archive := packed(t, s, ref)
		if *update {
			if err := os.WriteFile(path, archive, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(archive, want) {
			t.Errorf("%s is not what is packed; the same without compression: %v", path, bytes.Equal(plain(t, archive), plain(t, want)))
		}
		other := held(t)
		unpacked(t, other, want)
		checkSound(t, other)
		sameObjects(t, storedObjects(t, other), storedObjects(t, s))
		if again := packed(t, other, ref); !bytes.Equal(again, want) {
			t.Errorf("%s packs to other bytes after it was unpacked", path)
		}
	}
}

// The page shows the entries and the listing of an archive.
func TestPackPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/pack-format.md")
	if err != nil {
		t.Fatal(err)
	}
	archive, err := os.ReadFile("testdata/pack/sort.plx")
	if err != nil {
		t.Fatal(err)
	}
	var names string
	for _, e := range entriesOf(t, archive) {
		names += e.Name + "\n"
		if e.Name == listingEntry && !strings.Contains(string(page), "```json\n"+e.data+"```\n") {
			t.Errorf("docs/pack-format.md lacks\n%s", e.data)
		}
	}
	if !strings.Contains(string(page), "```\n"+names+"```\n") {
		t.Errorf("docs/pack-format.md lacks\n%s", names)
	}
}
