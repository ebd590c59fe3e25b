package builder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// lay makes the build directory and everything in it.
func (b build) lay(ctx context.Context) error {
	description, err := b.describe()
	if err != nil {
		return err
	}
	c := &copier{ctx: ctx, reuse: b.Used, traces: b.Traces, kept: make(map[string]bool), laid: make(map[string]trace)}
	if err := b.layTop(c); err != nil {
		return fmt.Errorf("build directory: %w", err)
	}
	steps := []func(*copier) error{b.laySource, b.layInputs, b.layOut, b.layCarry}
	for _, step := range steps {
		if err := step(c); err != nil {
			return err
		}
	}
	if err := c.makeDir(b.tmp(), ours.dir); err != nil {
		return err
	}
	if err := c.write(b.description(), description, theirs.file); err != nil {
		return err
	}
	return c.leaveTraces(b.Dir)
}

// layTop makes the build directory itself, or makes sure that it is there and
// holds nothing but what may be laid over.
func (b build) layTop(c *copier) error {
	if b.Used {
		return (&copier{reuse: true}).makeDir(b.Dir, ours.dir, "src", "in", "carry", "tmp", "build.json")
	}
	if err := makeEmpty(b.Dir); err != nil {
		return err
	}
	return os.Chmod(b.Dir, ours.dir)
}

// writeFile makes a file.
func writeFile(name string, data []byte, mode fs.FileMode) error {
	return (&copier{}).write(name, data, mode)
}

// write is [writeFile], perhaps in the place of one that is there.
func (c *copier) write(name string, data []byte, mode fs.FileMode) error {
	fd, old, err := c.create(name, mode)
	if err != nil {
		return err
	}
	err = writeAll(fd, data)
	if err == nil {
		err = cut(fd, old, int64(len(data)))
	}
	if err == nil {
		err = unix.Fchmod(fd, uint32(mode)) // the umask may have taken some of it
	}
	if closed := unix.Close(fd); err == nil {
		err = closed
	}
	if err != nil {
		return &fs.PathError{Op: "write", Path: name, Err: err}
	}
	return nil
}

// makeEmpty makes a directory, or makes sure that it is there and empty.
func makeEmpty(dir string) error {
	err := os.Mkdir(dir, 0o777)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		err = fmt.Errorf("%s: it is not empty, but holds %q", dir, entries[0].Name())
	}
	return err
}

func (b build) laySource(c *copier) error {
	if b.Source == "" {
		return c.makeDir(b.src(), ours.dir)
	}
	if err := c.dir(b.src(), b.Source, ours); err != nil {
		return fmt.Errorf("source: %w", err)
	}
	return nil
}

// layInputs lays all inputs. Their directories are made read-only at the end.
func (b build) layInputs(c *copier) error {
	if len(b.Inputs) == 0 {
		if c.reuse {
			return Remove(b.in())
		}
		return nil
	}
	dirs := []string{b.in()}
	if err := c.unsealedDir(b.in(), theirs.dir, slices.Collect(maps.Keys(b.Inputs))...); err != nil {
		return err
	}
	for name, in := range b.Inputs {
		if !in.List {
			continue
		}
		dir := b.in() + "/" + name
		items := make([]string, len(in.Items))
		for i := range items {
			items[i] = path.Base(b.item(name, in, i))
		}
		if err := c.unsealedDir(dir, theirs.dir, items...); err != nil {
			return err
		}
		dirs = append(dirs, dir)
	}
	for name, in := range inOrder(b.Inputs) {
		for i, item := range in.Items {
			if err := b.layInput(c, b.item(name, in, i), item); err != nil {
				return fmt.Errorf("input %s: %w", name, err)
			}
		}
	}
	for _, dir := range dirs {
		if err := c.seal(dir, theirs.dir); err != nil {
			return err
		}
	}
	return nil
}

// layInput shows one item at dst. It copies, sharing blocks where the file
// system can: a hard link would be a way into the store for whoever may write
// to a read-only file, as root may.
func (b build) layInput(c *copier, dst string, item Item) error {
	if item.Paths == nil {
		return c.dir(dst, item.Dir, theirs)
	}
	return c.parts(dst, item.Dir, item.Paths)
}

// layOut makes out: the finished result, or the directories that the declared
// outputs are to lie in. That of an earlier run is never there.
func (b build) layOut(c *copier) error {
	c = &copier{ctx: c.ctx}
	if b.Result != "" {
		if err := c.dir(b.out(), b.Result, theirs); err != nil {
			return fmt.Errorf("result: %w", err)
		}
		return nil
	}
	if err := c.makeDir(b.out(), ours.dir); err != nil {
		return err
	}
	for _, dir := range parents(maps.Values(b.Outputs)) {
		if err := c.makeDir(b.out()+"/"+dir, ours.dir); err != nil {
			return err
		}
	}
	return nil
}

// layCarry shows what an earlier attempt has left, read-only.
func (b build) layCarry(c *copier) error {
	if b.Carry == "" {
		return c.makeDir(b.carry(), ours.dir)
	}
	if err := c.dir(b.carry(), b.Carry, theirs); err != nil {
		return fmt.Errorf("carry: %w", err)
	}
	return nil
}

// parents returns the directories above the paths, each once and after those
// that it lies in.
func parents(paths iter.Seq[string]) []string {
	above := make(map[string]bool)
	for p := range paths {
		for dir := path.Dir(path.Clean(p)); dir != "." && !above[dir]; dir = path.Dir(dir) {
			above[dir] = true
		}
	}
	return slices.Sorted(maps.Keys(above))
}

// topmost returns the paths, clean, each once, and without those that lie
// below another.
func topmost(paths []string) []string {
	all := make(map[string]bool, len(paths))
	for _, p := range paths {
		all[path.Clean(p)] = true
	}
	var top []string
	for p := range all {
		if !anyAbove(all, p) {
			top = append(top, p)
		}
	}
	slices.Sort(top)
	return top
}

func anyAbove(paths map[string]bool, p string) bool {
	for i := strings.LastIndexByte(p, '/'); i > 0; i = strings.LastIndexByte(p[:i], '/') {
		if paths[p[:i]] {
			return true
		}
	}
	return p != "." && paths["."]
}
