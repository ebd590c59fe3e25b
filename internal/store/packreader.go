package store

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/klauspost/compress/zstd"
)

// A packReader reads the entries of an archive. Whoever uses it knows which
// entry comes next, from the listing and from manifests: so any other is
// refused, whatever it is, before anything is done with it.
type packReader struct {
	ctx    context.Context
	src    *contextStream
	stop   context.CancelFunc
	zst    *zstd.Decoder
	plain  *countingReader
	tar    *tar.Reader
	hash   hasher
	listed Listing

	unpacked *tally
}

// A countingReader counts what was read.
type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// newPackReader reads the listing. The caller closes it, also after an error
// later on.
func newPackReader(ctx context.Context, r io.Reader) (*packReader, error) {
	inner, stop := context.WithCancel(ctx)
	src := newContextStream(inner, r, nil)
	zst, err := zstd.NewReader(src, zstd.WithDecoderMaxWindow(packWindow), zstd.WithDecoderConcurrency(2), zstd.WithDecoderLowmem(true))
	if err != nil {
		stop()
		return nil, err
	}
	p := plainReader(ctx, zst)
	p.src, p.stop, p.zst = src, stop, zst
	if err := p.readListing(); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// plainReader reads an archive that is not compressed.
func plainReader(ctx context.Context, r io.Reader) *packReader {
	plain := &countingReader{r: r}
	return &packReader{ctx: ctx, plain: plain, tar: tar.NewReader(plain)}
}

func (p *packReader) close() {
	if p.zst != nil {
		p.stop() // what decompresses ahead must not wait for more
		p.zst.Close()
	}
}

// refuse says that an entry is not what it must be, unless the stream itself
// could not be read, or the context has ended.
func (p *packReader) refuse(entry string, err error) error {
	switch {
	case p.ctx.Err() != nil:
		return context.Cause(p.ctx)
	case p.src != nil && p.src.err != nil:
		return p.src.err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = errors.New("the archive ends here, before its end")
	}
	return &PackError{entry, err}
}

func (p *packReader) readListing() error {
	h, err := p.tar.Next()
	switch {
	case errors.Is(err, io.EOF):
		return p.refuse("", errors.New("it is empty: did what writes it fail?"))
	case errors.Is(err, zstd.ErrMagicMismatch):
		return p.refuse("", errors.New("it is not one that plx pack made"))
	case err != nil:
		return p.refuse(listingEntry, err)
	}
	if err := p.compare(fileHeader(listingEntry, h.Size), h); err != nil {
		return err
	}
	data, err := p.content(listingEntry, h.Size)
	if err != nil {
		return err
	}
	if p.listed, err = parseListing(data); err != nil {
		return p.refuse(listingEntry, err)
	}
	return nil
}

// compare refuses an entry that is not the one that must come.
func (p *packReader) compare(want, have *tar.Header) error {
	if have.Name != want.Name {
		return p.refuse(have.Name, fmt.Errorf("want %q here", want.Name))
	}
	extra := maps.Clone(have.PAXRecords)
	for _, known := range []string{"path", "linkpath", "size"} {
		delete(extra, known)
	}
	switch {
	case have.Typeflag != want.Typeflag:
		return p.refuse(have.Name, fmt.Errorf("is of type %q, not %q", have.Typeflag, want.Typeflag))
	case have.Size != want.Size:
		return p.refuse(have.Name, fmt.Errorf("has %d bytes, not %d", have.Size, want.Size))
	case have.Linkname != want.Linkname:
		return p.refuse(have.Name, fmt.Errorf("leads to %q, not to %q", have.Linkname, want.Linkname))
	case have.Mode != want.Mode:
		return p.refuse(have.Name, fmt.Errorf("has mode %#o, not %#o", have.Mode, want.Mode))
	case !have.ModTime.Equal(want.ModTime) || have.Uid|have.Gid != 0 || have.Uname+have.Gname != "" || have.Devmajor|have.Devminor != 0 || len(extra) > 0 || have.Format&(tar.FormatUSTAR|tar.FormatPAX) == 0:
		return p.refuse(have.Name, errors.New("has a time, an owner or other properties that no entry of an archive has"))
	}
	return nil
}

// next goes to the entry that must come now.
func (p *packReader) next(want *tar.Header) error {
	have, err := p.tar.Next()
	if err != nil {
		return p.refuse(want.Name, err)
	}
	return p.compare(want, have)
}

// text reads an entry as a whole.
func (p *packReader) text(name string, size int64) ([]byte, error) {
	if err := p.next(fileHeader(name, size)); err != nil {
		return nil, err
	}
	return p.content(name, size)
}

func (p *packReader) content(name string, size int64) ([]byte, error) {
	if size > maxText {
		return nil, p.refuse(name, fmt.Errorf("has %d bytes, more than the %d that such a file may have", size, maxText))
	}
	data, err := io.ReadAll(&io.LimitedReader{R: p.tar, N: size})
	if err == nil && int64(len(data)) != size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, p.refuse(name, err)
	}
	return data, nil
}

// file copies the content of an entry to w, and refuses what has another hash.
func (p *packReader) file(h *tar.Header, want Digest, w io.Writer) error {
	if err := p.next(h); err != nil {
		return err
	}
	src := &failing{r: p.unpacked.reader(p.tar)}
	have, err := p.hash.copy(p.ctx, w, src)
	switch {
	case src.err != nil:
		return p.refuse(h.Name, src.err)
	case err != nil:
		return err
	case have.digest != want:
		return p.refuse(h.Name, fmt.Errorf("has the hash %v, not %v", have.digest, want))
	}
	return nil
}

// A failing reader remembers why it could not be read, so that it is not taken
// for an error of what it is copied to.
type failing struct {
	r   io.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

// tarEnd is the size of what ends a tar file: two empty blocks.
const tarEnd = 1024

// end checks that the archive ends here, and as it must.
func (p *packReader) end() error {
	before := p.plain.n
	h, err := p.tar.Next()
	switch {
	case err == nil:
		return p.refuse(h.Name, errors.New("is not in the listing"))
	case !errors.Is(err, io.EOF):
		return p.refuse("", err)
	case p.plain.n-before < tarEnd:
		return p.refuse("", io.ErrUnexpectedEOF)
	}
	if _, err := io.ReadFull(p.plain, make([]byte, 1)); !errors.Is(err, io.EOF) {
		return p.refuse("", errors.New("something follows its end"))
	}
	return nil
}
