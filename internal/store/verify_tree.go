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

	"golang.org/x/sys/unix"
)

// allTrees looks at the trees that are wanted.
func (v *verifier) allTrees() {
	trees := slices.SortedFunc(maps.Keys(v.wanted.trees), Hash.Compare)
	t := v.store.tally("verify", int64(len(trees)), false)
	v.each(len(trees), func(i int) {
		v.tree(trees[i], v.wanted.trees[trees[i]])
		t.add(1)
	})
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
