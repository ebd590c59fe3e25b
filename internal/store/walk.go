package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// isNotes tells what of a directory never belongs to a source.
func isNotes(name string) bool { return name == ".plx" }

// isStore tells a store by what lies at its top. One that is kept in a project
// must not be taken into itself.
func isStore(dir string) bool {
	for _, name := range []string{"drv", "tree", "action", "version"} {
		if _, err := os.Lstat(dir + "/" + name); err != nil {
			return false
		}
	}
	return true
}

// A walk lists a directory and what is below it, and looks at every file,
// several directories at once.
type walk struct {
	ctx  context.Context
	top  string
	free chan struct{} // as many as may look at directories besides
	wg   sync.WaitGroup

	mu     sync.Mutex
	found  map[string]dirLook // by the paths of the directories
	failed error
}

// A dirLook is what is in one directory.
type dirLook struct {
	list  []glance // in the order of their names
	print Hash     // of all of that
}

// A glance is what there is to know of a file without reading it.
type glance struct {
	name   string
	kind   Kind
	stamp  stamp  // of a file
	target string // of a symlink
}

// walk looks at what is in a directory.
func (in *intake) walk(top string) (print Hash, err error) {
	print, in.dirs, err = walkDir(in.ctx, top)
	in.from = top
	return print, err
}

// walkDir looks at what is in a directory, and in those below it. The print is a
// hash of the names of all files, and of what tells if one has changed.
func walkDir(ctx context.Context, top string) (print Hash, dirs map[string]dirLook, err error) {
	w := &walk{ctx: ctx, top: top, free: make(chan struct{}, runtime.GOMAXPROCS(0)-1), found: make(map[string]dirLook)}
	w.dir("")
	w.wg.Wait()
	if w.failed != nil {
		return Hash{}, nil, fmt.Errorf("%s: %w", top, w.failed)
	}
	var prints []byte
	for _, dir := range slices.Sorted(maps.Keys(w.found)) {
		prints = append(append(prints, dir...), 0)
		prints = append(prints, w.found[dir].print.String()...)
	}
	return HashOf(prints), w.found, nil
}

// walked returns the manifest of the directory that was looked at.
func (in *intake) walked() (Manifest, error) {
	for _, dir := range slices.Sorted(maps.Keys(in.dirs)) {
		for _, g := range in.dirs[dir].list {
			path := strings.TrimPrefix(dir+"/"+g.name, "/")
			if err := nameTooLong(path, nil); err != nil {
				return Manifest{}, err
			}
			if CheckPath(path) != nil {
				return Manifest{}, &TreeError{path, errors.New("has a name that is not UTF-8: rename it")}
			}
			in.items = append(in.items, arrival{
				SourceFile: SourceFile{Path: path, From: in.from + "/" + path}, looked: true, stamp: g.stamp,
				entry: Entry{Path: path, Kind: g.kind, Size: int64(len(g.target)), Target: g.target},
			})
		}
	}
	entries, err := in.takeAll()
	if err != nil {
		return Manifest{}, err
	}
	return dirManifest(entries)
}

func (w *walk) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = cmp.Or(w.failed, err)
}

// dir looks at the directory at the path below the top, and those below it.
func (w *walk) dir(path string) {
	found, err := w.list(path)
	if err == nil && w.ctx.Err() != nil {
		err = context.Cause(w.ctx)
	}
	if err != nil {
		w.fail(nameTooLong(path, err))
		return
	}
	w.mu.Lock()
	w.found[path] = found
	stop := w.failed != nil
	w.mu.Unlock()
	for _, g := range found.list {
		if g.kind != KindDir || stop {
			continue
		}
		below := strings.TrimPrefix(path+"/"+g.name, "/")
		select {
		case w.free <- struct{}{}:
			w.wg.Go(func() {
				w.dir(below)
				<-w.free
			})
		default:
			w.dir(below)
		}
	}
}

// list looks at what is in one directory.
func (w *walk) list(path string) (found dirLook, err error) {
	host := strings.TrimSuffix(w.top+"/"+path, "/")
	f, err := os.Open(host)
	if err != nil {
		return found, err
	}
	defer f.Close()
	list, err := f.ReadDir(-1)
	if err != nil {
		return found, err
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	found.list = make([]glance, 0, len(list))
	var print []byte
	for _, d := range list {
		if isNotes(d.Name()) || d.IsDir() && isStore(host+"/"+d.Name()) {
			continue
		}
		below := strings.TrimPrefix(path+"/"+d.Name(), "/")
		if kind := d.Type(); kind != 0 && kind != fs.ModeDir && kind != fs.ModeSymlink {
			return found, refuseKind(below, kind)
		}
		g, err := glanceAt(f, d)
		if err != nil {
			return found, nameTooLong(below, err)
		}
		found.list = append(found.list, g)
		print = g.appendPrint(print)
	}
	found.print = HashOf(print)
	return found, nil
}

// glanceAt looks at what is in a directory.
func glanceAt(dir *os.File, d fs.DirEntry) (g glance, err error) {
	g = glance{name: d.Name(), kind: KindDir}
	switch d.Type() {
	case fs.ModeDir:
		return g, nil
	case fs.ModeSymlink:
		g.kind = KindSymlink
		g.target, err = os.Readlink(dir.Name() + "/" + g.name)
		return g, err
	}
	var st unix.Stat_t
	if err := retry(func() error { return unix.Fstatat(int(dir.Fd()), g.name, &st, unix.AT_SYMLINK_NOFOLLOW) }); err != nil {
		return g, &fs.PathError{Op: "stat", Path: dir.Name() + "/" + g.name, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG { // it was a moment ago
		return g, fmt.Errorf("%s/%s: not a regular file", dir.Name(), g.name)
	}
	g.stamp, g.kind = stampOf(&st), KindFile
	if st.Mode&unix.S_IXUSR != 0 {
		g.kind = KindExecutable
	}
	return g, nil
}

// appendPrint adds all of it. A name has no zero byte, nor has a target.
func (g glance) appendPrint(b []byte) []byte {
	b = append(append(append(b, byte(g.kind)), g.name...), 0)
	b = append(append(b, g.target...), 0)
	for _, v := range []uint64{uint64(g.stamp.size), uint64(g.stamp.mtime), uint64(g.stamp.ctime), g.stamp.device, g.stamp.inode} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}
