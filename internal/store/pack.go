package store

// An archive is one stream: tar, compressed with zstd. docs/pack-format.md
// specifies it. It is written in two passes: the first reads the graph, from
// the targets, and makes the listing; the second writes that, and then the
// objects. What is written is checked on the way, so that damage is not passed
// on.

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"
)

// Pack writes an archive of what l lists, which [Store.Listing] returned, and
// returns its size in bytes. The same listing gives the same archive. After an error the archive is not whole,
// and no reader takes it for one. The error is a [DamageError] if an object is
// not what its name says.
func (s *Store) Pack(ctx context.Context, w io.Writer, l Listing) (size int64, err error) {
	if s.isReady() {
		if err := s.noteListing(l); err != nil {
			return 0, err
		}
	}
	out := newContextStream(ctx, nil, w)
	err = s.pack(ctx, out, l)
	return out.n, err
}

func (s *Store) pack(ctx context.Context, w io.Writer, l Listing) error {
	// With a fixed concurrency the bytes depend on nothing else.
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(packWindow))
	if err != nil {
		return err
	}
	p := &packer{ctx: ctx, store: s, tar: tar.NewWriter(z), packed: s.tally("pack", l.Bytes(), true)}
	data, err := l.text()
	if err != nil {
		return err
	}
	if err := p.text(listingEntry, data); err != nil {
		return err
	}
	for _, o := range l.objects {
		if err := p.object(o); err != nil {
			return err
		}
	}
	return errors.Join(p.tar.Close(), z.Close())
}

// A packer writes an archive.
type packer struct {
	ctx   context.Context
	store *Store
	tar   *tar.Writer
	hash  hasher

	packed *tally
}

func (p *packer) object(o object) error {
	name := o.name()
	switch {
	case !o.tree.hash.IsZero():
		m, err := p.manifest(o.tree)
		if err != nil {
			return err
		}
		return p.tree(name, p.store.TreePath(o.tree.hash), m)
	case !o.dref.IsZero():
		d, err := p.store.Derivation(o.dref)
		if err != nil {
			return err
		}
		_, data, err := d.Ref()
		if err != nil {
			return err
		}
		return p.text(name+".json", data)
	case o.removed:
		return p.text(name+removedSuffix, nil)
	}
	return p.realization(name, o)
}

// manifest finds the manifest of a tree, wherever it is.
func (p *packer) manifest(t packedTree) (Manifest, error) {
	if t.ownManifest() {
		return p.store.Manifest(t.hash)
	}
	r, err := p.store.Realization(t.of)
	return r.Manifest, err
}

func (p *packer) realization(name string, o object) error {
	r, err := p.store.Realization(o.rref)
	if err != nil {
		return err
	}
	data, err := r.encode()
	if err != nil {
		return err
	}
	if fileOf(data) != o.text {
		return fmt.Errorf("%v: was made again while it was packed: pack it again", o.rref)
	}
	if err := p.text(name+".json", data); err != nil {
		return err
	}
	if o.log.bytes > 0 {
		if err := p.file(fileHeader(name+".log", o.log.bytes), p.store.LogPath(o.rref), o.log); err != nil {
			return err
		}
	}
	if o.volatile.hash.IsZero() {
		return nil
	}
	m, err := p.store.volatileManifest(o.rref)
	if err != nil {
		return err
	}
	if m.Hash() != o.volatile.hash {
		return &DamageError{p.store.VolatilePath(o.rref), errors.New("it changed while it was packed")}
	}
	return p.tree(name+".volatile", p.store.VolatilePath(o.rref), m)
}

func (p *packer) tree(name, dir string, m Manifest) error {
	if err := p.text(name+".manifest", m.Text()); err != nil {
		return err
	}
	if err := p.tar.WriteHeader(tarHeader(name, Entry{Kind: KindDir})); err != nil {
		return err
	}
	for _, e := range m.Entries() {
		var err error
		if h := tarHeader(name, e); h.Typeflag == tar.TypeReg {
			err = p.file(h, dir+"/"+e.Path, packedFile{e.Size, e.Digest})
		} else {
			err = p.tar.WriteHeader(h)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *packer) text(name string, data []byte) error {
	if len(data) > maxText {
		return fmt.Errorf("%s: has %d bytes, and an archive holds at most %d in such a file: pack less at once", name, len(data), maxText)
	}
	if err := p.tar.WriteHeader(fileHeader(name, int64(len(data)))); err != nil {
		return err
	}
	_, err := p.tar.Write(data)
	return err
}

// file writes a file, and checks that it is what it must be.
func (p *packer) file(h *tar.Header, path string, want packedFile) error {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if isGone(err) {
		return &DamageError{path, err}
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() != want.bytes {
		return &DamageError{path, fmt.Errorf("want a file of %d bytes", want.bytes)}
	}
	if err := p.tar.WriteHeader(h); err != nil {
		return err
	}
	have, err := p.hash.copy(p.ctx, p.tar, p.packed.reader(io.LimitReader(f, want.bytes)))
	if err == nil && have != want {
		err = &DamageError{path, errors.New("its content is not what the manifest says")}
	}
	return err
}
