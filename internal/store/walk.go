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
	items []arrival // in the order of their names
	print Hash      // of their names and of what stat told
}

// walk looks at what is in a directory. What it returns is a hash of the names
// of all files, and of what tells if one has changed.
func (in *intake) walk(top string) (print Hash, err error) {
	w := &walk{ctx: in.ctx, top: top, free: make(chan struct{}, runtime.GOMAXPROCS(0)-1), found: make(map[string]dirLook)}
	w.dir("")
	w.wg.Wait()
	if w.failed != nil {
		return Hash{}, fmt.Errorf("%s: %w", top, w.failed)
	}
	var prints []byte
	for _, dir := range slices.Sorted(maps.Keys(w.found)) {
		prints = append(append(prints, dir...), 0)
		prints = append(prints, w.found[dir].print.String()...)
		in.items = append(in.items, w.found[dir].items...)
	}
	return HashOf(prints), nil
}

// walked returns the manifest of the directory that was looked at.
func (in *intake) walked() (Manifest, error) {
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
	for _, it := range found.items {
		if it.entry.Kind != KindDir || stop {
			continue
		}
		select {
		case w.free <- struct{}{}:
			w.wg.Go(func() {
				w.dir(it.entry.Path)
				<-w.free
			})
		default:
			w.dir(it.entry.Path)
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
	found.items = make([]arrival, 0, len(list))
	var print []byte
	for _, d := range list {
		from := host + "/" + d.Name()
		if isNotes(d.Name()) || d.IsDir() && isStore(from) {
			continue
		}
		below := strings.TrimPrefix(path+"/"+d.Name(), "/")
		if err := CheckPath(below); err != nil {
			return found, &TreeError{below, errors.New("has a name that is not UTF-8: rename it")}
		}
		it := arrival{SourceFile: SourceFile{Path: below, From: from}, looked: true}
		if err := it.look(int(f.Fd()), d); err != nil {
			return found, err
		}
		found.items = append(found.items, it)
		print = it.appendPrint(print, d.Name())
	}
	found.print = HashOf(print)
	return found, nil
}

// look finds out what an item in the directory is.
func (it *arrival) look(dir int, d fs.DirEntry) error {
	it.entry = Entry{Path: it.Path}
	switch d.Type() {
	case fs.ModeDir:
		it.entry.Kind = KindDir
		return nil
	case fs.ModeSymlink:
		target, err := os.Readlink(it.From)
		it.entry.Kind, it.entry.Size, it.entry.Target = KindSymlink, int64(len(target)), target
		return err
	case 0:
		return it.lookFile(dir, d.Name())
	}
	return &TreeError{it.Path, fmt.Errorf("is a %s: a result holds only files, directories and symlinks", kindName(d.Type()))}
}

func (it *arrival) lookFile(dir int, name string) error {
	var st unix.Stat_t
	if err := retry(func() error { return unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) }); err != nil {
		return &fs.PathError{Op: "stat", Path: it.From, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG { // it was a moment ago
		return fmt.Errorf("%s: not a regular file", it.From)
	}
	it.stamp, it.entry.Kind = stampOf(&st), KindFile
	if st.Mode&unix.S_IXUSR != 0 {
		it.entry.Kind = KindExecutable
	}
	return nil
}

// appendPrint adds all that there is to know of an item without reading it. A
// name has no zero byte, nor has a target.
func (it *arrival) appendPrint(b []byte, name string) []byte {
	b = append(append(append(b, byte(it.entry.Kind)), name...), 0)
	if it.entry.Kind == KindSymlink {
		return append(append(b, it.entry.Target...), 0)
	}
	for _, v := range []uint64{uint64(it.size), uint64(it.mtime), uint64(it.ctime), it.device, it.inode} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}
