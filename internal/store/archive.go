package store

// What those who write archives and those who read them share: headers,
// limits, and streams that end with a context.

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"slices"
	"time"
)

// listingEntry is the name of an archive's first entry.
const listingEntry = "plx-pack.json"

// maxText is the size in bytes of the largest text that is read as a whole: a
// listing, manifest, derivation or record. It is enough for the manifest of a
// million files, and keeps an archive from taking all memory.
const maxText = 256 << 20

// packWindow is how far back compression looks, in bytes: what a reader needs
// to have in memory.
const packWindow = 8 << 20

// packedTime is the time that all entries of an archive have.
func packedTime() time.Time { return time.Unix(frozenTime, 0).UTC() }

// tarHeader returns the header of an entry of a tree whose name in the archive
// is top, or of a file of its own if the path is empty.
func tarHeader(top string, e Entry) *tar.Header {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: top, Mode: 0o444, Size: e.Size, ModTime: packedTime()}
	if e.Path != "" {
		h.Name += "/" + e.Path
	}
	switch e.Kind {
	case KindDir:
		h.Typeflag, h.Mode, h.Name = tar.TypeDir, 0o555, h.Name+"/"
	case KindExecutable:
		h.Mode = 0o555
	case KindSymlink:
		h.Typeflag, h.Mode, h.Size, h.Linkname = tar.TypeSymlink, 0o777, 0, e.Target
	}
	return h
}

func fileHeader(name string, size int64) *tar.Header {
	return tarHeader(name, Entry{Kind: KindFile, Size: size})
}

// A contextStream reads or writes a stream until the context ends, also if it
// has to wait: the other end of a pipe may stand still.
type contextStream struct {
	ctx  context.Context
	r    io.Reader
	w    io.Writer
	buf  []byte // what is under way; nobody else looks at it
	done chan streamed
	n    int64 // how many bytes went through
	err  error // what ended it, but for the end of what is read
}

// A streamed is what one call returned.
type streamed struct {
	n   int
	err error
}

func newContextStream(ctx context.Context, r io.Reader, w io.Writer) *contextStream {
	return &contextStream{ctx: ctx, r: r, w: w, done: make(chan streamed, 1)}
}

func (c *contextStream) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	c.buf = slices.Grow(c.buf[:0], len(p))[:len(p)]
	n, err := c.await(c.r.Read)
	return copy(p, c.buf[:n]), err
}

func (c *contextStream) Write(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	c.buf = append(c.buf[:0], p...)
	return c.await(c.w.Write)
}

// await calls do with the buffer. If the context ends first, the call is left
// to itself.
func (c *contextStream) await(do func([]byte) (int, error)) (int, error) {
	buf := c.buf
	go func() {
		n, err := do(buf)
		c.done <- streamed{n, err}
	}()
	select {
	case <-c.ctx.Done():
		c.err = context.Cause(c.ctx)
		return 0, c.err
	case s := <-c.done:
		c.n += int64(s.n)
		if s.err != nil && !errors.Is(s.err, io.EOF) {
			c.err = s.err
		}
		return s.n, s.err
	}
}
