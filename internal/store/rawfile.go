package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"

	"plx/internal/builder/host"
)

// A rawFile is an open regular file. For trees of many small files: an
// [os.File] asks the kernel several times more for each.
type rawFile struct {
	fd   int
	path string
}

// openRaw opens a regular file to be read. Of anything else it doesn't wait
// for another end.
func openRaw(path string) (rawFile, error) {
	return openRawAs(path, unix.O_RDONLY|unix.O_NONBLOCK, 0)
}

// createRaw makes a file, to be written to and read from.
func createRaw(path string, mode uint32) (rawFile, error) {
	return openRawAs(path, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, mode)
}

// readRaw reads a regular file.
func readRaw(path string) ([]byte, error) {
	f, err := openRaw(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.readAll()
}

// readAll reads what comes next, up to the end.
func (f rawFile) readAll() ([]byte, error) {
	st, err := f.stat()
	if err != nil {
		return nil, err
	}
	data := make([]byte, 0, max(st.Size+1, 512))
	for {
		n, err := f.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if err == io.EOF {
			return data, nil
		}
		if err != nil {
			return nil, err
		}
		if len(data) == cap(data) {
			data = slices.Grow(data, len(data))
		}
	}
}

// isMissing reports whether there is nothing at the path. It is quicker than
// to look at an error of [os.Lstat], of which most say that.
func isMissing(path string) bool {
	var st unix.Stat_t
	return retry(func() error { return unix.Lstat(path, &st) }) == unix.ENOENT
}

func openRawAs(path string, flags int, mode uint32) (rawFile, error) {
	var fd int
	err := retry(func() (err error) {
		fd, err = unix.Open(path, flags|unix.O_CLOEXEC, mode)
		return err
	})
	if err != nil {
		return noFile(), &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return rawFile{fd, path}, nil
}

func (f rawFile) Read(buf []byte) (int, error) {
	n := 0
	err := retry(func() (err error) {
		n, err = unix.Read(f.fd, buf)
		return err
	})
	if err != nil {
		return 0, f.failed("read", err)
	}
	if n == 0 && len(buf) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (f rawFile) Write(data []byte) (int, error) {
	done := 0
	for done < len(data) {
		n, err := unix.Write(f.fd, data[done:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return done, f.failed("write", err)
		}
		done += n
	}
	return done, nil
}

// Close closes the file. An error of a file that was written to says that what
// was written is lost.
func (f rawFile) Close() error {
	err := unix.Close(f.fd)
	if err == nil || errors.Is(err, unix.EINTR) { // it is closed all the same
		return nil
	}
	return f.failed("close", err)
}

// failed says what was done to which file.
func (f rawFile) failed(op string, err error) error {
	return &fs.PathError{Op: op, Path: f.path, Err: err}
}

// noFile stands for no open file.
func noFile() rawFile { return rawFile{fd: -1} }

// isOpen tells an open file from none.
func (f rawFile) isOpen() bool { return f.fd >= 0 }

// stat looks at the file.
func (f rawFile) stat() (st unix.Stat_t, err error) {
	if err := retry(func() error { return unix.Fstat(f.fd, &st) }); err != nil {
		return st, f.failed("stat", err)
	}
	return st, nil
}

// stampOf tells whether the file, if it is a regular one, is the one that was
// read.
func (f rawFile) stampOf() (stamp, error) {
	st, err := f.stat()
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = fmt.Errorf("%s: not a regular file", f.path)
	}
	return stampOf(&st), err
}

// freeze makes the file as those of a tree are, in as far as it isn't so.
func (f rawFile) freeze(mode uint32) error {
	st, err := f.stat()
	if err != nil {
		return err
	}
	if uint32(st.Mode)&0o7777 != mode {
		if err := retry(func() error { return unix.Fchmod(f.fd, mode) }); err != nil {
			return f.failed("chmod", err)
		}
	}
	return stampFrozen(f.path)
}

// earlyWrite is how many bytes are written before the disk begins with them: it
// would have nothing to do until all is copied.
const earlyWrite = 16 << 20

// An earlyWriter writes to a large file that is to be synced.
type earlyWriter struct {
	file       rawFile
	done, sent int64
}

func (w *earlyWriter) Write(data []byte) (int, error) {
	n, err := w.file.Write(data)
	if w.done += int64(n); w.done-w.sent >= earlyWrite {
		host.BeginWriting(w.file.fd, w.sent, w.done-w.sent)
		w.sent = w.done
	}
	return n, err
}
