package store

// A table is a file of lines: value, tab, key, newline. It spares an inode for
// each value. Lines are appended, and only gc takes some away, by putting a
// new file in the place, or none. The key is a line's end, so that of a torn line, or of
// what follows one, nothing is taken for a value.

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"

	"golang.org/x/sys/unix"

	"plx/internal/builder/host"
)

// A table is what such a file holds.
type table []byte

// readTable reads the file. There may be none.
func readTable(path string) (table, error) {
	data, err := readRaw(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// values returns the values of a key, in the order of their lines.
func (t table) values(key string) iter.Seq[[]byte] {
	end := []byte("\t" + key + "\n")
	return func(yield func([]byte) bool) {
		for rest := []byte(t); ; {
			i := bytes.Index(rest, end)
			if i < 0 {
				return
			}
			value := rest[bytes.LastIndexByte(rest[:i], '\n')+1 : i]
			if !yield(value) {
				return
			}
			rest = rest[i+len(end):]
		}
	}
}

// torn reports whether the last line is not whole.
func (t table) torn() bool { return len(t) > 0 && t[len(t)-1] != '\n' }

// cutLine takes a line apart.
func cutLine(line []byte) (value, key []byte, ok bool) {
	line, whole := bytes.CutSuffix(line, []byte("\n"))
	i := bytes.LastIndexByte(line, '\t')
	if i < 0 || !whole {
		return nil, nil, false
	}
	return line[:i], line[i+1:], true
}

// appendLines appends the lines that choose returns for what is there. No
// other process appends meanwhile.
func appendLines(path string, choose func(table) []byte) error {
	f, err := openRawAs(path, unix.O_RDWR|unix.O_APPEND|unix.O_CREAT, 0o666)
	if err != nil {
		return err
	}
	err = retry(func() error { return unix.Flock(f.fd, unix.LOCK_EX) })
	if err != nil {
		err = fmt.Errorf("lock %s: %w", path, err)
	} else {
		err = f.extend(choose)
	}
	return errors.Join(err, f.Close())
}

// extend appends the lines to a table that is locked.
func (f rawFile) extend(choose func(table) []byte) error {
	data, err := f.readAll()
	if err != nil {
		return err
	}
	lines := choose(data)
	if len(lines) == 0 {
		return nil
	}
	if table(data).torn() {
		lines = append([]byte("\n"), lines...)
	}
	_, err = f.Write(lines)
	return err
}

// filterTables puts tables with the lines that keep wants in the place of those
// at the paths, or removes one where it wants none. The new ones are on the
// disk before that. The caller holds the store alone.
func (s *Store) filterTables(paths []string, keep func(value, key []byte) bool) error {
	fresh := make(map[string]string)
	for _, path := range paths {
		tmp, err := s.filterTable(path, keep)
		if err != nil {
			return err
		}
		if tmp != "" {
			fresh[path] = tmp
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := host.SyncFS(s.disk.file); err != nil {
		return err
	}
	for path, tmp := range fresh {
		if err := os.Rename(tmp, path); err != nil {
			return err
		}
	}
	return nil
}

// filterTable returns where the new table is, if it differs and isn't empty.
func (s *Store) filterTable(path string, keep func(value, key []byte) bool) (tmp string, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	var kept []byte
	for line := range bytes.Lines(data) {
		if value, key, ok := cutLine(line); ok && keep(value, key) {
			kept = append(kept, line...)
		}
	}
	switch len(kept) {
	case len(data):
		return "", nil
	case 0:
		return "", os.Remove(path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if tmp, err = s.workPath("table"); err != nil {
		return "", err
	}
	return tmp, errors.Join(os.WriteFile(tmp, kept, 0o666), os.Chmod(tmp, info.Mode().Perm()))
}
