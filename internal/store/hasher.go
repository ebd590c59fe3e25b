package store

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/zeebo/blake3"
)

// A hasher reads files, one after the other. The zero value is ready for use.
type hasher struct {
	buf  []byte
	hash *blake3.Hasher
}

// scanBuffer is how much of a file is read at once, in bytes.
const scanBuffer = 256 << 10

// pipeFrom is the size in bytes from which on what is read is hashed beside
// reading it, and not in between.
const pipeFrom = 1 << 20

// reset makes the hasher ready for a file that likely has so many bytes.
func (h *hasher) reset(likely int64) {
	h.room(likely)
	if h.hash == nil {
		h.hash = blake3.New()
	}
	h.hash.Reset()
}

// room makes room for so many bytes, as far as that is sensible: most files are
// small, and many a hasher reads one.
func (h *hasher) room(likely int64) {
	if size := int(min(max(likely+1, 512), scanBuffer)); size > len(h.buf) {
		h.buf = make([]byte, size)
	}
}

func (h *hasher) digest() (d Digest) {
	h.hash.Sum(d.sum[:0])
	return d
}

// read returns what src contains, which is likely so many bytes.
func (h *hasher) read(src io.Reader, likely int64) (packedFile, error) {
	h.room(likely)
	n, err := io.ReadFull(src, h.buf)
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF): // most have been read by now
		return packedFile{bytes: int64(n), digest: DigestOf(h.buf[:n])}, nil
	case err != nil:
		return packedFile{}, err
	}
	h.reset(likely)
	h.hash.Write(h.buf[:n])
	f, err := h.pass(context.Background(), io.Discard, src)
	f.bytes += int64(n)
	return f, err
}

// copy copies src to dst until the context ends, and returns what it has
// copied.
func (h *hasher) copy(ctx context.Context, dst io.Writer, src io.Reader) (f packedFile, err error) {
	h.reset(scanBuffer)
	return h.pass(ctx, dst, src)
}

func (h *hasher) pass(ctx context.Context, dst io.Writer, src io.Reader) (f packedFile, err error) {
	next := func(buf []byte) ([]byte, error) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		n, err := src.Read(buf)
		f.bytes += int64(n)
		if n > 0 {
			if _, err := dst.Write(buf[:n]); err != nil {
				return nil, err
			}
		}
		return buf[:n], err
	}
	for err == nil && f.bytes < pipeFrom {
		var block []byte
		block, err = next(h.buf)
		h.hash.Write(block)
	}
	if err == nil {
		err = h.pipe(next)
	}
	if errors.Is(err, io.EOF) {
		f.digest, err = h.digest(), nil
	}
	return f, err
}

// pipe hashes the blocks that next returns, until it returns an error, while
// it is called for more.
func (h *hasher) pipe(next func([]byte) ([]byte, error)) (err error) {
	const blocks = 4
	free, full := make(chan []byte, blocks), make(chan []byte, blocks)
	free <- h.buf
	for range blocks - 1 {
		free <- make([]byte, scanBuffer)
	}
	var hashing sync.WaitGroup
	hashing.Go(func() {
		for block := range full {
			h.hash.Write(block)
			free <- block[:cap(block)]
		}
	})
	for err == nil {
		var block []byte
		block, err = next(<-free)
		full <- block
	}
	close(full)
	hashing.Wait()
	return err
}
