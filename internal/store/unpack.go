package store

// Unpacking has two parts. While the archive is read, each thing in it is
// checked and kept in this process's work in tmp, but for trees, which go to
// their places: nothing is seen of a tree before a record names it, and a
// second attempt need not write it again. When the archive has come to its
// end, and all of it was sound, derivations and realizations are added, what
// they need before them. So nothing of an archive that is damaged can be seen,
// and who is killed in the second part leaves realizations that are complete.

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ReadListing reads what an archive holds. It reads no further.
func ReadListing(ctx context.Context, r io.Reader) (Listing, error) {
	p, err := newPackReader(ctx, r)
	if err != nil {
		return Listing{}, err
	}
	p.close()
	return p.listed, nil
}

// Unpack adds what an archive holds, and returns what that is. Nothing of it is
// seen in the store before all of it was read and is sound. What is there
// already is not written again; a realization that is there keeps its record,
// but for the later of both times when it was made. The error is a [PackError]
// if the archive is not sound.
func (s *Store) Unpack(ctx context.Context, r io.Reader) (Listing, error) {
	s.mustHold()
	p, err := newPackReader(ctx, r)
	if err != nil {
		return Listing{}, err
	}
	defer p.close()
	return p.listed, s.unpack(p)
}

func (s *Store) unpack(p *packReader) error {
	p.unpacked = s.tally("unpack", p.listed.Bytes(), true)
	u := &unpacker{
		packReader: p, store: s, needed: make(map[string]bool), trees: make(map[Hash]packedTree),
		drvs: make(map[DRef]Derivation), extras: make(map[RRef]extras),
	}
	if err := s.noteListing(p.listed); err != nil { // before anything of it is found to be there
		return err
	}
	if err := u.checkSpace(); err != nil {
		return err
	}
	path, err := s.workPath("records")
	if err != nil {
		return err
	}
	if u.records, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return err
	}
	defer u.records.Close()
	for _, o := range p.listed.objects {
		u.needed[o.name()] = false
		if err := u.object(o); err != nil {
			return err
		}
	}
	if err := errors.Join(p.end(), u.checkNeeded()); err != nil {
		return err
	}
	return u.commit()
}

// noteListing has gc keep what the listing names, and lets it run: to read or
// write an archive takes long.
func (s *Store) noteListing(l Listing) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	for _, o := range l.objects {
		if err := s.note(o.reference()); err != nil {
			return err
		}
	}
	return s.Release()
}

// An unpacker takes an archive into a store.
type unpacker struct {
	*packReader
	store   *Store
	needed  map[string]bool // by name, whether something needs the object; not in it: it didn't come yet
	trees   map[Hash]packedTree
	drvs    map[DRef]Derivation
	records *os.File // all records, one after the other, until the end
	extras  map[RRef]extras
}

// need refuses an object if what it needs didn't come before it.
func (u *unpacker) need(object, name string) error {
	if _, came := u.needed[name]; !came {
		return u.refuse(object, fmt.Errorf("needs %s, which does not come before it", name))
	}
	u.needed[name] = true
	return nil
}

// checkNeeded refuses an archive that holds more than what its targets need.
func (u *unpacker) checkNeeded() error {
	for _, ref := range u.listed.Targets {
		u.needed[realizationEntry(ref)] = true
	}
	for _, o := range u.listed.objects {
		if !u.needed[o.name()] {
			return u.refuse(o.name(), errors.New("nothing in the archive needs it"))
		}
	}
	return nil
}

// checkSpace refuses an archive for which the disk has no space: before hours
// of reading it.
func (u *unpacker) checkSpace() error {
	var bytes int64
	for _, o := range u.listed.objects {
		there := u.store.HasTree(o.tree.hash)
		if o.isRealization() {
			there = u.store.exists(u.store.recordPath(o.rref))
		}
		if !there {
			bytes += o.size()
		}
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(u.store.dir, &disk); err != nil || disk.Blocks == 0 {
		return nil // it doesn't say: so it will when it is full
	}
	if free := uint64(disk.Bavail) * uint64(disk.Bsize); uint64(bytes) > free {
		return fmt.Errorf("store %s: the archive needs %d bytes more, and the disk has %d: free some (plx gc)", u.store.dir, bytes, free)
	}
	return nil
}

func (u *unpacker) object(o object) error {
	name := o.name()
	switch {
	case !o.tree.hash.IsZero():
		u.trees[o.tree.hash] = o.tree
		return u.tree(name, o.tree)
	case !o.dref.IsZero():
		return u.derivation(name, o)
	case o.removed:
		if _, err := u.text(name+removedSuffix, 0); err != nil {
			return err
		}
		return u.need(name, drvEntry(o.rref.dref))
	}
	return u.realization(name, o)
}

func (u *unpacker) derivation(name string, o object) error {
	data, err := u.text(name+".json", o.text.bytes)
	if err != nil {
		return err
	}
	d, err := ParseDerivation(data)
	if err == nil && (HashOf(data) != o.dref.hash || d.Name != o.dref.name) {
		err = errors.New("the derivation is not that of its name")
	}
	if err != nil {
		return u.refuse(name+".json", err)
	}
	if !d.Source.IsZero() {
		if err := u.need(name, treeEntry(d.Source)); err != nil {
			return err
		}
		if !u.trees[d.Source].source {
			return u.refuse(treeEntry(d.Source), errors.New("is not said to be a source"))
		}
	}
	for _, dep := range d.Dependencies() {
		if err := u.need(name, drvEntry(dep)); err != nil {
			return err
		}
	}
	u.drvs[o.dref] = d
	return nil
}

func (u *unpacker) realization(name string, o object) error {
	data, err := u.text(name+".json", o.text.bytes)
	if err != nil {
		return err
	}
	r, inline, err := decodeRealization(o.rref, data)
	switch {
	case err != nil:
		return u.refuse(name+".json", err)
	case DigestOf(data) != o.text.digest:
		return u.refuse(name+".json", errors.New("has another hash"))
	case inline != (u.trees[r.Tree].text <= maxInlineManifest):
		return u.refuse(name+".json", errors.New("a manifest is in a record if it is small"))
	}
	needs := []string{drvEntry(o.rref.dref), treeEntry(r.Tree)}
	for _, refs := range r.Context {
		for _, dep := range refs {
			needs = append(needs, realizationEntry(dep))
		}
	}
	for _, need := range needs {
		if err := u.need(name, need); err != nil {
			return err
		}
	}
	if _, err := u.records.Write(data); err != nil {
		return err
	}
	return u.extra(name, o, r)
}

// extra reads the log and the volatile outputs of a realization, and keeps them
// for the end if it isn't there.
func (u *unpacker) extra(name string, o object, r Realization) error {
	_, err := u.store.Realization(o.rref)
	there, dir := err == nil, ""
	if !there && (o.log.bytes > 0 || !o.volatile.hash.IsZero()) {
		if dir, err = u.store.makeDir("extras"); err != nil {
			return err
		}
		u.extras[o.rref] = extras{log: dir + "/log", volatile: dir + "/volatile"}
	}
	if o.log.bytes > 0 {
		h := fileHeader(name+".log", o.log.bytes)
		if there {
			err = u.file(h, o.log.digest, io.Discard)
		} else {
			err = u.log(h, o.log.digest, dir+"/log")
		}
		if err != nil {
			return err
		}
	}
	return u.volatile(name, o, r, dir)
}

// log makes a log of the entry that comes next. It keeps its own time.
func (u *unpacker) log(h *tar.Header, want Digest, to string) error {
	f, err := createRaw(to, 0o666)
	if err != nil {
		return err
	}
	return errors.Join(u.file(h, want, f), f.Close())
}

func (u *unpacker) volatile(name string, o object, r Realization, dir string) error {
	if (len(r.Volatile) > 0) == o.volatile.hash.IsZero() {
		return u.refuse(name+".json", errors.New("the listing has other volatile outputs than the record"))
	}
	if len(r.Volatile) == 0 {
		return nil
	}
	for _, p := range r.Volatile {
		if err := CheckPath(p); err != nil {
			return u.refuse(name+".json", err)
		}
	}
	if dir != "" {
		dir += "/volatile"
		if err := os.Mkdir(dir, 0o777); err != nil {
			return err
		}
	}
	m, err := u.files(name+".volatile", o.volatile, dir)
	if err == nil && m.Narrow(r.Volatile).Hash() != m.Hash() {
		err = u.refuse(name+".volatile.manifest", errors.New("lists more than volatile outputs"))
	}
	return err
}

// commit adds what was read, in the order of the listing.
func (u *unpacker) commit() error {
	leave, err := u.store.enter()
	if err != nil {
		return err
	}
	defer leave()
	if err := u.store.AddDerivations(maps.All(u.drvs)); err != nil {
		return err
	}
	if _, err := u.records.Seek(0, io.SeekStart); err != nil {
		return err
	}
	for _, o := range u.listed.objects {
		var err error
		switch {
		case u.ctx.Err() != nil:
			return context.Cause(u.ctx)
		case o.removed:
			err = u.store.markRemoved(u.ctx, o.rref)
		case o.isRealization():
			err = u.addRealization(o)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacker) addRealization(o object) error {
	data := make([]byte, o.text.bytes)
	if _, err := io.ReadFull(u.records, data); err != nil {
		return err
	}
	r, inline, err := decodeRealization(o.rref, data)
	if err != nil {
		return err
	}
	if !inline {
		if r.Manifest, err = u.store.Manifest(r.Tree); err != nil {
			return err
		}
	}
	r.Made = o.made
	for _, key := range r.actions() {
		if err := u.store.markBack(key, r.Tree); err != nil {
			return err
		}
	}
	_, _, err = u.store.settle(r, func() (extras, error) { return u.extras[o.rref], nil })
	return err
}

// markRemoved says that a realization was removed, in the store where what is
// built from it was packed. If it is here, there is nothing to say.
func (s *Store) markRemoved(ctx context.Context, ref RRef) error {
	unlock, err := s.lockKey(ctx, ref.hash, nil)
	if err != nil {
		return err
	}
	defer unlock()
	mark := s.OutPath(ref) + removedSuffix
	if s.exists(s.recordPath(ref)) || s.exists(mark) {
		return nil
	}
	if err := s.makeDrvDir(ref.dref); err != nil {
		return err
	}
	return s.place(mark, nil, time.Time{})
}
