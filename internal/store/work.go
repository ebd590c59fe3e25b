package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// workPrefix begins the names of the processes' directories in tmp. The number
// of the process follows, and what tells it from others of that number.
const workPrefix = "p"

// workPath returns a path for something new in this process's directory in
// tmp.
func (s *Store) workPath(what string) (string, error) {
	dir, err := s.workDir()
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	return dir + "/" + what + "-" + strconv.Itoa(s.serial), nil
}

// workDir returns this process's directory in tmp, which it makes and locks the
// first time.
func (s *Store) workDir() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.work == nil {
		err := s.makeWork()
		if isReadOnly(err) {
			err = s.readOnlyError(err)
		}
		if err != nil {
			return "", err
		}
	}
	return s.work.Name(), nil
}

// makeWork makes the directory and locks it. If gc was quicker, and took it
// for garbage, it makes another.
func (s *Store) makeWork() error {
	for {
		dir, err := os.MkdirTemp(s.join("tmp"), workPrefix+strconv.Itoa(os.Getpid())+"-")
		if err != nil {
			return err
		}
		f, err := os.Open(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := f.Chmod(0o755); err != nil { // gc of another user must see what is noted in it
			f.Close()
			return err
		}
		err = lockAlone(f)
		if err == nil && s.exists(dir) {
			s.work = f
			return nil
		}
		f.Close()
		if err != nil && !errors.Is(err, unix.EAGAIN) {
			return fmt.Errorf("lock %s: %w", dir, err)
		}
	}
}

func (s *Store) makeDir(what string) (string, error) {
	s.mustHold()
	dir, err := s.workPath(what)
	if err != nil {
		return "", err
	}
	return dir, os.Mkdir(dir, 0o777)
}

// LinkBin returns a directory of this process's own with nothing in it but a
// link to a program, to be put on the search path of builds.
func (s *Store) LinkBin(program, name string) (string, error) {
	dir, err := s.makeDir("bin")
	if err != nil {
		return "", err
	}
	return dir, os.Symlink(program, filepath.Join(dir, name))
}

// place makes a read-only file appear at once, whole. Its mtime is as given,
// or now if that is zero.
func (s *Store) place(path string, data []byte, mtime time.Time) error {
	tmp, err := s.workPath("file")
	if err != nil {
		return err
	}
	if err := writeOnce(tmp, data); err != nil {
		return err
	}
	if !mtime.IsZero() {
		if err := os.Chtimes(tmp, time.Time{}, mtime); err != nil {
			return err
		}
	}
	return rename(tmp, path)
}

// rename is [os.Rename] without a look at what is there.
func rename(from, to string) error {
	err := retry(func() error { return unix.Rename(from, to) })
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// writeOnce makes a read-only file.
func writeOnce(path string, data []byte) error {
	f, err := openRawAs(path, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o444)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// drop moves a file or directory, if there is one, out of sight: to this
// process's work, to be deleted with it.
func (s *Store) drop(path string) error {
	to, err := s.workPath("trash")
	if err != nil {
		return err
	}
	err = rename(path, to)
	if errors.Is(err, fs.ErrPermission) {
		info, statErr := os.Lstat(path)
		if statErr == nil {
			statErr = allowMove(path, info)
		}
		if statErr != nil {
			return errors.Join(err, statErr)
		}
		err = rename(path, to)
	}
	if errors.Is(err, fs.ErrNotExist) { // another process was quicker
		return nil
	}
	return err
}

// allowMove gives a directory the permission without which an ordinary user
// can't move it to another: to write to it, for its .. changes.
func allowMove(path string, info fs.FileInfo) error {
	if !info.IsDir() || info.Mode()&0o200 != 0 {
		return nil
	}
	return os.Chmod(path, 0o755)
}

func (s *Store) exists(path string) bool {
	var st unix.Stat_t
	return retry(func() error { return unix.Lstat(path, &st) }) == nil
}
