package store

import (
	"context"
	"errors"
	"os"
	"strings"
)

// A Fetch is what a derivation downloads.
type Fetch struct {
	URLs    []string // mirrors, in the order in which they are tried
	MaxSize int64    // how large the result may be, in bytes; 0: the limit of plx
	Fetched
}

// A Fetched is what the result of a [Fetch] depends on, wherever it is had
// from.
type Fetched struct {
	Hash     string // of the file, as in sha256:<hex>; blake3, sha512 and sha1 are the others
	Filename string // of the file in the result, or of what it is compressed from
	Unpack   bool   // the result is what the file contains
	Strip    int    // with Unpack: how many directories are taken away from the names
}

func (f *Fetch) table() any {
	t := f.Fetched.table()
	setList(t, "urls", f.URLs)
	setInt(t, "max-size", f.MaxSize)
	return t
}

func (f *Fetched) table() map[string]any {
	t := map[string]any{"hash": f.Hash}
	set(t, "filename", f.Filename)
	setTrue(t, "unpack", f.Unpack)
	setInt(t, "strip", int64(f.Strip))
	return t
}

func setInt(t map[string]any, key string, value int64) {
	if value != 0 {
		t[key] = value
	}
}

func (r *reader) fetch(v any) *Fetch {
	if v == nil {
		return nil
	}
	t := r.table("fetch", v)
	return &Fetch{
		URLs:    r.strings("fetch.urls", t["urls"]),
		MaxSize: as[int64](r, "fetch.max-size", t["max-size"]),
		Fetched: Fetched{
			Hash:     as[string](r, "fetch.hash", t["hash"]),
			Filename: as[string](r, "fetch.filename", t["filename"]),
			Unpack:   as[bool](r, "fetch.unpack", t["unpack"]),
			Strip:    int(as[int64](r, "fetch.strip", t["strip"])),
		},
	}
}

// partialName is how the directories begin that downloads go on in.
const partialName = "partial-"

// Partial returns the directory where a download with the hash (as in
// [Fetch].Hash) goes on, and locks it. If another process has it, it calls
// waiting once and waits. Nothing in the directory may be believed: a process
// may have been killed at any time. With done the directory is removed when it
// is released; else it stays, for the next attempt, until gc.
func (s *Store) Partial(ctx context.Context, hash string, waiting func()) (dir string, release func(done bool) error, err error) {
	s.mustHold()
	f, err := s.lockWork(ctx, partialName+strings.ReplaceAll(hash, ":", "-"), waiting)
	if err != nil {
		return "", nil, err
	}
	return f.Name(), func(done bool) error { return releasePartial(f, done) }, nil
}

// lockWork makes the directory of the name in tmp, unless it is there, and
// locks it. If another process has it, it calls waiting once and waits.
func (s *Store) lockWork(ctx context.Context, name string, waiting func()) (*os.File, error) {
	dir := s.join("tmp", name)
	for {
		if err := os.Mkdir(dir, 0o777); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, err
		}
		f, err := os.Open(dir)
		if errors.Is(err, os.ErrNotExist) {
			continue // whoever had it is done with it
		}
		if err != nil {
			return nil, err
		}
		if err := poll(ctx, waiting, func() error { return lockAlone(f) }); err != nil {
			f.Close()
			return nil, err
		}
		// gc may have found it unlocked, and be about to move it: that is over
		// once the store could be held.
		leave, err := s.enter()
		if err != nil {
			f.Close()
			return nil, err
		}
		leave()
		if isAt(f, dir) {
			return f, nil
		}
		f.Close()
	}
}

// isAt reports whether the open directory is still the one at the path.
func isAt(f *os.File, path string) bool {
	have, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(have, there)
}

func releasePartial(f *os.File, done bool) error {
	var err error
	if done {
		err = os.RemoveAll(f.Name())
	}
	return errors.Join(err, f.Close())
}
