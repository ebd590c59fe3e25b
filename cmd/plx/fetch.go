package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"plx/internal/fetch"
	"plx/internal/realize"
	"plx/internal/store"
)

// fetcher downloads for realize.
func fetcher(ctx context.Context, f store.Fetch, partial, dir string, tell func(realize.Download)) (undo func() error, err error) {
	c := fetch.NewClient()
	c.Report = func(p fetch.Progress) { tell(realize.Download(p)) }
	request := fetch.Request{URLs: f.URLs, Hash: f.Hash}
	if !f.Unpack {
		request.MaxSize = f.MaxSize
	}
	file, err := c.Download(ctx, request, partial)
	if err != nil {
		return nil, asFetchError(err)
	}
	if f.Unpack {
		how := fetch.Unpacking{Filename: f.Filename, Strip: f.Strip, MaxSize: f.MaxSize}
		err := fetch.Unpack(ctx, file, dir, how)
		return func() error { return nil }, asFetchError(err)
	}
	to := filepath.Join(dir, f.Filename)
	undo = func() error { return errors.Join(os.Chmod(to, 0o644), os.Rename(to, file)) }
	return undo, os.Rename(file, to)
}

// asFetchError tells the failures of what is fetched from those of this
// machine.
func asFetchError(err error) error {
	if is[*fetch.HashError](err) || is[*fetch.DownloadError](err) || is[*fetch.ArchiveError](err) {
		return &realize.FetchError{Err: err}
	}
	return err
}
