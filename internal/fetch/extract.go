package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"unicode/utf8"
)

// An extractor makes what an archive says, in a directory that it can't leave.
// The rules are:
//
//   - A name stands once, but for that of a directory. What lies below a name
//     makes it a directory. So nothing is written to, or through, what the
//     archive has made before.
//
//   - Symlinks are made last, and each must lead to something in the directory.
//
//   - The directory is an [os.Root], so that even a mistake here would not make
//     anything outside of it.
type extractor struct {
	ctx     context.Context
	root    *os.Root
	how     Unpacking
	kinds   map[string]kind
	targets map[string]string // of the symlinks
	order   []string          // of the symlinks
	left    int64             // bytes that may still be written
	names   int64             // bytes of all names
	buf     []byte
	local   error // what this machine, not the archive, has done
}

// A kind is what lies at a name.
type kind int8

const (
	kindFile kind = iota + 1
	kindExecutable
	kindDir
	kindSymlink
)

const (
	// maxTarget is how long the target of a symlink may be, in bytes: PATH_MAX.
	maxTarget = 4096

	// maxName and maxPart are how long a name and a part of it may be, in bytes:
	// what Linux allows, with room for the directory that it is put in.
	maxName, maxPart = 3072, 255

	// maxNames is how long all names may be together, in bytes: they are kept in
	// memory.
	maxNames = 512 << 20
)

func newExtractor(ctx context.Context, dir string, how Unpacking) (*extractor, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	if how.MaxSize == 0 {
		how.MaxSize = defaultMaxSize
	}
	if how.MaxEntries == 0 {
		how.MaxEntries = defaultMaxEntries
	}
	return &extractor{
		ctx: ctx, root: root, how: how, left: how.MaxSize, buf: make([]byte, receiveBuffer),
		kinds: make(map[string]kind), targets: make(map[string]string),
	}, nil
}

// at says which entry an error is about.
func (x *extractor) at(name string, err error) error { return &ArchiveError{Name: name, Err: err} }

// explain tells the archive's mistakes from this machine's.
func (x *extractor) explain(err error) error {
	var archive *ArchiveError
	switch {
	case err == nil:
		return nil
	case x.ctx.Err() != nil:
		return context.Cause(x.ctx)
	case x.local != nil:
		return fmt.Errorf("unpack: %w", x.local)
	case errors.As(err, &archive):
		return archive
	}
	return &ArchiveError{Err: err}
}

// here takes note of an error of this machine's.
func (x *extractor) here(err error) error {
	if err != nil && x.local == nil {
		x.local = err
	}
	return err
}

// name returns where an entry belongs, or nothing if it is a directory that
// strip takes away.
func (x *extractor) name(name string, isDir bool) (string, error) {
	switch {
	case !utf8.ValidString(name):
		return "", errors.New("has a name that is not UTF-8")
	case strings.ContainsRune(name, 0):
		return "", errors.New("has a name with a NUL character in it")
	case path.IsAbs(name):
		return "", errors.New("has an absolute name")
	case len(name) > maxName:
		return "", errors.New("has too long a name")
	}
	var parts []string
	for _, part := range strings.Split(name, "/") {
		switch part {
		case "", ".":
		case "..":
			return "", errors.New("has a name that leads outside")
		default:
			if len(part) > maxPart {
				return "", errors.New("has too long a name")
			}
			parts = append(parts, part)
		}
	}
	if len(parts) > x.how.Strip {
		return strings.Join(parts[x.how.Strip:], "/"), nil
	}
	if !isDir && len(parts) == 0 {
		return "", errors.New("has no name")
	}
	if !isDir {
		return "", fmt.Errorf("would be lost: strip = %d takes all of its name", x.how.Strip)
	}
	return "", nil
}

// claim takes a name for something, and makes the directories that it lies in.
func (x *extractor) claim(name string, k kind) error {
	if x.ctx.Err() != nil {
		return context.Cause(x.ctx)
	}
	if old, taken := x.kinds[name]; taken {
		if old == kindDir || k == kindDir {
			return errors.New("is a directory, and also something else")
		}
		return errors.New("stands twice")
	}
	if dir := path.Dir(name); dir != "." {
		if err := x.dir(dir); err != nil {
			return err
		}
	}
	x.names += int64(len(name))
	if len(x.kinds) >= x.how.MaxEntries || x.names > maxNames {
		return fmt.Errorf("is too much: the archive has more than %d entries, or more than %d bytes of names", x.how.MaxEntries, maxNames)
	}
	x.kinds[name] = k
	return nil
}

// dir makes a directory, and those that it lies in, where they are not there.
func (x *extractor) dir(name string) error {
	switch x.kinds[name] {
	case kindDir:
		return nil
	case kindSymlink:
		return fmt.Errorf("lies behind a symlink, %s", name)
	case kindFile, kindExecutable:
		return fmt.Errorf("lies below a file, %s", name)
	}
	if err := x.claim(name, kindDir); err != nil {
		return err
	}
	return x.here(x.root.Mkdir(name, 0o777))
}

func (x *extractor) file(name string, r io.Reader, executable bool) error {
	k, mode := kindFile, fs.FileMode(0o666)
	if executable {
		k, mode = kindExecutable, 0o777
	}
	if err := x.claim(name, k); err != nil {
		return err
	}
	file, err := x.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return x.here(err)
	}
	err = x.copy(file, r)
	if err == nil && executable { // whatever the umask
		err = x.here(file.Chmod(0o755))
	}
	return errors.Join(err, x.here(file.Close()))
}

// copy is io.Copy with a limit.
func (x *extractor) copy(file *os.File, r io.Reader) error {
	for {
		n, err := r.Read(x.buf)
		if x.left -= int64(n); x.left < 0 {
			return fmt.Errorf("is too much: the archive holds more than %d bytes, which max-size allows", x.how.MaxSize)
		}
		if _, err := file.Write(x.buf[:n]); err != nil {
			return x.here(err)
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case x.ctx.Err() != nil:
			return context.Cause(x.ctx)
		}
	}
}

// symlink takes note of a link, to be made when all else is there.
func (x *extractor) symlink(name, target string) error {
	switch {
	case target == "" || len(target) > maxTarget || strings.ContainsRune(target, 0):
		return errors.New("is a symlink that leads nowhere")
	case path.IsAbs(target):
		return fmt.Errorf("is a symlink to an absolute path, %q", target)
	}
	if err := x.claim(name, kindSymlink); err != nil {
		return err
	}
	x.targets[name] = target
	x.order = append(x.order, name)
	return nil
}

// hardLink makes a copy of the file that was made before under the name: files
// of a result have one name each.
func (x *extractor) hardLink(name, target string) error {
	from, err := x.name(target, false)
	if err != nil {
		return fmt.Errorf("is a hard link to %q, which %v", target, err)
	}
	k := x.kinds[from]
	if k != kindFile && k != kindExecutable {
		return fmt.Errorf("is a hard link to %q, which is no file that stands before it", target)
	}
	file, err := x.root.Open(from)
	if err != nil {
		return x.here(err)
	}
	defer file.Close()
	return x.file(name, file, k == kindExecutable)
}

// links makes the symlinks, and then follows each.
func (x *extractor) links() error {
	for _, name := range x.order {
		if err := x.root.Symlink(x.targets[name], name); err != nil {
			return x.at(name, x.here(err))
		}
	}
	for _, name := range x.order {
		if x.ctx.Err() != nil {
			return context.Cause(x.ctx)
		}
		if _, err := x.root.Stat(name); err != nil {
			return x.at(name, fmt.Errorf("is a symlink that leads outside, to nothing or in a circle: %q", x.targets[name]))
		}
	}
	return nil
}
