package store

import (
	"archive/tar"
	"errors"
	"io"
	"os"
)

// tree takes a tree in, or only checks it if it is there.
func (u *unpacker) tree(name string, t packedTree) error {
	s := u.store
	if s.HasTree(t.hash) {
		m, err := u.files(name, t, "")
		if err != nil {
			return err
		}
		return errors.Join(u.ownManifest(t, m), freezeTop(s.TreePath(t.hash)))
	}
	dir, err := s.makeDir("unpack")
	if err != nil {
		return err
	}
	m, err := u.files(name, t, dir)
	if err != nil {
		return errors.Join(err, removeAll(dir))
	}
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	return errors.Join(s.mindClock(), u.ownManifest(t, m), s.placeTree(dir, t.hash))
}

func (u *unpacker) ownManifest(t packedTree, m Manifest) error {
	if !t.ownManifest() {
		return nil
	}
	return u.store.placeManifest(m)
}

// files reads the manifest and the files of a tree, and makes these in the
// directory, but for its top read-only. Without one it only checks them.
func (u *unpacker) files(name string, t packedTree, dir string) (Manifest, error) {
	text, err := u.text(name+".manifest", t.text)
	if err != nil {
		return Manifest{}, err
	}
	m, err := ParseManifest(text)
	if err == nil && (HashOf(text) != t.hash || !m.hasSize(t.bytes)) {
		err = errors.New("has another hash or size")
	}
	if err != nil {
		return m, u.refuse(name+".manifest", err)
	}
	if err := u.next(tarHeader(name, Entry{Kind: KindDir})); err != nil {
		return m, err
	}
	for _, e := range m.Entries() {
		if err := u.entry(tarHeader(name, e), e, dir); err != nil {
			return m, err
		}
	}
	if dir == "" {
		return m, nil
	}
	return m, (&scanner{top: dir, freeze: true}).sealDirs(m)
}

// hasSize reports whether the sizes of the entries make up the sum, which they
// must not overflow.
func (m Manifest) hasSize(sum int64) bool {
	for _, e := range m.entries {
		if e.Size > sum {
			return false
		}
		sum -= e.Size
	}
	return sum == 0
}

// entry makes what comes next in the directory, unless that is empty.
func (u *unpacker) entry(h *tar.Header, e Entry, dir string) error {
	if h.Typeflag == tar.TypeReg && dir == "" {
		return u.file(h, e.Digest, io.Discard)
	}
	if h.Typeflag == tar.TypeReg {
		return u.write(h, e, dir+"/"+e.Path)
	}
	if err := u.next(h); err != nil || dir == "" {
		return err
	}
	if e.Kind == KindSymlink {
		return makeFrozenLink(e.Target, dir+"/"+e.Path)
	}
	return os.Mkdir(dir+"/"+e.Path, 0o777)
}

// write makes a file of the entry that comes next.
func (u *unpacker) write(h *tar.Header, e Entry, to string) error {
	return makeFrozen(to, e.Kind, func(f rawFile) error { return u.file(h, e.Digest, f) })
}
