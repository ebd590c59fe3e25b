package store

// A table is a file of lines: value, tab, key, newline. It spares an inode for
// each value. Lines are appended, and only gc takes some away, by putting a
// new file in the place, or none. The key is a line's end, so that of a torn line, or of
// what follows one, nothing is taken for a value.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"

	"golang.org/x/sys/unix"
)

// A table is what such a file holds.
type table []byte

// readTable reads the file. There may be none.
func readTable(path string) (table, error) {
	data, err := os.ReadFile(path)
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
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := flock(f, unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", path, err)
	}
	data, err := io.ReadAll(f)
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
	return errors.Join(err, f.Close())
}

// filterTable puts a table with the lines that keep wants in the place of the
// one at path, which holds data; or removes that, if it wants none. The caller
// holds the store alone.
func (s *Store) filterTable(path string, data table, keep func(value, key []byte) bool) error {
	var kept []byte
	for line := range bytes.Lines(data) {
		if value, key, ok := cutLine(line); ok && keep(value, key) {
			kept = append(kept, line...)
		}
	}
	if len(kept) == len(data) {
		return nil
	}
	if len(kept) == 0 {
		return os.Remove(path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	tmp, err := s.workPath("table")
	if err != nil {
		return err
	}
	if err := errors.Join(os.WriteFile(tmp, kept, 0o666), os.Chmod(tmp, info.Mode().Perm())); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
