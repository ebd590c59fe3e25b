package store

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// A packedEntry is one entry of an archive, for tests to change.
type packedEntry struct {
	tar.Header
	data string
}

func entriesOf(t *testing.T, archive []byte) []packedEntry {
	t.Helper()
	var all []packedEntry
	for r := tar.NewReader(bytes.NewReader(plain(t, archive))); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, packedEntry{*h, string(data)})
	}
}

// archiveOf makes a tar file of entries. The size of one that holds less than
// its header says is left as it is.
func archiveOf(t *testing.T, entries []packedEntry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		e.Format = tar.FormatUnknown
		if e.PAXRecords != nil || len(e.Name) > 100 {
			e.Format = tar.FormatPAX
		}
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// at returns where the entry is whose name ends so.
func at(t *testing.T, entries []packedEntry, suffix string) int {
	t.Helper()
	i := slices.IndexFunc(entries, func(e packedEntry) bool { return strings.HasSuffix(e.Name, suffix) })
	if i < 0 {
		t.Fatalf("no entry %q", suffix)
	}
	return i
}

func (e *packedEntry) set(data string) { e.data, e.Size = data, int64(len(data)) }

// A forgery changes an archive, and says which entry must be named.
type forgery struct {
	do    func(t *testing.T, e []packedEntry) []packedEntry
	entry string
	want  string
}

// with changes the entry whose name ends so.
func with(suffix string, change func(*packedEntry)) func(*testing.T, []packedEntry) []packedEntry {
	return func(t *testing.T, e []packedEntry) []packedEntry {
		change(&e[at(t, e, suffix)])
		return e
	}
}

// listed replaces text in the listing.
func listed(pairs ...string) func(*testing.T, []packedEntry) []packedEntry {
	return with(listingEntry, func(e *packedEntry) { e.set(strings.NewReplacer(pairs...).Replace(e.data)) })
}

func insert(suffix string, h tar.Header, data string) func(*testing.T, []packedEntry) []packedEntry {
	return func(t *testing.T, e []packedEntry) []packedEntry {
		h.Size, h.ModTime = int64(len(data)), packedTime()
		return slices.Insert(e, at(t, e, suffix), packedEntry{h, data})
	}
}

func reg(name string, mode int64) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode}
}

var forgeries = map[string]forgery{
	"an absolute name":      {insert("/many/a", reg("/etc/cron.d/x", 0o444), "x"), "/etc/cron.d/x", "want "},
	"a name that leads out": {insert("/many/a", reg("tree/../../x", 0o444), "x"), "tree/../../x", "want "},
	"a file more":           {insert("/many/b", reg("tree/x", 0o444), "x"), "tree/x", "want "},
	"a device":              {with("/many/a", func(e *packedEntry) { e.Typeflag, e.Devmajor, e.Size, e.data = tar.TypeChar, 1, 0, "" }), "/many/a", "type"},
	"a FIFO":                {with("/many/a", func(e *packedEntry) { e.Typeflag, e.Size, e.data = tar.TypeFifo, 0, "" }), "/many/a", "type"},
	"a hard link":           {with("/many/a", func(e *packedEntry) { e.Typeflag, e.Linkname, e.Size, e.data = tar.TypeLink, "/etc/passwd", 0, "" }), "/many/a", "type"},
	"a link for a file":     {with("/many/a", func(e *packedEntry) { e.Typeflag, e.Linkname, e.Size, e.data = tar.TypeSymlink, "/etc/passwd", 0, "" }), "/many/a", "type"},
	"a link elsewhere":      {with("/link", func(e *packedEntry) { e.Linkname = "/etc" }), "/link", `leads to "/etc"`},
	"set-uid":               {with("/run", func(e *packedEntry) { e.Mode = 0o4555 }), "/run", "mode"},
	"writable":              {with("/run", func(e *packedEntry) { e.Mode = 0o755 }), "/run", "mode"},
	"an owner":              {with("/run", func(e *packedEntry) { e.Uid = 1000 }), "/run", "owner"},
	"a group's name":        {with("/run", func(e *packedEntry) { e.Gname = "wheel" }), "/run", "owner"},
	"a time":                {with("/run", func(e *packedEntry) { e.ModTime = time.Unix(1, 0) }), "/run", "time"},
	"an attribute":          {with("/run", func(e *packedEntry) { e.PAXRecords = map[string]string{"SCHILY.xattr.user.x": "y"} }), "/run", "properties"},
	"a sparse file": {with("/run", func(e *packedEntry) {
		e.PAXRecords = map[string]string{"XNU.sparse.major": "1", "XNU.sparse.minor": "0", "XNU.sparse.name": e.Name, "XNU.sparse.realsize": "99"}
	}), "/run", ""},
	"a global header": {func(t *testing.T, e []packedEntry) []packedEntry {
		return slices.Insert(e, 3, packedEntry{tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "x"}}, ""})
	}, "", "want "},
	"a name in Latin 1": {with("/run", func(e *packedEntry) { e.Name = strings.TrimSuffix(e.Name, "run") + "r\xfcn" }), "r\xfcn", "want "},
	"other content":     {with("/many/a", func(e *packedEntry) { e.data = "b" }), "/many/a", "hash"},
	"more content":      {with("/many/a", func(e *packedEntry) { e.set("aa") }), "/many/a", "has 2 bytes, not 1"},
	"less content":      {with("/many/a", func(e *packedEntry) { e.set("") }), "/many/a", "has 0 bytes, not 1"},
	"another order": {func(t *testing.T, e []packedEntry) []packedEntry {
		i := at(t, e, "/many/a")
		e[i], e[i+1] = e[i+1], e[i]
		return e
	}, "/many/b", "want "},
	"an entry twice": {func(t *testing.T, e []packedEntry) []packedEntry {
		i := at(t, e, "/many/a")
		return slices.Insert(e, i, e[i])
	}, "/many/a", "want "},
	"a file less": {func(t *testing.T, e []packedEntry) []packedEntry {
		i := at(t, e, "/many/a")
		return slices.Delete(e, i, i+1)
	}, "/many/b", "want "},
	"no end": {func(t *testing.T, e []packedEntry) []packedEntry { return e[:len(e)-1] }, "", "before its end"},
	"a file after the end": {func(t *testing.T, e []packedEntry) []packedEntry {
		return append(e, packedEntry{Header: reg("tree/x", 0o444)})
	}, "tree/x", "not in the listing"},
	"no listing":         {func(t *testing.T, e []packedEntry) []packedEntry { return e[1:] }, "", `want "plx-pack.json"`},
	"a bomb":             {with(".manifest", func(e *packedEntry) { e.set(e.data + strings.Repeat("\n", 1<<20)) }), ".manifest", "bytes, not"},
	"another manifest":   {with(".manifest", func(e *packedEntry) { e.data = strings.Replace(e.data, "f\t", "x\t", 1) }), ".manifest", "hash"},
	"another derivation": {with("-leaf.json", func(e *packedEntry) { e.data = strings.Replace(e.data, "import", "impart", 1) }), "-leaf.json", ""},
	"another record":     {rerecord("top", `"run": 1`, `"run": 2`), "", "hash"},
	"a record's tree":    {rerecord("run", `"tree": "`, `"tree": "0`), "-run/", ""},

	"other volatile outputs": {forgeRecord("run", replacing(`"log.txt"`, `"log.csv"`)), ".volatile.manifest", "more than volatile"},
	"a volatile way out":     {forgeRecord("run", replacing(`"log.txt"`, `"/log"`)), "-run/", "relative"},
	"no volatile outputs":    {forgeRecord("run", replacing(`"log.txt"`, ``)), "-run/", "other volatile"},
	"no manifest": {forgeRecord("run", func(text string) string {
		head, rest, _ := strings.Cut(text, "\t\"manifest\"")
		_, rest, _ = strings.Cut(rest, "\n")
		return head + rest
	}), "-run/", "in a record if it is small"},

	"no JSON":            {listed("{", "["), listingEntry, ""},
	"a newer version":    {listed("plx pack 1", "plx pack 2"), listingEntry, "version 2, and this plx knows up to 1: use a newer plx"},
	"an unknown version": {listed("plx pack 1", "plx pack one"), listingEntry, "format"},
	"an unknown key":     {listed(`"targets":`, `"x":1,"targets":`), listingEntry, "form"},
	"a key in capitals":  {listed(`"targets":`, `"Targets":`), listingEntry, "form"},
	"no targets":         {func(t *testing.T, e []packedEntry) []packedEntry { return retarget(e, `[]`) }, listingEntry, "no targets"},
	"a target elsewhere": {func(t *testing.T, e []packedEntry) []packedEntry {
		return retarget(e, `["rref:00000000000000000000000000000000-00000000000000000000000000000000-x"]`)
	}, listingEntry, "not among"},
	"a negative size":     {listed(`"manifest":`, `"manifest":-`), listingEntry, "size"},
	"sizes that overflow": {listed(`"bytes":`, `"bytes":99999999999999999`), listingEntry, ""},
	"a time of no file":   {listed(`"made":"2024`, `"made":"9024`), listingEntry, "out of range"},
	"a time too exact":    {listed(`.123456789Z`, `.1234567890Z`), listingEntry, "form"},
	"no source":           {listed(`"source":true,`, ``), "tree/", "source"},
	"objects twice": {func(t *testing.T, e []packedEntry) []packedEntry {
		return relist(e, func(o []string) []string { return append(o, o[0]) })
	}, listingEntry, "twice"},
	"objects in disorder": {func(t *testing.T, e []packedEntry) []packedEntry {
		return relist(e, func(o []string) []string { slices.Reverse(o); return o })
	}, "", "want "},
	"nothing needs a tree": {func(t *testing.T, e []packedEntry) []packedEntry { return unneeded(t, e) }, "tree/", "nothing in the archive needs it"},
	"what needs it first":  {func(t *testing.T, e []packedEntry) []packedEntry { return tooEarly(t, e) }, "drv/", "does not come before it"},
}

// rerecord changes the record of the realization with the name.
func rerecord(name, from, to string) func(*testing.T, []packedEntry) []packedEntry {
	return func(t *testing.T, e []packedEntry) []packedEntry {
		i := slices.IndexFunc(e, func(e packedEntry) bool {
			return strings.Contains(e.Name, "-"+name+"/") && strings.HasSuffix(e.Name, ".json")
		})
		if !strings.Contains(e[i].data, from) {
			t.Fatalf("%s has no %s", e[i].Name, from)
		}
		e[i].data = strings.Replace(e[i].data, from, to, 1)[:e[i].Size]
		return e
	}
}

// forgeRecord is [rerecord], but for a listing that says the same.
func forgeRecord(name string, change func(string) string) func(*testing.T, []packedEntry) []packedEntry {
	return func(t *testing.T, e []packedEntry) []packedEntry {
		i := slices.IndexFunc(e, func(e packedEntry) bool {
			return strings.Contains(e.Name, "-"+name+"/") && strings.HasSuffix(e.Name, ".json")
		})
		told := func() string {
			return fmt.Sprintf(`"bytes":%d,"digest":"%v"`, e[i].Size, DigestOf([]byte(e[i].data)))
		}
		before := told()
		e[i].set(change(e[i].data))
		if told() == before || !strings.Contains(e[0].data, before) {
			t.Fatalf("%s has not changed", e[i].Name)
		}
		return listed(before, told())(t, e)
	}
}

func replacing(from, to string) func(string) string {
	return func(text string) string { return strings.Replace(text, from, to, 1) }
}

func retarget(e []packedEntry, targets string) []packedEntry {
	head, rest, _ := strings.Cut(e[0].data, `"targets":`)
	_, rest, _ = strings.Cut(rest, `]`)
	e[0].set(head + `"targets":` + targets + rest)
	return e
}

// relist changes the objects of the listing.
func relist(e []packedEntry, change func([]string) []string) []packedEntry {
	head, rest, _ := strings.Cut(e[0].data, `"objects":[`)
	objects := strings.Split(strings.TrimSuffix(rest, "]}\n"), "},{")
	for i := range objects {
		objects[i] = "{" + strings.Trim(objects[i], "{}") + "}"
		objects[i] += strings.Repeat("}", strings.Count(objects[i], "{")-strings.Count(objects[i], "}"))
	}
	e[0].set(head + `"objects":[` + strings.Join(change(objects), ",") + "]}\n")
	return e
}

// unneeded adds a tree to the end.
func unneeded(t *testing.T, e []packedEntry) []packedEntry {
	m, err := NewManifest(nil)
	if err != nil {
		t.Fatal(err)
	}
	o := object{tree: treeOf(m.Hash(), m)}
	data, err := Listing{objects: []object{o}}.text()
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(data), `"objects":[`)
	e = relist(e, func(all []string) []string { return append(all, strings.TrimSuffix(text, "]}\n")) })
	return append(e, packedEntry{*fileHeader(o.name()+".manifest", o.tree.text), string(m.Text())}, packedEntry{*tarHeader(o.name(), Entry{Kind: KindDir}), ""})
}

// tooEarly moves the first derivation before its source.
func tooEarly(t *testing.T, e []packedEntry) []packedEntry {
	i := at(t, e, "-leaf.json")
	first := e[i]
	e = slices.Insert(slices.Delete(e, i, i+1), 1, first)
	return relist(e, func(o []string) []string {
		i := slices.IndexFunc(o, func(o string) bool { return strings.Contains(o, `-leaf","bytes"`) })
		first := o[i]
		return slices.Insert(slices.Delete(o, i, i+1), 0, first)
	})
}

// An archive that was changed in any way is refused, the entry is named, and
// nothing of it is seen.
func TestUnpackRefusesForgeries(t *testing.T) {
	from := held(t)
	archive := packed(t, from, packable(t, from).Ref)
	for what, f := range forgeries {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := held(t)
			forged := archiveOf(t, f.do(t, entriesOf(t, archive)))
			forged = bytes.ReplaceAll(forged, []byte("XNU."), []byte("GNU.")) // the writer would leave it out
			_, err := s.Unpack(t.Context(), bytes.NewReader(compressed(t, forged)))
			var refused *PackError
			if !errors.As(err, &refused) || !strings.Contains(refused.Entry, f.entry) || !strings.Contains(err.Error(), f.want) {
				t.Errorf("got %v, want %q of %q", err, f.want, f.entry)
			}
			checkNothingSeen(t, s)
		})
	}
}

// checkNothingSeen checks that there is nothing in the store but whole trees.
func checkNothingSeen(t *testing.T, s *Store) {
	t.Helper()
	checkSound(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"drv", "action", "root", "tmp"} {
		if names, err := dirNames(s.join(dir)); err != nil || len(names) > 0 {
			t.Errorf("%s has %q, %v", dir, names, err)
		}
	}
	names, err := dirNames(s.join("tree"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".manifest") {
			continue
		}
		if m, err := (&scanner{top: s.join("tree", name)}).scan(); err != nil || m.Hash().String() != name {
			t.Errorf("tree %s has the hash %v, %v", name, m.Hash(), err)
		}
	}
}

// An archive that is cut off, anywhere, is refused; so is one that has a byte
// changed, or more at its end.
func TestUnpackRefusesTorn(t *testing.T) {
	from := held(t)
	r := packable(t, from)
	archive := packed(t, from, r.Ref)
	tarred := plain(t, archive)
	var torn [][]byte
	for i := 1; i < len(archive); i += 1 + len(archive)/12 {
		torn = append(torn, archive[:i])
		flipped := bytes.Clone(archive)
		flipped[i] ^= 0x10
		torn = append(torn, flipped)
	}
	for _, n := range []int{512, 1024, 1025, 5 << 10, 20 << 10} {
		torn = append(torn, compressed(t, tarred[:len(tarred)-n]))
	}
	torn = append(torn, compressed(t, append(bytes.Clone(tarred), make([]byte, 512)...)), append(bytes.Clone(archive), archive...), append(bytes.Clone(archive), 'x'), archive[:len(archive)-1])
	for i, data := range torn {
		s := held(t)
		_, err := s.Unpack(t.Context(), bytes.NewReader(data))
		var refused *PackError
		if !errors.As(err, &refused) {
			t.Errorf("%d: got %v, want a PackError", i, err)
		}
		checkNothingSeen(t, s)
	}
}

// A header with more records than a reader could keep in memory is refused.
func TestUnpackRefusesHugeHeader(t *testing.T) {
	data := archiveOf(t, []packedEntry{{*fileHeader("x", 2<<20), strings.Repeat("x", 2<<20)}})
	data[156] = tar.TypeXHeader
	sum := int64(0)
	copy(data[148:156], "        ")
	for _, b := range data[:512] {
		sum += int64(b)
	}
	copy(data[148:156], fmt.Sprintf("%06o\x00 ", sum))
	s := held(t)
	_, err := s.Unpack(t.Context(), bytes.NewReader(compressed(t, data)))
	var refused *PackError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "too long") {
		t.Errorf("got %v", err)
	}
}

// Compression that needs much memory is refused, and a reader's own errors are
// not taken for the archive's.
func TestUnpackReads(t *testing.T) {
	s := held(t)
	frame := binary.LittleEndian.AppendUint32(nil, 0xFD2FB528)
	frame = append(frame, 0, (24-10)<<3) // a window of 16 MiB
	_, err := s.Unpack(t.Context(), bytes.NewReader(append(frame, make([]byte, 100)...)))
	var refused *PackError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "window") {
		t.Errorf("a large window: got %v", err)
	}
	broken := errors.New("broken")
	archive := packed(t, s, packable(t, s).Ref)
	for _, n := range []int{0, 10, len(archive) / 2, len(archive) - 1} {
		_, err = s.Unpack(t.Context(), io.MultiReader(bytes.NewReader(archive[:n]), errorReader{broken}))
		if !errors.Is(err, broken) || errors.As(err, &refused) {
			t.Errorf("a broken disk: got %v", err)
		}
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

// What can't be on the disk is not begun.
func TestUnpackNeedsSpace(t *testing.T) {
	from, s := held(t), held(t)
	archive := packed(t, from, packable(t, from).Ref)
	huge := func(t *testing.T, e []packedEntry) []packedEntry {
		return with(listingEntry, func(e *packedEntry) {
			i := strings.Index(e.data, `"bytes":`)
			e.set(e.data[:i] + `"bytes":900000000000000000` + strings.TrimLeft(e.data[i+len(`"bytes":`):], "0123456789"))
		})(t, e)
	}
	_, err := s.Unpack(t.Context(), bytes.NewReader(compressed(t, archiveOf(t, huge(t, entriesOf(t, archive))))))
	if err == nil || !strings.Contains(err.Error(), "the disk has") {
		t.Errorf("got %v", err)
	}
	checkNothingSeen(t, s)
}

// A tree that a killed process left without its top frozen, and one without the
// manifest that a source has, are made whole.
func TestUnpackFinishesTrees(t *testing.T) {
	from, s := held(t), held(t)
	r := packable(t, from)
	archive := packed(t, from, r.Ref)
	unpacked(t, s, archive)
	want := storedObjects(t, s)
	trees, err := dirNames(s.join("tree"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range trees {
		if err := os.Chmod(s.join("tree", name), 0o755); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".manifest") {
			if err := os.Remove(s.join("tree", name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	unpacked(t, s, archive)
	sameObjects(t, storedObjects(t, s), want)
}
