package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"plx/internal/builder/host"
)

// A TreeError says that a directory holds what no tree can hold.
type TreeError struct {
	Path string // below the directory
	Err  error
}

func (e *TreeError) Error() string {
	const most = 100 // bytes of each end that a person looks at
	path := e.Path
	if len(path) > 4*most {
		path = path[:most] + "…" + path[len(path)-most:]
	}
	return fmt.Sprintf("%q %v", path, e.Err)
}

// frozenTime is the time that files of a tree get, in seconds since 1970: the
// start of 1980 UTC, the earliest that zip can tell. A command that looks at
// the times of its inputs sees the same on every machine.
const frozenTime = 315532800

// A scanner reads a directory into the entries of a manifest.
type scanner struct {
	top     string
	freeze  bool                   // make all but the top read-only, as it goes
	skip    func(path string) bool // leave out what it says; nil: nothing
	entries []Entry
	hash    hasher
}

// scan returns the manifest of the directory.
func (sc *scanner) scan() (Manifest, error) {
	if err := sc.dir(""); err != nil {
		return Manifest{}, err
	}
	return dirManifest(sc.entries)
}

// dirManifest returns the manifest of a directory with these entries.
func dirManifest(entries []Entry) (Manifest, error) {
	m, err := NewManifest(entries)
	var treeErr *TreeError
	if err != nil && !errors.As(err, &treeErr) {
		return Manifest{}, &TreeError{".", fmt.Errorf("cannot be kept: %v", err)}
	}
	return m, err
}

// dir reads what is in the directory at the path below the top.
func (sc *scanner) dir(path string) error {
	if sc.freeze {
		if err := sc.unlock(path); err != nil {
			return err
		}
	}
	list, err := os.ReadDir(sc.host(path))
	if err != nil {
		return err
	}
	for _, d := range list {
		below := strings.TrimPrefix(path+"/"+d.Name(), "/")
		if sc.skip != nil && sc.skip(below) {
			continue
		}
		if err := CheckPath(below); err != nil {
			return &TreeError{below, errors.New("has a name that is not UTF-8: rename it")}
		}
		if err := nameTooLong(below, sc.entry(below, d.Type())); err != nil {
			return err
		}
	}
	return nil
}

// unlock sees to it that its owner may do everything in a directory.
func (sc *scanner) unlock(path string) error {
	var st unix.Stat_t
	err := retry(func() error { return unix.Lstat(sc.host(path), &st) })
	if err == nil && st.Mode&0o700 == 0o700 {
		return nil
	}
	return os.Chmod(sc.host(path), 0o700)
}

// maxPath is how long a path in a tree may be, in bytes. A system takes 4,096 at
// a time as a rule, with what stands before it: the path of a store, or of a
// build directory and an input in it.
const maxPath = 3000

// nameTooLong returns err, or a [TreeError] if the path is too long, or err says so.
func nameTooLong(path string, err error) error {
	if len(path) > maxPath || errors.Is(err, unix.ENAMETOOLONG) {
		return &TreeError{path, fmt.Errorf("is too long a path: it has %d bytes, and no more than %d go everywhere", len(path), maxPath)}
	}
	return err
}

func (sc *scanner) host(path string) string {
	if path == "" {
		return sc.top
	}
	return sc.top + "/" + path
}

func (sc *scanner) entry(path string, kind fs.FileMode) error {
	switch kind {
	case fs.ModeDir:
		sc.entries = append(sc.entries, Entry{Path: path, Kind: KindDir})
		if err := sc.dir(path); err != nil {
			return err
		}
		return sc.seal(path, 0o555)
	case fs.ModeSymlink:
		target, err := os.Readlink(sc.host(path))
		if err != nil {
			return err
		}
		sc.entries = append(sc.entries, Entry{Path: path, Kind: KindSymlink, Size: int64(len(target)), Target: target})
		return sc.stamp(path)
	case 0:
		return sc.file(path)
	default:
		return refuseKind(path, kind)
	}
}

func refuseKind(path string, kind fs.FileMode) error {
	return &TreeError{path, fmt.Errorf("is a %s: a result holds only files, directories and symlinks", kindName(kind))}
}

func kindName(kind fs.FileMode) string {
	switch {
	case kind&fs.ModeNamedPipe != 0:
		return "FIFO"
	case kind&fs.ModeSocket != 0:
		return "socket"
	case kind&fs.ModeDevice != 0:
		return "device"
	}
	return "special file"
}

// seal makes a file or directory read-only, if the scanner freezes.
func (sc *scanner) seal(path string, mode fs.FileMode) error {
	if !sc.freeze {
		return nil
	}
	if err := os.Chmod(sc.host(path), mode); err != nil {
		return err
	}
	return sc.stamp(path)
}

// sealDirs makes the directories that the manifest lists read-only.
func (sc *scanner) sealDirs(m Manifest) error {
	for _, e := range slices.Backward(m.Entries()) {
		if e.Kind != KindDir {
			continue
		}
		if err := sc.seal(e.Path, fs.FileMode(e.Kind.frozenMode())); err != nil {
			return err
		}
	}
	return nil
}

// sealAll makes all that the manifest lists read-only, what is in a directory
// before it.
func (sc *scanner) sealAll(m Manifest) error {
	for _, e := range slices.Backward(m.Entries()) {
		var err error
		switch e.Kind {
		case KindSymlink:
			err = sc.stamp(e.Path)
		case KindFile:
			err = sc.seal(e.Path, 0o444)
		default:
			err = sc.seal(e.Path, 0o555)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stamp gives a file the time that all files of a tree have.
func (sc *scanner) stamp(path string) error {
	if !sc.freeze {
		return nil
	}
	return stampFrozen(sc.host(path))
}

// stampFrozen gives a file, directory or symlink that time.
func stampFrozen(path string) error {
	t := unix.Timespec{Sec: frozenTime}
	err := unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{t, t}, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return &fs.PathError{Op: "utimensat", Path: path, Err: err}
	}
	return nil
}

func (sc *scanner) file(path string) error {
	f, err := sc.open(path)
	if err != nil {
		return err
	}
	defer func() { f.Close() }()
	st, err := f.stat()
	if err != nil {
		return err
	}
	if st.Mode&(unix.S_ISUID|unix.S_ISGID) != 0 {
		return &TreeError{path, errors.New("has a set-id bit: remove it with chmod ug-s")}
	}
	if sc.freeze && st.Nlink > 1 {
		own, err := sc.unshare(path, f)
		if err != nil {
			return err
		}
		f.Close()
		f = own
	}
	e := Entry{Path: path, Kind: KindFile}
	if st.Mode&0o100 != 0 {
		e.Kind = KindExecutable
	}
	content, err := sc.hash.read(f, st.Size)
	if err != nil {
		return err
	}
	e.Size, e.Digest = content.bytes, content.digest
	sc.entries = append(sc.entries, e)
	if !sc.freeze {
		return nil
	}
	return f.freeze(e.Kind.frozenMode())
}

// open opens a regular file. A result's file may have been left without
// permission to read it.
func (sc *scanner) open(path string) (rawFile, error) {
	const flags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK
	f, err := openRawAs(sc.host(path), flags, 0)
	if !errors.Is(err, fs.ErrPermission) || !sc.freeze {
		return f, err
	}
	info, err := os.Lstat(sc.host(path))
	if err != nil {
		return noFile(), err
	}
	if err := os.Chmod(sc.host(path), info.Mode().Perm()|0o400); err != nil {
		return noFile(), err
	}
	return openRawAs(sc.host(path), flags, 0)
}

// unshare puts a copy of a file in its place, and returns that, open: another
// link to the file could change what is in the store. The copy is made beside
// the top, where no name is too long or taken.
func (sc *scanner) unshare(path string, shared rawFile) (rawFile, error) {
	dir, _ := splitPath(sc.top)
	own, err := os.CreateTemp(dir, "own-")
	if err != nil {
		return noFile(), err
	}
	err = host.Clone(int(own.Fd()), shared.fd)
	if err != nil {
		_, err = io.Copy(own, shared)
	}
	err = errors.Join(err, own.Close())
	if err == nil {
		err = rename(own.Name(), sc.host(path))
	}
	if err != nil {
		return noFile(), err
	}
	return sc.open(path)
}

// copyFile makes a copy of a file. An executable is one whatever the umask.
func copyFile(from, to string, executable bool) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	err = copyContent(dst, src)
	if err == nil && executable {
		err = dst.Chmod(0o755)
	}
	return errors.Join(err, dst.Close())
}

// copyContent copies a file, sharing its blocks where the file system can.
func copyContent(dst, src *os.File) error {
	if host.Clone(int(dst.Fd()), int(src.Fd())) == nil {
		return nil
	}
	_, err := io.Copy(dst, src)
	return err
}

// copyTree makes a copy of what the manifest lists, to be frozen.
func copyTree(from string, m Manifest, to string) error {
	for _, e := range m.Entries() {
		src, dst := from+"/"+e.Path, to+"/"+e.Path
		var err error
		switch e.Kind {
		case KindDir:
			err = os.Mkdir(dst, 0o777)
		case KindSymlink:
			err = os.Symlink(e.Target, dst)
		default:
			err = copyFile(src, dst, e.Kind == KindExecutable)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// removeAll removes a directory whatever the modes of what is in it.
func removeAll(dir string) error {
	err := os.RemoveAll(dir)
	if err == nil || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	walkErr := unlock(dir)
	return errors.Join(walkErr, os.RemoveAll(dir))
}

// removeMany is removeAll, with as much at once as there are processors. What
// can't be removed quickly is tried again.
func removeMany(dir string, begin func(doing string, total int64, bytes bool) *tally) error {
	names, err := dirNames(dir)
	if err != nil {
		return err
	}
	t := begin("remove", int64(len(names)), false)
	InParallel(len(names), func(i int) {
		removeQuickly(dir + "/" + names[i])
		t.add(1)
	})
	return removeAll(dir)
}

// removeQuickly removes what it can, with half of the system calls of
// [os.RemoveAll].
func removeQuickly(path string) {
	err := unix.Unlink(path)
	if !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.EPERM) {
		return
	}
	list, _ := os.ReadDir(path) // none: what there is stays
	for _, d := range list {
		if d.IsDir() {
			removeQuickly(path + "/" + d.Name())
		} else {
			unix.Unlink(path + "/" + d.Name())
		}
	}
	unix.Rmdir(path)
}

// unlock makes dir and all directories below it writable.
func unlock(dir string) error {
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, d := range list {
		if d.IsDir() {
			if err := unlock(dir + "/" + d.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}
