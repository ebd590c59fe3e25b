package store

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// allTrees looks at the trees that are wanted.
func (v *verifier) allTrees() {
	trees := slices.SortedFunc(maps.Keys(v.wanted.trees), Hash.Compare)
	v.each(len(trees), func(i int) { v.tree(trees[i], v.wanted.trees[trees[i]]) })
}

// tree looks at one tree and at its manifest.
func (v *verifier) tree(tree Hash, by []user) {
	m, known := v.manifest(tree, by)
	top := v.store.TreePath(tree)
	info, err := os.Lstat(top)
	d := Damage{Path: top, Tree: tree}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if len(by) > 0 {
			d.Kind, d.Text = DamageMissing, "the tree is lost"
			v.damaged(d)
		}
		return
	case err != nil:
		v.unreadable(d, err)
		return
	case !info.IsDir():
		d.Kind, d.Text = DamageType, "is no directory"
		v.damaged(d)
		return
	}
	v.trees.Add(1)
	if !known {
		if m, known = v.scanned(d); !known {
			return
		}
	}
	v.files.Add(int64(len(m.Entries())))
	v.bytes.Add(m.Size())
	t := &treeLook{verifier: v, tree: tree, top: top, m: m, seen: make([]bool, len(m.Entries())), entered: make(map[string]bool)}
	t.dir("", len(by) > 0)
	t.wg.Wait()
	t.missing()
}

// manifest returns the manifest of a tree, from a record or its file, and looks
// at the file: a source has one, and a result that is too large for a record.
func (v *verifier) manifest(tree Hash, by []user) (m Manifest, known bool) {
	wanted := false
	for _, u := range by {
		if u.rref.IsZero() {
			wanted = true
			continue
		}
		if known {
			continue
		}
		r, inline, err := v.store.readRecord(u.rref)
		if err == nil && inline {
			m, known = r.Manifest, true
		}
		wanted = wanted || err == nil && !inline
	}
	path := v.store.manifestPath(tree)
	if !wanted && !v.store.exists(path) {
		return m, known
	}
	file, err := v.store.Manifest(tree)
	if err == nil {
		return file, true
	}
	d := Damage{Path: path, Kind: DamageManifest, Tree: tree}
	var damage *DamageError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if !wanted { // gc was quicker
			return m, known
		}
		d.Text = "the manifest is lost"
		v.damaged(d)
	case errors.As(err, &damage):
		d.Text = damage.Err.Error()
		v.damaged(d)
	default:
		v.unreadable(d, err)
	}
	return m, known
}

// scanned reads a tree that has no manifest, to see if it has its hash; a quick
// look can't tell.
func (v *verifier) scanned(d Damage) (Manifest, bool) {
	if v.quick {
		return Manifest{}, false
	}
	check := func(string) bool { return v.failure() != nil }
	m, err := (&scanner{top: d.Path, skip: check}).scan()
	var tree *TreeError
	switch {
	case v.failure() != nil || errors.Is(err, fs.ErrNotExist): // ended, or gc was quicker
		return m, false
	case errors.As(err, &tree):
		d.Path, d.Kind, d.Text = d.Path+"/"+tree.Path, DamageType, tree.Err.Error()
		v.damaged(d)
		return m, false
	case err != nil:
		v.unreadable(d, err)
		return m, false
	case m.Hash() != d.Tree:
		d.Kind, d.Text = DamageContent, "has another hash, and no manifest tells where it differs"
		v.damaged(d)
		return m, false
	}
	return m, true
}

// A treeLook compares a tree with its manifest.
type treeLook struct {
	*verifier
	tree Hash
	top  string
	m    Manifest
	seen []bool // by the places of the entries
	wg   sync.WaitGroup

	entered map[string]bool // the directories whose entries have been seen
}

func (t *treeLook) tell(path string, kind DamageKind, format string, args ...any) {
	t.damaged(Damage{Path: t.host(path), Kind: kind, Text: fmt.Sprintf(format, args...), Tree: t.tree})
}

func (t *treeLook) host(path string) string {
	if path == "" {
		return t.top
	}
	return t.top + "/" + path
}

// batchFiles and batchBytes bound what one goroutine reads without asking if
// another has time: so many files of so many bytes together.
const (
	batchFiles = 64
	batchBytes = 1 << 20
)

// dir looks at a directory, and at what is below it. The top of a tree that
// nobody uses may have been left unfrozen.
func (t *treeLook) dir(path string, frozen bool) {
	f, err := os.OpenFile(t.host(path), os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		t.cannot(path, err)
		return
	}
	d := &openDir{File: f}
	d.uses.Store(1)
	defer d.done()
	var st unix.Stat_t
	if err := retry(func() error { return unix.Fstat(int(f.Fd()), &st) }); err != nil {
		t.cannot(path, err)
		return
	}
	if frozen {
		t.attributes(path, &st, 0o555)
	}
	list, err := f.ReadDir(-1)
	if err != nil {
		t.cannot(path, err)
		return
	}
	t.entered[path] = true
	t.files(d, path, list)
	for _, e := range list {
		below := strings.TrimPrefix(path+"/"+e.Name(), "/")
		if i, ok := t.find(below); ok && e.IsDir() && t.m.entries[i].Kind == KindDir && t.failure() == nil {
			t.dir(below, true)
		}
	}
}

// find returns the place of an entry in the manifest.
func (t *treeLook) find(path string) (int, bool) {
	return slices.BinarySearchFunc(t.m.entries, path, func(e Entry, p string) int { return strings.Compare(e.Path, p) })
}

// files looks at what is in a directory, but for directories.
func (t *treeLook) files(d *openDir, path string, list []fs.DirEntry) {
	var batch []Entry
	var size int64
	for _, e := range list {
		below := strings.TrimPrefix(path+"/"+e.Name(), "/")
		i, ok := t.find(below)
		if !ok {
			t.tell(below, DamageExtra, "doesn't belong to the tree")
			continue
		}
		t.seen[i] = true
		want := t.m.entries[i]
		switch {
		case modeType(want.Kind) != e.Type():
			t.tell(below, DamageType, "is no %v", want.Kind)
			continue
		case want.Kind == KindDir:
			continue
		}
		if batch = append(batch, want); len(batch) == batchFiles || size+want.Size >= batchBytes {
			t.handOver(d, batch)
			batch, size = nil, 0
			continue
		}
		size += want.Size
	}
	t.handOver(d, batch)
}

// modeType returns what a directory says of an entry of the kind.
func modeType(k Kind) fs.FileMode {
	switch k {
	case KindDir:
		return fs.ModeDir
	case KindSymlink:
		return fs.ModeSymlink
	}
	return 0
}

// handOver has the files of a directory read when there is a free hasher.
func (t *treeLook) handOver(d *openDir, batch []Entry) {
	if len(batch) == 0 {
		return
	}
	h := t.acquire()
	if h == nil {
		return
	}
	d.uses.Add(1)
	t.wg.Go(func() {
		defer d.done()
		defer t.release(h)
		for _, e := range batch {
			if t.ctx.Err() != nil {
				return
			}
			t.entry(int(d.Fd()), e, h)
		}
	})
}

// An openDir is closed when nobody uses it any more.
type openDir struct {
	*os.File
	uses atomic.Int32
}

func (d *openDir) done() {
	if d.uses.Add(-1) == 0 {
		d.Close()
	}
}

// entry looks at a file or symlink in the directory.
func (t *treeLook) entry(dir int, e Entry, h *hasher) {
	name := e.Path[strings.LastIndexByte(e.Path, '/')+1:]
	if e.Kind == KindSymlink || t.quick {
		var st unix.Stat_t
		if err := retry(func() error { return unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) }); err != nil {
			t.cannot(e.Path, err)
			return
		}
		if e.Kind == KindSymlink {
			t.symlink(dir, name, e, &st, h)
		} else {
			t.file(e, &st)
		}
		return
	}
	var fd int
	err := retry(func() (err error) {
		fd, err = unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		t.cannot(e.Path, err)
		return
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := retry(func() error { return unix.Fstat(fd, &st) }); err != nil {
		t.cannot(e.Path, err)
		return
	}
	if t.file(e, &st) {
		t.content(fd, e, h)
	}
}

func (t *treeLook) symlink(dir int, name string, e Entry, st *unix.Stat_t, h *hasher) {
	var n int
	err := retry(func() (err error) {
		n, err = unix.Readlinkat(dir, name, h.buf)
		return err
	})
	if err != nil {
		t.cannot(e.Path, err)
		return
	}
	if target := string(h.buf[:n]); target != e.Target {
		t.tell(e.Path, DamageContent, "leads to %q, and not to %q", target, e.Target)
	}
	t.time(e.Path, st)
}

// file looks at a file without reading it, and reports whether that tells
// nothing about its content.
func (t *treeLook) file(e Entry, st *unix.Stat_t) bool {
	if st.Mode&unix.S_IFMT != unix.S_IFREG { // it was a moment ago
		t.tell(e.Path, DamageType, "is no %v", e.Kind)
		return false
	}
	mode := uint32(0o444)
	if e.Kind == KindExecutable {
		mode = 0o555
	}
	t.attributes(e.Path, st, mode)
	if st.Nlink > 1 {
		t.tell(e.Path, DamageShared, "has %d names: what changes another changes it", st.Nlink)
	}
	if st.Size != e.Size {
		t.tell(e.Path, DamageContent, "has size %d, and not %d", st.Size, e.Size)
		return false
	}
	return true
}

func (t *treeLook) attributes(path string, st *unix.Stat_t, mode uint32) {
	if have := uint32(st.Mode) & 0o7777; have != mode {
		t.tell(path, DamageMode, "has mode %04o, and not %04o", have, mode)
	}
	t.time(path, st)
}

func (t *treeLook) time(path string, st *unix.Stat_t) {
	if have := time.Unix(st.Mtim.Unix()); !have.Equal(time.Unix(frozenTime, 0)) {
		t.tell(path, DamageTime, "has the time %s, and not the start of 1980", have.UTC().Format(time.RFC3339Nano))
	}
}

// content reads a file. One that fits the buffer takes one system call.
func (t *treeLook) content(fd int, e Entry, h *hasher) {
	var total int64
	h.hash.Reset()
	for total < e.Size {
		if t.ctx.Err() != nil {
			return
		}
		var n int
		err := retry(func() (err error) {
			n, err = unix.Read(fd, h.buf)
			return err
		})
		if err != nil {
			t.cannot(e.Path, err)
			return
		}
		if n == 0 {
			break // it was longer a moment ago
		}
		h.hash.Write(h.buf[:n])
		total += int64(n)
	}
	var d Digest
	h.hash.Sum(d.sum[:0])
	if d != e.Digest {
		t.tell(e.Path, DamageContent, "holds something else, of the same size")
	}
}

// cannot takes note of what looking at a file gave.
func (t *treeLook) cannot(path string, err error) {
	if errors.Is(err, fs.ErrNotExist) { // it was there a moment ago
		t.tell(path, DamageMissing, "is lost")
		return
	}
	t.unreadable(Damage{Path: t.host(path), Tree: t.tree}, err)
}

// missing reports what was not there; of a directory, not what is below it.
func (t *treeLook) missing() {
	for i, e := range t.m.Entries() {
		dir := e.Path[:max(0, strings.LastIndexByte(e.Path, '/'))]
		if !t.seen[i] && t.entered[dir] && t.failure() == nil {
			t.tell(e.Path, DamageMissing, "is lost")
		}
	}
}

// retry calls a function of the system again for as long as a signal
// interrupts it.
func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
