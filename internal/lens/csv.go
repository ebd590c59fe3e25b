package lens

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A table is a CSV file that is being read: row by row, so that one cell of a
// large file takes little memory.
type table struct {
	file   string
	reader *csv.Reader
	header []string
}

// byteOrderMark is what some programs put before a text in UTF-8.
const byteOrderMark = "\ufeff"

func csvContent(f *os.File, comma rune, rest []step) ([]any, error) {
	t, err := newTable(f, comma)
	if err != nil {
		return nil, err
	}
	of := filepath.Base(f.Name())
	if len(rest) == 0 || rest[0].kind != stepName {
		rows, err := t.rows()
		if err != nil {
			return nil, err
		}
		return walk(of, rows, nil, rest)
	}
	i, err := t.find(of, rest[0])
	if err != nil {
		return nil, err
	}
	if len(rest) > 1 && rest[1].kind == stepIndex {
		v, err := t.cell(of, i, rest)
		if err != nil {
			return nil, err
		}
		return walk(of, v, rest[:2], rest[2:])
	}
	values, err := t.column(i)
	if err != nil {
		return nil, err
	}
	return walk(of, values, rest[:1], rest[1:])
}

func newTable(f *os.File, comma rune) (*table, error) {
	r := bufio.NewReader(f)
	if mark, _ := r.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
		r.Discard(len(byteOrderMark))
	}
	t := &table{file: f.Name(), reader: csv.NewReader(r)}
	t.reader.Comma = comma
	t.reader.LazyQuotes = comma == '\t' // where most programs quote nothing
	t.reader.ReuseRecord = true
	header, err := t.next()
	if err != nil {
		return nil, err
	}
	if header == nil {
		return nil, &ContentError{t.file, errors.New("it has no header row")}
	}
	for _, name := range header {
		t.header = append(t.header, strings.ToValidUTF8(strings.TrimSpace(name), "\ufffd")) // as a path can have it
	}
	return t, nil
}

// next returns the next row, which is valid until the next call; nil after
// the last.
func (t *table) next() ([]string, error) {
	row, err := t.reader.Read()
	var malformed *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil
	case errors.As(err, &malformed):
		return nil, &ContentError{t.file, err}
	case err != nil:
		return nil, fmt.Errorf("lens: %w", err)
	}
	return row, nil
}

// find returns which column has the name.
func (t *table) find(of string, s step) (int, error) {
	i := slices.Index(t.header, s.name)
	if i < 0 {
		return 0, &NameError{In: of, Name: s.String(), Valid: steps(t.header)}
	}
	if slices.Contains(t.header[i+1:], s.name) {
		return 0, &ContentError{t.file, fmt.Errorf("several columns are named %s", s)}
	}
	return i, nil
}

// value returns what a cell holds: a number, or else its text.
func value(cell string) any {
	if v, ok := number(strings.TrimSpace(cell)); ok {
		return v
	}
	return strings.Clone(cell) // of a longer string, the row
}

func (t *table) column(i int) (column, error) {
	values := column{}
	for {
		row, err := t.next()
		if row == nil || err != nil {
			return values, err
		}
		values = append(values, value(row[i]))
	}
}

// cell returns the value in the column at the index rest[1]. It reads no
// further than it must, and keeps no more rows than it counts from the end.
func (t *table) cell(of string, i int, rest []step) (any, error) {
	index, n := rest[1].index, 0
	var last []any // the last -index ones, the oldest at n modulo their number
	for {
		row, err := t.next()
		if err != nil {
			return nil, err
		}
		if row == nil {
			break
		}
		switch {
		case n == index:
			return value(row[i]), nil
		case index < 0 && n < -index:
			last = append(last, value(row[i]))
		case index < 0:
			last[n%-index] = value(row[i])
		}
		n++
	}
	if index >= 0 || n < -index {
		return nil, listError(pathText(rest[:1])+" of "+of, rest[1], n, 0)
	}
	return last[n%-index], nil
}

// rows returns all rows as tables.
func (t *table) rows() ([]any, error) {
	rows := []any{}
	for {
		row, err := t.next()
		if row == nil || err != nil {
			return rows, err
		}
		cells := make(map[string]any, len(row))
		for i, cell := range row {
			cells[t.header[i]] = value(cell)
		}
		rows = append(rows, cells)
	}
}
