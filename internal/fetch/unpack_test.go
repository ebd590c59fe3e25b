package fetch

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// An item is an entry of an archive, as a test writes it: "dir/", "a=text",
// "x!=text" is executable, "link->target", "hard=>target", and with a type of
// tar "fifo?6".
type item string

// tarOf returns a tar of the items.
func tarOf(t testing.TB, items ...item) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, it := range items {
		h, text := it.header()
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (it item) header() (*tar.Header, string) {
	s := string(it)
	if name, target, ok := strings.Cut(s, "->"); ok {
		return &tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}, ""
	}
	if name, target, ok := strings.Cut(s, "=>"); ok {
		return &tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target}, ""
	}
	if name, kind, ok := strings.Cut(s, "?"); ok {
		return &tar.Header{Typeflag: kind[0], Name: name}, ""
	}
	if name, text, ok := strings.Cut(s, "!="); ok {
		return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(text)), Mode: 0o4711}, text
	}
	if name, text, ok := strings.Cut(s, "="); ok {
		return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(text)), Mode: 0o640}, text
	}
	return &tar.Header{Typeflag: tar.TypeDir, Name: s, Mode: 0o700}, ""
}

// zipOf returns a zip of the items.
func zipOf(t testing.TB, items ...item) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, it := range items {
		h, text := it.header()
		z := &zip.FileHeader{Name: h.Name, Method: zip.Deflate}
		z.SetMode(h.FileInfo().Mode())
		if h.Typeflag == tar.TypeSymlink {
			text = h.Linkname
		}
		f, err := w.CreateHeader(z)
		if err == nil && text != "" {
			_, err = io.WriteString(f, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// compress returns the data as a compressor makes it smaller.
func compress(t testing.TB, data []byte, open func(io.Writer) (io.WriteCloser, error)) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := open(&b)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gz(t testing.TB, data []byte) []byte {
	return compress(t, data, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil })
}

// fooBzip2 is what bzip2 makes of "foo": the standard library can't.
const fooBzip2 = "QlpoOTFBWSZTWUn+xKUAAAABAAEAoAAhAIIsXckU4UJBJ/sSlA=="

// unpacked unpacks the archive beside a file that it must leave alone, and
// returns what it makes, by path: "dir", "x:text" of an executable, "->target".
func unpacked(t testing.TB, archive []byte, how Unpacking) (map[string]string, error) {
	t.Helper()
	top := t.TempDir()
	file, dir, near := filepath.Join(top, "archive"), filepath.Join(top, "dir"), filepath.Join(top, "near")
	for _, err := range []error{os.WriteFile(file, archive, 0o666), os.WriteFile(near, []byte("near"), 0o666), os.Mkdir(dir, 0o777)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	failed := Unpack(t.Context(), file, dir, how)
	list, err := os.ReadDir(top)
	if text, _ := os.ReadFile(near); err != nil || len(list) != 3 || string(text) != "near" {
		t.Errorf("something was made outside of the directory: %v, %q", list, text)
	}
	return files(t, dir), failed
}

func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		switch {
		case d.IsDir():
			found[name] = "dir"
		case info.Mode().Type() == fs.ModeSymlink:
			target, err := os.Readlink(path)
			found[name] = "->" + target
			return err
		case info.Mode().IsRegular():
			text, err := os.ReadFile(path)
			found[name] = string(text)
			if info.Mode()&0o111 == 0o111 {
				found[name] = "x:" + found[name]
			}
			if info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
				t.Errorf("%s has a set-id bit", name)
			}
			return err
		default:
			t.Errorf("%s: %v", name, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestUnpack(t *testing.T) {
	items := []item{"pkg/", "pkg/a.txt=foo", "pkg/bin/run!=#!", "pkg/bin/link->../a.txt", "pkg/to-link->bin/link", "pkg/empty/"}
	all := map[string]string{
		"pkg": "dir", "pkg/a.txt": "foo", "pkg/bin": "dir", "pkg/bin/run": "x:#!", "pkg/bin/link": "->../a.txt", "pkg/to-link": "->bin/link", "pkg/empty": "dir",
	}
	plain := tarOf(t, items...)
	bz, err := base64.StdEncoding.DecodeString(fooBzip2)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		archive []byte
		how     Unpacking
		want    map[string]string
	}{
		{"tar", plain, Unpacking{}, all},
		{"tar.gz", gz(t, plain), Unpacking{}, all},
		{"tar.xz", compress(t, plain, func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) }), Unpacking{}, all},
		{"tar.zst", compress(t, plain, func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }), Unpacking{}, all},
		{"zip", zipOf(t, items...), Unpacking{}, all},
		{"empty zip", zipOf(t), Unpacking{}, map[string]string{}},
		{"strip", plain, Unpacking{Strip: 1}, map[string]string{
			"a.txt": "foo", "bin": "dir", "bin/run": "x:#!", "bin/link": "->../a.txt", "to-link": "->bin/link", "empty": "dir"}},
		{"strip 2", tarOf(t, "a/b/c=1", "a/b/", "a/"), Unpacking{Strip: 2}, map[string]string{"c": "1"}},
		{"dots", tarOf(t, "./", "./a/./b=1", "a//c=2"), Unpacking{}, map[string]string{"a": "dir", "a/b": "1", "a/c": "2"}},
		{"strip dots", tarOf(t, "./pkg/a=1"), Unpacking{Strip: 1}, map[string]string{"a": "1"}},
		{"hard link", tarOf(t, "pkg/a!=1", "pkg/b=>pkg/a", "pkg/c=>./pkg/b"), Unpacking{Strip: 1}, map[string]string{"a": "x:1", "b": "x:1", "c": "x:1"}},
		{"a global header", tarOf(t, "pax_global_header?g", "a=1"), Unpacking{}, map[string]string{"a": "1"}},
		{"link to a directory, and up", tarOf(t, "a/b/", "a/b/c=1", "d->a/b", "e->d/../../f", "f=2"), Unpacking{}, map[string]string{
			"a": "dir", "a/b": "dir", "a/b/c": "1", "d": "->a/b", "e": "->d/../../f", "f": "2"}},
		{"backslashes", zipOf(t, `a\b=1`), Unpacking{}, map[string]string{"a": "dir", "a/b": "1"}},
		{"gz", gz(t, []byte("foo")), Unpacking{Filename: "f"}, map[string]string{"f": "foo"}},
		{"two gz", append(gz(t, []byte("foo")), gz(t, []byte("bar"))...), Unpacking{Filename: "f"}, map[string]string{"f": "foobar"}},
		{"gz of nothing", gz(t, nil), Unpacking{Filename: "f"}, map[string]string{"f": ""}},
		{"gz of zeros", gz(t, make([]byte, 2048)), Unpacking{Filename: "f"}, map[string]string{"f": string(make([]byte, 2048))}},
		{"bz2", bz, Unpacking{Filename: "f"}, map[string]string{"f": "foo"}},
		{"as large as allowed", tarOf(t, "a=12345", "b=67890"), Unpacking{MaxSize: 10, MaxEntries: 2}, map[string]string{"a": "12345", "b": "67890"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "backslashes" { // made by what is not Unix
				tt.archive = bytes.ReplaceAll(tt.archive, []byte("PK\x01\x02\x14\x03"), []byte("PK\x01\x02\x14\x00"))
			}
			got, err := unpacked(t, tt.archive, tt.how)
			if err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// TestHostile unpacks what must be refused. Nothing of it may reach outside.
func TestHostile(t *testing.T) {
	long := strings.Repeat("x", 300)
	tests := []struct {
		name  string
		items []item
		how   Unpacking
		want  string
		both  bool // a zip can have it, too
	}{
		{"up", []item{"../near=evil"}, Unpacking{}, `unpack "../near": it has a name that leads outside`, true},
		{"up, hidden", []item{"a/", "a/../../near=evil"}, Unpacking{}, "leads outside", true},
		{"up, harmless", []item{"a/../b=1"}, Unpacking{}, "leads outside", true},
		{"up, stripped", []item{"../a/near=evil"}, Unpacking{Strip: 1}, "leads outside", true},
		{"absolute", []item{"/tmp/evil=1"}, Unpacking{}, `unpack "/tmp/evil": it has an absolute name`, true},
		{"link outside", []item{"l->../near"}, Unpacking{}, "is a symlink that leads outside", true},
		{"link outside, deep", []item{"a/b/l->../../../near"}, Unpacking{}, "is a symlink that leads outside", true},
		{"link to an absolute path", []item{"l->/etc/passwd"}, Unpacking{}, "is a symlink to an absolute path", true},
		{"link outside through links", []item{"a/", "a/b->..", "c->a/b/../near"}, Unpacking{}, "is a symlink that leads outside", true},
		{"link to nothing", []item{"l->gone"}, Unpacking{}, "to nothing", true},
		{"links in a circle", []item{"a->b", "b->a"}, Unpacking{}, "in a circle", true},
		{"empty link", []item{"l->"}, Unpacking{}, "leads nowhere", true},
		{"file through a link", []item{"d->..", "d/near=evil"}, Unpacking{}, `unpack "d/near": it lies behind a symlink, d`, true},
		{"file through a link, later", []item{"d/", "d/x=1", "d->.."}, Unpacking{}, "is a directory, and also something else", true},
		{"file over a link", []item{"l->../near", "l=evil"}, Unpacking{}, "stands twice", true},
		{"link over a file", []item{"l=1", "l->../near"}, Unpacking{}, "stands twice", true},
		{"directory over a link", []item{"l->..", "l/", "l/near=evil"}, Unpacking{}, "lies behind a symlink, l", true},
		{"link through a link", []item{"d->..", "d/l->near"}, Unpacking{}, "lies behind a symlink, d", true},
		{"file twice", []item{"a=1", "a=2"}, Unpacking{}, "stands twice", true},
		{"file twice, spelled otherwise", []item{"a=1", "./a=2"}, Unpacking{}, "stands twice", true},
		{"file below a file", []item{"a=1", "a/b=2"}, Unpacking{}, "lies below a file, a", true},
		{"hard link outside", []item{"h=>../near"}, Unpacking{}, "is a hard link to \"../near\", which has a name that leads outside", false},
		{"hard link to an absolute path", []item{"h=>/etc/passwd"}, Unpacking{}, "which has an absolute name", false},
		{"hard link to a link", []item{"l->../near", "h=>l"}, Unpacking{}, "which is no file that stands before it", false},
		{"hard link through a link", []item{"l->..", "h=>l/near"}, Unpacking{}, "which is no file that stands before it", false},
		{"hard link to a directory", []item{"d/", "h=>d"}, Unpacking{}, "which is no file that stands before it", false},
		{"hard link to nothing", []item{"h=>gone"}, Unpacking{}, "which is no file that stands before it", false},
		{"hard link to itself", []item{"h=>h"}, Unpacking{}, "which is no file that stands before it", false},
		{"a FIFO", []item{"f?6"}, Unpacking{}, "is a FIFO", false},
		{"a device", []item{"d?3"}, Unpacking{}, "is a device", false},
		{"a block device", []item{"d?4"}, Unpacking{}, "is a device", false},
		{"something else", []item{"d?Z"}, Unpacking{}, "is of a kind that plx doesn't know: 'Z'", false},
		{"not UTF-8", []item{"\xff=1"}, Unpacking{}, "not UTF-8", true},
		{"too long", []item{item(long) + "=1"}, Unpacking{}, "too long a name", true},
		{"too deep", []item{item(strings.Repeat("a/", 2000)) + "b=1"}, Unpacking{}, "too long a name", true},
		{"too much", []item{"a=12345", "b=678901"}, Unpacking{MaxSize: 10}, `unpack "b": it is too much: the archive holds more than 10 bytes`, true},
		{"too much by hard links", []item{"a=12345", "b=>a", "c=>a"}, Unpacking{MaxSize: 10}, "is too much", false},
		{"too many", []item{"a=", "b=", "c="}, Unpacking{MaxEntries: 2}, `unpack "c": it is too much: the archive has more than 2 entries`, true},
		{"too many directories", []item{"a/b/c/d="}, Unpacking{MaxEntries: 3}, "is too much", true},
		{"lost", []item{"pkg/a=1", "b=2"}, Unpacking{Strip: 1}, `unpack "b": it would be lost: strip = 1 takes all of its name`, true},
		{"no name", []item{".=1"}, Unpacking{}, "has no name", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			archives := [][]byte{tarOf(t, tt.items...), gz(t, tarOf(t, tt.items...))}
			if tt.both {
				archives = append(archives, zipOf(t, tt.items...))
			}
			for i, archive := range archives {
				_, err := unpacked(t, archive, tt.how)
				var refused *ArchiveError
				if !errors.As(err, &refused) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("archive %d: got %v, want an ArchiveError: %s", i, err, tt.want)
				}
			}
		})
	}
}

func TestDamaged(t *testing.T) {
	plain := tarOf(t, "a=foo", "b=bar")
	packed, zipped := gz(t, plain), zipOf(t, "a=foo")
	encrypted := bytes.ReplaceAll(slices.Clone(zipped), []byte("PK\x01\x02\x14\x03\x14\x00\x08"), []byte("PK\x01\x02\x14\x03\x14\x00\x09"))
	for name, tt := range map[string]struct {
		archive []byte
		want    string
	}{
		"nothing":            {nil, "unpack: the file is no archive that plx can unpack: want tar or zip, or what gzip, bzip2, xz or zstd make"},
		"a text":             {[]byte("hello"), "is no archive"},
		"one file, no name":  {gz(t, []byte("foo")), "unpack: the file is a compressed file, and no archive: give it a filename"},
		"a tar cut":          {plain[:514], "unexpected EOF"},
		"a gz cut":           {packed[:len(packed)/2], "unexpected EOF"},
		"a zip cut":          {zipped[:len(zipped)-30], "not a valid zip file"},
		"a zip with a fault": {bytes.Replace(zipped, []byte("PK\x07\x08"), []byte("PK\x07\x09"), 1), "checksum"},
		"encrypted":          {encrypted, `unpack "a": it is encrypted`},
		"magic alone":        {[]byte("\xfd7zXZ\x00"), "EOF"},
	} {
		_, err := unpacked(t, tt.archive, Unpacking{})
		var refused *ArchiveError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
}

// TestBomb unpacks what is small, and would be large. No more than is allowed
// is written.
func TestBomb(t *testing.T) {
	zeros := make([]byte, 8<<20)
	for name, archive := range map[string][]byte{
		"gz": gz(t, zeros), "tar.gz": gz(t, tarOf(t, item("a="+string(zeros)))), "zip": zipOf(t, item("a="+string(zeros))),
	} {
		got, err := unpacked(t, archive, Unpacking{Filename: "f", MaxSize: 1 << 20})
		if err == nil || !strings.Contains(err.Error(), "which max-size allows") {
			t.Errorf("%s: got %v", name, err)
		}
		for path, text := range got {
			if len(text) > 1<<20 {
				t.Errorf("%s: %s has %d bytes", name, path, len(text))
			}
		}
	}
}

// FuzzUnpack must neither panic nor make anything outside.
func FuzzUnpack(f *testing.F) {
	f.Add(tarOf(f, "d/", "d/a=1", "l->d/a", "h=>d/a", "x!=2"), 1)
	f.Add(zipOf(f, "d/", "d/a=1", "l->d/a", "x!=2"), 0)
	f.Add(gz(f, []byte("foo")), 0)
	f.Fuzz(func(t *testing.T, archive []byte, strip int) {
		got, err := unpacked(t, archive, Unpacking{Filename: "f", Strip: max(0, strip%4), MaxSize: 1 << 16, MaxEntries: 100})
		if err == nil && len(got) > 100 {
			t.Errorf("made %d files", len(got))
		}
	})
}
