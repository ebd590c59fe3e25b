package publish

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/zeebo/blake3"

	"plx/internal/builder/host"
)

// How results are brought to where people want them.
const (
	Copy    = "copy"    // files of their own, which share blocks where the file system can
	Reflink = "reflink" // the same, and an error where it can't
	Symlink = "symlink" // links into the store
)

// ErrForeign says that something is in the way that was not published, or that
// was changed since.
var ErrForeign = errors.New("it was not published by plx, or was changed since: move it away, or publish elsewhere")

// Publish brings the items to the directory, and writes its index. It returns
// the entries of the items.
func Publish(ctx context.Context, dir, how string, items []Item) ([]Entry, error) {
	p := &publisher{ctx: ctx, dir: dir, how: how}
	var err error
	if p.index, err = readIndex(dir); err != nil {
		return nil, err
	}
	var entries []Entry
	var jobs []job
	for _, i := range items {
		more, err := p.jobs(i)
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, more...)
		e, err := newEntry(i, how)
		if err != nil {
			return nil, err
		}
		for _, j := range more {
			e.Files = append(e.Files, File{Path: j.to})
		}
		entries = append(entries, e)
	}
	for _, j := range jobs {
		if err := p.check(j); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(dir, j.to), err)
		}
	}
	made, err := p.all(jobs)
	for i := range entries {
		for k, f := range entries[i].Files {
			entries[i].Files[k].BLAKE3 = made[f.Path]
		}
	}
	p.index.add(entries, made)
	return entries, errors.Join(err, p.index.write(dir))
}

// A job is a file to publish.
type job struct {
	from, to string // to: below the directory
	link     string // for a symlink of a result: what it says
	mode     fs.FileMode
}

// A publisher publishes into a directory.
type publisher struct {
	ctx   context.Context
	dir   string
	how   string
	index *Index
}

// jobs returns the files of an item; as a symlink it is one, whatever it is.
func (p *publisher) jobs(i Item) ([]job, error) {
	info, err := os.Stat(i.from)
	if err != nil {
		return nil, err
	}
	if p.how == Symlink || !info.IsDir() {
		return []job{{from: i.from, to: i.Name, mode: info.Mode()}}, nil
	}
	top, err := filepath.EvalSymlinks(i.from)
	if err != nil {
		return nil, err
	}
	var jobs []job
	err = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rest, err := filepath.Rel(top, path)
		if err != nil {
			return err
		}
		j := job{from: path, to: i.Name + "/" + filepath.ToSlash(rest)}
		if d.Type() == fs.ModeSymlink {
			j.link, err = os.Readlink(path)
		} else if info, statErr := d.Info(); statErr == nil {
			j.mode = info.Mode()
		}
		jobs = append(jobs, j)
		return err
	})
	return jobs, err
}

// check refuses to replace what was not published, or was changed since.
func (p *publisher) check(j job) error {
	to := filepath.Join(p.dir, filepath.FromSlash(j.to))
	info, err := os.Lstat(to)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err // a file where a directory is wanted, among others
	}
	was, ours := p.index.files[j.to]
	if !ours || info.IsDir() {
		return ErrForeign
	}
	now, err := digest(p.ctx, to)
	if err == nil && now != was {
		err = ErrForeign
	}
	return err
}

// all makes the files, and returns the digests of those that it has made.
func (p *publisher) all(jobs []job) (made map[string]string, err error) {
	made = make(map[string]string, len(jobs))
	for _, j := range jobs {
		if p.ctx.Err() != nil {
			return made, context.Cause(p.ctx)
		}
		to := filepath.Join(p.dir, filepath.FromSlash(j.to))
		if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
			return made, err
		}
		if made[j.to], err = p.make(j, to); err != nil {
			delete(made, j.to)
			return made, fmt.Errorf("%s: %w", to, err)
		}
	}
	return made, nil
}

// make makes a file in its place.
func (p *publisher) make(j job, to string) (sum string, err error) {
	temp := filepath.Join(filepath.Dir(to), fmt.Sprintf(".plx-%d", os.Getpid()))
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	defer os.Remove(temp)
	switch {
	case j.link != "":
		err = os.Symlink(j.link, temp)
	case p.how == Symlink:
		err = os.Symlink(j.from, temp)
	default:
		err = p.copy(j, temp)
	}
	if err != nil {
		return "", err
	}
	if sum, err = digest(p.ctx, temp); err != nil {
		return "", err
	}
	if _, ours := p.index.files[j.to]; ours {
		return sum, os.Rename(temp, to)
	}
	return sum, place(temp, to)
}

// place moves a file to where nothing is, even if something has come there
// since that was looked at.
func place(temp, to string) error {
	err := os.Link(temp, to)
	if errors.Is(err, fs.ErrExist) {
		return ErrForeign
	}
	if err != nil { // a file system without hard links
		return os.Rename(temp, to)
	}
	return nil
}

// copy copies a file, or has it share the blocks.
func (p *publisher) copy(j job, to string) error {
	src, err := os.Open(j.from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666|j.mode&0o111)
	if err != nil {
		return err
	}
	err = host.Clone(int(dst.Fd()), int(src.Fd()))
	switch {
	case err != nil && p.how == Reflink:
		err = fmt.Errorf("it can't share blocks with the store: %w", err)
	case err != nil:
		_, err = io.Copy(dst, &contextReader{p.ctx, src})
	}
	return errors.Join(err, dst.Close())
}

// A contextReader reads until its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *contextReader) Read(data []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(data)
}

// digest returns the BLAKE3 of a file in hex, as b3sum prints it; of a symlink
// that of what it says.
func digest(ctx context.Context, path string) (string, error) {
	h := blake3.New()
	if target, err := os.Readlink(path); err == nil {
		io.WriteString(h, target)
		return hex.EncodeToString(h.Sum(nil)), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	_, err = io.Copy(h, &contextReader{ctx, f})
	return hex.EncodeToString(h.Sum(nil)), err
}
