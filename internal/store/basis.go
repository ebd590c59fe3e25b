package store

// A basis is what of a store an answer is made from. It holds as long as no
// change is about it (see changes.go), and nothing of it was removed by hand,
// as far as that can be told without looking at everything: each tree is there,
// each table of derivations has not shrunk, and so has each record that is
// asked for.

import (
	"bytes"
	"encoding/binary"
	"os"
	"slices"
	"sort"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"plx/internal/builder/host"
)

// A Basis is what of a store an answer is made from.
type Basis struct {
	at      moment
	tree    stamp  // of the directory tree; zero: too young to tell
	tables  string // the sizes of the tables of derivations
	about   string // what changes would count, sorted
	sources string // trees that must be there with their manifests, sorted
	trees   string // trees that must be there, sorted
}

// A Watch sees whether others change a store.
type Watch struct {
	store *Store
	at    moment
	tree  stamp
}

// Watch begins to watch, or returns nil if an answer that is begun now can't
// be kept: another process is changing something. The store is held.
func (s *Store) Watch() *Watch {
	if s.ReadOnly() || s.suspect.on {
		return nil
	}
	s.changes.mu.Lock()
	err := s.enterChanges() // it is made if there is none
	if err == nil {
		s.changes.leave()
	}
	s.changes.mu.Unlock()
	if err != nil {
		return nil
	}
	now, _, ok := s.changesNow(moment{})
	if !ok {
		return nil
	}
	return &Watch{s, now, s.treeStamp()}
}

// treeStamp returns the stamp of the directory of trees, if it can be relied
// on.
func (s *Store) treeStamp() stamp {
	seen, path := time.Now(), s.join("tree")
	st, err := stampAt(path)
	if err != nil || !st.settled(seen, clockGrain(path, st)) {
		return stamp{}
	}
	return st
}

// tick is longer than a kernel's clock for files stands still: a tick of 1, 4
// or 10 ms.
const tick = 50 * time.Millisecond

// clockGrain returns how long the clock may stand still from which what is at
// the path has its times.
func clockGrain(path string, st stamp) time.Duration {
	whole := int64(time.Second)
	if st.mtime%whole == 0 || st.ctime%whole == 0 || !host.HasOwnClock(path) { // ext4 with small inodes keeps seconds
		return seenGranularity
	}
	return tick
}

// Basis returns what an answer is made from that was worked out since the
// watch began, or nil if others have changed something of it. It is about
// derivations and action keys; sources and other trees are what must be there.
func (w *Watch) Basis(about, sources, trees []Hash) *Basis {
	if w == nil {
		return nil
	}
	b := &Basis{tree: w.tree, tables: w.store.tableSizes(), about: packHashes(about), sources: packHashes(sources), trees: packHashes(trees)}
	now, lines, ok := w.store.changesNow(w.at)
	if !ok || concern(lines, w.store.changes.self, b.isAbout) {
		return nil
	}
	b.at = now
	return b
}

// isAbout reports whether a change of h counts.
func (b *Basis) isAbout(h Hash) bool { return hasHash(b.about, h) }

// packHashes returns the hashes in order, each once.
func packHashes(hashes []Hash) string {
	sorted := slices.Clone(hashes)
	slices.SortFunc(sorted, func(a, b Hash) int { return bytes.Compare(a.sum[:], b.sum[:]) })
	sorted = slices.Compact(sorted)
	packed := make([]byte, 0, len(sorted)*len(Hash{}.sum))
	for _, h := range sorted {
		packed = append(packed, h.sum[:]...)
	}
	return string(packed)
}

func hasHash(packed string, h Hash) bool {
	const size = len(h.sum)
	want := string(h.sum[:])
	at := func(i int) string { return packed[i*size : (i+1)*size] }
	n := len(packed) / size
	i := sort.Search(n, func(i int) bool { return at(i) >= want })
	return i < n && at(i) == want
}

// tableSizes returns the sizes of the tables of derivations.
func (s *Store) tableSizes() string {
	var sizes []byte
	for _, first := range "0123456789abcdefghijklmnopqrstuv" {
		st, _ := stampAt(s.drvTablePath(string(first))) // none has no size
		sizes = binary.BigEndian.AppendUint64(sizes, uint64(st.size))
	}
	return string(sizes)
}

// maxRecords is how many records are looked for each time: 10,000 would take
// longer than all else.
const maxRecords = 1000

// Bears reports whether b holds still, and the results are there, given by the
// texts of their references, a line each: the first maxRecords, or all. fresh
// is true if b was brought up to date.
func (s *Store) Bears(b *Basis, results string, all bool) (holds, fresh bool) {
	if s.suspect.on {
		return false, false
	}
	r, err := s.readChanges(os.O_RDONLY)
	if err != nil {
		return false, false
	}
	defer r.file.Close()
	if r.look() != nil {
		return false, false
	}
	lines, ok := r.since(b.at)
	if !ok || concern(lines, "", b.isAbout) || !grown(b.tables, s.tableSizes()) {
		return false, false
	}
	if now := s.treeStamp(); now == (stamp{}) || now != b.tree {
		if !s.haveTrees(b.sources, true) || !s.haveTrees(b.trees, false) {
			return false, false
		}
		fresh, b.tree = now != b.tree, now
	}
	if !s.haveRecords(results, all) {
		return false, false
	}
	if len(lines) > 0 {
		b.at, fresh = r.moment, true
	}
	return true, fresh
}

// grown reports whether no size has become less.
func grown(was, is string) bool {
	if len(was) != len(is) {
		return false
	}
	for i := 0; i+8 <= len(was); i += 8 {
		if was[i:i+8] > is[i:i+8] {
			return false
		}
	}
	return true
}

// haveTrees reports whether all trees are there, with their manifests.
func (s *Store) haveTrees(packed string, manifests bool) bool {
	dir, err := openDirFD(s.join("tree"))
	if err != nil {
		return false
	}
	defer unix.Close(dir)
	var h Hash
	for ; len(packed) > 0; packed = packed[len(h.sum):] {
		copy(h.sum[:], packed)
		name := h.String()
		if kindAt(dir, name) != unix.S_IFDIR || manifests && kindAt(dir, name+".manifest") != unix.S_IFREG {
			return false
		}
	}
	return true
}

// haveRecords reports whether the records of the results are there.
func (s *Store) haveRecords(results string, all bool) bool {
	dir, err := openDirFD(s.join("drv"))
	if err != nil {
		return false
	}
	defer unix.Close(dir)
	looks := 0
	for line := range strings.Lines(results) {
		if looks++; looks > maxRecords && !all {
			break
		}
		hash, base, ok := cutRRef(strings.TrimSuffix(line, "\n"))
		if !ok || kindAt(dir, base+"/"+hash+".json") != unix.S_IFREG {
			return false
		}
	}
	return true
}

// cutRRef takes the text of a reference apart, quickly.
func cutRRef(text string) (hash, base string, ok bool) {
	text, ok = strings.CutPrefix(text, "rref:")
	if !ok || len(text) <= hashLen+1 || text[hashLen] != '-' {
		return "", "", false
	}
	return text[:hashLen], text[hashLen+1:], true
}

func openDirFD(path string) (fd int, err error) {
	err = retry(func() error {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		return err
	})
	return fd, err
}

// kindAt returns what there is at a path below an open directory; 0: nothing.
func kindAt(dir int, path string) uint32 {
	var x unix.Stat_t
	if err := unix.Fstatat(dir, path, &x, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return 0
	}
	return uint32(x.Mode) & unix.S_IFMT
}

// HasProjectRoot reports whether [Store.AddProjectRoot] was called for the
// directory, which is absolute.
func (s *Store) HasProjectRoot(dir string) bool {
	target, err := os.Readlink(s.join("root", pathRootName("project", dir)))
	return err == nil && target == dir
}

// TouchAll is [Store.Touch] for results, given by the texts of their
// references, a line each. With it all is used that they were made from.
func (s *Store) TouchAll(results string) error {
	for line := range strings.Lines(results) {
		ref, err := ParseRRef(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return err
		}
		if err := s.Touch(ref); err != nil {
			return err
		}
	}
	return nil
}
