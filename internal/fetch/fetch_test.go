package fetch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// content returns n bytes that differ from those of another seed everywhere.
func content(seed byte, n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i>>8) ^ byte(i)*31 ^ seed
	}
	return data
}

func sum(data []byte) string {
	h := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(h[:])
}

// a server answers the n-th request, from 0, with the n-th handler, and with
// the last one from then on.
type server struct {
	*httptest.Server
	ranges []string // what was asked for, as in "bytes=5- if ETag"
}

func serve(t *testing.T, handlers ...http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	next := make(chan int, 1)
	next <- 0
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := <-next
		asked := r.Header.Get("Range")
		if mark := r.Header.Get("If-Range"); mark != "" {
			asked += " if " + mark
		}
		s.ranges = append(s.ranges, asked)
		next <- n + 1
		handlers[min(n, len(handlers)-1)](w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// whole serves the data as a good server does, with ranges and an ETag.
func whole(data []byte, etag string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if etag != "" {
			w.Header().Set("ETag", etag)
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}
}

// plain ignores ranges.
func plain(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		w.Write(data)
	}
}

// cut breaks the connection off after n bytes of the body.
func cut(n int, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { h(&cutWriter{w, n}, r) }
}

type cutWriter struct {
	http.ResponseWriter
	left int
}

func (w *cutWriter) Write(data []byte) (int, error) {
	if len(data) < w.left {
		w.left -= len(data)
		return w.ResponseWriter.Write(data)
	}
	w.ResponseWriter.Write(data[:w.left])
	w.ResponseWriter.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// stall sends n bytes and then nothing.
func stall(n int, data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		w.Header().Set("ETag", `"1"`)
		w.Write(data[:n])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

// client doesn't wait. What it would have waited is added to waits.
func client(waits *[]time.Duration) *Client {
	c := NewClient()
	c.Sleep = func(ctx context.Context, d time.Duration) error {
		if waits != nil {
			*waits = append(*waits, d)
		}
		return context.Cause(ctx)
	}
	return c
}

const size = 100_000

func TestDownload(t *testing.T) {
	data, other := content(1, size), content(2, size)
	tests := []struct {
		name     string
		handlers []http.HandlerFunc
		ranges   []string
	}{
		{"at once", []http.HandlerFunc{whole(data, "")}, []string{""}},
		{"no length", []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
			w.Write(data[:10])
			w.(http.Flusher).Flush()
			w.Write(data[10:])
		}}, []string{""}},
		{"breaks off", []http.HandlerFunc{cut(1000, whole(data, `"1"`)), cut(500, whole(data, `"1"`)), whole(data, `"1"`)},
			[]string{"", `bytes=1000- if "1"`, `bytes=1500- if "1"`}},
		{"breaks off, no validator", []http.HandlerFunc{cut(1000, whole(data, "")), whole(data, "")}, []string{"", "bytes=1000-"}},
		{"breaks off, weak validator", []http.HandlerFunc{cut(1000, whole(data, `W/"1"`)), whole(data, `W/"1"`)}, []string{"", "bytes=1000-"}},
		{"breaks off at once", []http.HandlerFunc{cut(0, whole(data, "")), whole(data, "")}, []string{"", ""}},
		{"stalls", []http.HandlerFunc{stall(1000, data), whole(data, `"1"`)}, []string{"", `bytes=1000- if "1"`}},
		{"ignores ranges", []http.HandlerFunc{cut(1000, plain(data)), cut(2000, plain(data)), plain(data)}, []string{"", "bytes=1000-", "bytes=2000-"}},
		{"changes, honest", []http.HandlerFunc{cut(1000, whole(other, `"1"`)), whole(data, `"2"`)}, []string{"", `bytes=1000- if "1"`}},
		{"changes, ignores If-Range", []http.HandlerFunc{cut(1000, whole(other, `"1"`)), func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("If-Range")
			whole(data, `"2"`)(w, r)
		}}, []string{"", `bytes=1000- if "1"`, ""}},
		{"changes, unseen", []http.HandlerFunc{cut(1000, whole(other, "")), whole(data, "")}, []string{"", "bytes=1000-", ""}},
		{"changes size, unseen", []http.HandlerFunc{cut(1000, whole(other[:size-1], "")), whole(data, "")}, []string{"", "bytes=1000-", ""}},
		{"becomes shorter", []http.HandlerFunc{cut(size+500, whole(content(2, size+1000), "")), whole(data, "")}, []string{"", fmt.Sprintf("bytes=%d-", size+500), ""}},
		{"a wrong range", []http.HandlerFunc{cut(1000, whole(data, "")), func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", size-1, size))
			w.WriteHeader(http.StatusPartialContent)
			w.Write(data)
		}, whole(data, "")}, []string{"", "bytes=1000-", ""}},
		{"a part unasked", []http.HandlerFunc{status(206, "Content-Range", "bytes 0-0/1"), whole(data, "")}, []string{"", ""}},
		{"500, 503", []http.HandlerFunc{status(500), status(503), whole(data, "")}, []string{"", "", ""}},
		{"429", []http.HandlerFunc{status(429, "Retry-After", "7"), whole(data, "")}, []string{"", ""}},
		{"redirects", []http.HandlerFunc{status(302, "Location", "/other"), whole(data, "")}, []string{"", ""}},
		{"redirects a resumed one", []http.HandlerFunc{cut(1000, whole(data, `"1"`)), status(307, "Location", "/other"), whole(data, `"1"`)},
			[]string{"", `bytes=1000- if "1"`, `bytes=1000- if "1"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, tt.handlers...)
			c := client(nil)
			if tt.name == "stalls" {
				c.Stall = 300 * time.Millisecond
			}
			file, err := c.Download(t.Context(), Request{URLs: []string{s.URL + "/x"}, Hash: sum(data)}, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, data) {
				t.Errorf("got %d bytes, %v", len(got), err)
			}
			if !slices.Equal(s.ranges, tt.ranges) {
				t.Errorf("asked for %q, want %q", s.ranges, tt.ranges)
			}
		})
	}
}

// TestFails checks what is said where nothing is to be had, and that a wrong
// file is not left behind.
func TestFails(t *testing.T) {
	data, other := content(1, size), content(2, size)
	endless := func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path+"x", http.StatusFound) }
	tests := []struct {
		name     string
		handlers []http.HandlerFunc
		asked    int
		want     string // what the error holds
	}{
		{"404", []http.HandlerFunc{status(404)}, 1, "download $URL/x: the server says 404 Not Found"},
		{"403 for a range", []http.HandlerFunc{cut(10, whole(data, "")), status(403)}, 2, "403 Forbidden"},
		{"500 for ever", []http.HandlerFunc{status(500)}, 5, "500 Internal Server Error"},
		{"501", []http.HandlerFunc{status(501)}, 1, "501 Not Implemented"},
		{"comes back tomorrow", []http.HandlerFunc{status(503, "Retry-After", "86400")}, 1, "503 Service Unavailable"},
		{"breaks off for ever", []http.HandlerFunc{cut(10, plain(data))}, 5, "the connection broke off"},
		{"redirects for ever", []http.HandlerFunc{endless}, 21, "more than 20 redirects"},
		{"redirects to a file", []http.HandlerFunc{status(302, "Location", "file:///etc/passwd")}, 1, "redirects to file:///etc/passwd, which is neither http nor https"},
		{"416 for nothing", []http.HandlerFunc{status(416)}, 1, "416 Requested Range Not Satisfiable"},
		{"204", []http.HandlerFunc{status(204)}, 1, "204 No Content"},
		{"wrong", []http.HandlerFunc{whole(other, "")}, 1, "$URL/x is not the file that is pinned\n\texpected sha256 "},
		{"wrong, resumed", []http.HandlerFunc{cut(10, whole(other, "")), whole(other, "")}, 3, "is not the file that is pinned"},
		{"wrong, always broken off", []http.HandlerFunc{cut(10, whole(other, "")), whole(other, ""), cut(10, whole(other, "")), whole(other, "")}, 4, "is not the file that is pinned"},
		{"too large", []http.HandlerFunc{whole(content(1, 3*size), "")}, 1, "the file has 300000 bytes or more: max-size allows 200000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, dir := serve(t, tt.handlers...), t.TempDir()
			_, err := client(nil).Download(t.Context(), Request{URLs: []string{s.URL + "/x"}, Hash: sum(data), MaxSize: 2 * size}, dir)
			if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), s.URL, "$URL"), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if len(s.ranges) != tt.asked {
				t.Errorf("asked %d times, want %d", len(s.ranges), tt.asked)
			}
			var wrong *HashError
			if !errors.As(err, &wrong) {
				return
			}
			if wrong.Have != sum(other) || wrong.Want != sum(data) {
				t.Errorf("got %+v", wrong)
			}
			if info, err := os.Stat(filepath.Join(dir, "data")); err != nil || info.Size() != 0 {
				t.Errorf("a wrong file was kept: %v, %v", info, err)
			}
		})
	}
}

// TestPartials downloads with what earlier attempts have left.
func TestPartials(t *testing.T) {
	data, other := content(1, size), content(2, size)
	tests := []struct {
		name   string
		have   []byte
		source string
		asked  []string
	}{
		{"all of it", data, "", nil},
		{"a part", data[:1000], "", []string{"bytes=1000-"}},
		{"a part from here", data[:1000], `{"url":"$URL/x","etag":"\"1\"","total":100000}`, []string{`bytes=1000- if "1"`}},
		{"a part of an older one", data[:1000], `{"url":"$URL/x","etag":"\"0\"","total":100000}`, []string{`bytes=1000- if "0"`}},
		{"a part of another size", data[:1000], `{"url":"http://elsewhere/x","total":7}`, []string{"bytes=1000-", ""}},
		{"a damaged note", data[:1000], `{"url":`, []string{"bytes=1000-"}},
		{"a poisoned part", other[:1000], "", []string{"bytes=1000-", ""}},
		{"a poisoned whole", other, "", []string{fmt.Sprintf("bytes=%d-", size), ""}},
		{"more than all of it", append(data[:size:size], 1), "", []string{fmt.Sprintf("bytes=%d-", size+1), ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, dir := serve(t, whole(data, `"1"`)), t.TempDir()
			write(t, filepath.Join(dir, "data"), string(tt.have))
			write(t, filepath.Join(dir, "source"), strings.ReplaceAll(tt.source, "$URL", s.URL))
			file, err := client(nil).Download(t.Context(), Request{URLs: []string{s.URL + "/x"}, Hash: sum(data)}, dir)
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := os.ReadFile(file); !bytes.Equal(got, data) {
				t.Errorf("got %d other bytes", len(got))
			}
			if !slices.Equal(s.ranges, tt.asked) {
				t.Errorf("asked for %q, want %q", s.ranges, tt.asked)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestGoesOnInNextRun breaks off for good, and is tried again.
func TestGoesOnInNextRun(t *testing.T) {
	data, dir := content(1, size), t.TempDir()
	s := serve(t, cut(1000, whole(data, `"1"`)), status(410), whole(data, `"1"`))
	r := Request{URLs: []string{s.URL + "/x"}, Hash: sum(data)}
	_, err := client(nil).Download(t.Context(), r, dir)
	var failed *DownloadError
	if !errors.As(err, &failed) {
		t.Fatalf("got %v, want a DownloadError", err)
	}
	if _, err := client(nil).Download(t.Context(), r, dir); err != nil {
		t.Fatal(err)
	}
	if want := []string{"", `bytes=1000- if "1"`, `bytes=1000- if "1"`}; !slices.Equal(s.ranges, want) {
		t.Errorf("asked for %q, want %q", s.ranges, want)
	}
}

// TestMirrors goes from one to the next: for what fails, and for another file.
// What the one before has sent is used.
func TestMirrors(t *testing.T) {
	data := content(1, size)
	gone, wrong, broken, good := serve(t, status(404)), serve(t, whole([]byte("log in first"), "")), serve(t, cut(1000, whole(data, `"b"`)), status(404)), serve(t, whole(data, `"g"`))
	urls := []string{gone.URL + "/x", wrong.URL + "/x", broken.URL + "/x", good.URL + "/x"}
	file, err := client(nil).Download(t.Context(), Request{URLs: urls, Hash: sum(data)}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(file); !bytes.Equal(got, data) {
		t.Error("got another file")
	}
	if want := []string{"bytes=1000-"}; !slices.Equal(good.ranges, want) {
		t.Errorf("asked for %q, want %q", good.ranges, want)
	}

	_, err = client(nil).Download(t.Context(), Request{URLs: urls[:1], Hash: sum(data)}, t.TempDir())
	if want := "download " + urls[0] + ": the server says 404 Not Found"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	down := serve(t, status(404))
	down.Close()
	_, err = client(nil).Download(t.Context(), Request{URLs: []string{urls[0], down.URL}, Hash: sum(data)}, t.TempDir())
	if err == nil || !strings.HasPrefix(err.Error(), "download: none of 2 mirrors has it\n\t"+urls[0]+": the server says 404 Not Found\n\t"+down.URL+": dial tcp") {
		t.Errorf("got %v", err)
	}
	_, err = client(nil).Download(t.Context(), Request{URLs: urls[:2], Hash: sum(data)}, t.TempDir())
	var hash *HashError
	if !errors.As(err, &hash) || hash.URL != urls[1] {
		t.Errorf("got %v, want a HashError about %s", err, urls[1])
	}
}

// TestPauses grow, and are as long as a server asks for.
func TestPauses(t *testing.T) {
	data := content(1, 10)
	s := serve(t, status(500), status(500), status(503, "Retry-After", "100"), status(500), whole(data, ""))
	var waits []time.Duration
	if _, err := client(&waits).Download(t.Context(), Request{URLs: []string{s.URL}, Hash: sum(data)}, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if want := []time.Duration{time.Second, 2 * time.Second, 100 * time.Second, 8 * time.Second}; !slices.Equal(waits, want) {
		t.Errorf("waited %v, want %v", waits, want)
	}
}

// TestProgressCounts has a server that breaks off more often than it is asked
// in a row, but gets further each time.
func TestProgressCounts(t *testing.T) {
	data := content(1, 10*enough)
	s := serve(t, cut(enough+1, whole(data, `"1"`)))
	var last Progress
	c := client(nil)
	c.Report = func(p Progress) { last = p }
	if _, err := c.Download(t.Context(), Request{URLs: []string{s.URL}, Hash: sum(data)}, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if len(s.ranges) != 10 {
		t.Errorf("asked %d times, want 10", len(s.ranges))
	}
	if last.Done != int64(len(data)) || last.Total != int64(len(data)) || last.Err != nil {
		t.Errorf("the last progress was %+v", last)
	}
}

func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("why")
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		cancel(why)
		<-r.Context().Done()
	})
	_, err := client(nil).Download(ctx, Request{URLs: []string{s.URL, s.URL}, Hash: sum([]byte("x"))}, t.TempDir())
	if !errors.Is(err, why) || len(s.ranges) != 1 {
		t.Errorf("got %v, asked %d times", err, len(s.ranges))
	}
}

func TestFiles(t *testing.T) {
	data, dir := content(1, size), t.TempDir()
	good, other := filepath.Join(dir, "good file"), filepath.Join(dir, "other")
	write(t, good, string(data))
	write(t, other, "other")
	partial := t.TempDir()
	write(t, filepath.Join(partial, "data"), "poison")
	urls := []string{"file://" + dir + "/none", "file://" + dir, "file://" + other, "file://" + dir + "/good%20file"}
	file, err := client(nil).Download(t.Context(), Request{URLs: urls, Hash: sum(data)}, partial)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(file); !bytes.Equal(got, data) {
		t.Error("got another file")
	}
	_, err = client(nil).Download(t.Context(), Request{URLs: urls[:2], Hash: sum(data)}, t.TempDir())
	want := "download: none of 2 mirrors has it\n\t" + urls[0] + ": no such file or directory\n\t" + urls[1] + ": not a regular file"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestHashes(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "foo"), "foo")
	for _, hash := range []string{
		"blake3:04e0bb39f30b1a3feb89f536c93be15055482df748674b00d26e5a75777702e9",
		"sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
		"sha512:f7fbba6e0636f890e56fbbf3283e524c6fa3204ae298382d624741d0dc6638326e282c41be5e4254d8820772c5518a2c5a8c0c7f7eda19594a7eb539453e1ed7",
		"sha1:0beec7b5ea3f0fdbc95d0dd47f3c5bc275da8a33",
	} {
		if _, err := client(nil).Download(t.Context(), Request{URLs: []string{"file://" + dir + "/foo"}, Hash: hash}, t.TempDir()); err != nil {
			t.Errorf("%s: %v", hash, err)
		}
	}
	for _, hash := range []string{"", "sha256", "sha256:", "md5:00", "sha1:0BEEC7B5EA3F0FDBC95D0DD47F3C5BC275DA8A33", "sha1:0b"} {
		if _, err := client(nil).Download(t.Context(), Request{Hash: hash}, t.TempDir()); err == nil {
			t.Errorf("%q: no error", hash)
		}
	}
}

func TestContentRange(t *testing.T) {
	for text, want := range map[string]string{
		"bytes 7-9/10": "7 10 true", "bytes */10": "-1 10 false", "bytes 7-9/*": "7 -1 true", "lines 7-9/10": "-1 10 false", "": "-1 -1 false",
	} {
		first, total, ok := contentRange(text)
		if got := fmt.Sprint(first, total, ok); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}
