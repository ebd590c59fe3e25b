package lens

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"plx/internal/store"
)

// File follows rest into the content of a file on this machine, which its
// extension tells the form of:
//
//   - .json and .toml: names are keys, and [n] counts from 0, or from the end
//     if it is negative. An integer of 64 bits is an int64, any other number
//     a float64, a date a [store.Datetime].
//   - .csv and .tsv, with a header row: a name is a column, [n] after it a row
//     of data. A column of one row is the value in it. Without a column the
//     rows are tables. A cell is a number if it looks like one, else a string.
//   - any other: the number that is all of its content, and nothing below it.
//
// With a [*] in rest the value is the list of all that it leads to. The error
// is a [*NameError] if rest names what isn't there, a [*ContentError] if the
// content is of another form, or wraps what reading the file gave.
func File(file string, rest Path) (any, error) {
	values, err := content(file, rest.steps)
	if err != nil {
		return nil, err
	}
	for i, v := range values {
		values[i] = plain(v)
	}
	for _, s := range rest.steps {
		if s.kind == stepSpread {
			return values, nil
		}
	}
	return values[0], nil
}

// content is [File], with all values that a spread leads to.
func content(file string, rest []step) ([]any, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("lens: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("lens: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, &ContentError{file, errors.New("it is a directory or a special file, which has no content")}
	}
	var v any
	switch strings.ToLower(filepath.Ext(file)) {
	case ".csv":
		return csvContent(f, ',', rest)
	case ".tsv":
		return csvContent(f, '\t', rest)
	case ".json":
		v, err = readJSON(f)
	case ".toml":
		v, err = readTOML(f)
	default:
		v, err = readNumber(f, info.Size(), rest)
	}
	if err != nil {
		return nil, err
	}
	return walk(filepath.Base(file), v, nil, rest)
}

func readJSON(f *os.File) (any, error) {
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("lens: %w", err)
	}
	v, err := decodeJSON(data)
	if err != nil {
		return nil, &ContentError{f.Name(), err}
	}
	return v, nil
}

// decodeJSON reads one JSON value.
func decodeJSON(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	var malformed *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errors.New("JSON: it ends too early")
	case errors.As(err, &malformed):
		return nil, fmt.Errorf("JSON: line %d: %v", 1+bytes.Count(data[:malformed.Offset], []byte("\n")), err)
	case err != nil:
		return nil, fmt.Errorf("JSON: %v", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("JSON: something follows the value")
	}
	return withNumbers(v)
}

// withNumbers returns v with each [json.Number] as an int64 or a float64.
func withNumbers(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case json.Number:
		n, ok := number(v.String())
		if !ok {
			return nil, fmt.Errorf("JSON: %s is out of range", v)
		}
		return n, nil
	case []any:
		for i := range v {
			if v[i], err = withNumbers(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range v {
			if v[k], err = withNumbers(v[k]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

func readTOML(f *os.File) (any, error) {
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("lens: %w", err)
	}
	var t map[string]any
	if err := toml.Unmarshal(data, &t); err != nil {
		return nil, &ContentError{f.Name(), fmt.Errorf("TOML: %v", err)}
	}
	return withDates(t), nil
}

// withDates returns what package toml decoded in the terms of [store.Canonical].
func withDates(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = withDates(v[k])
		}
	case []map[string]any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = withDates(v[i])
		}
		return list
	case []any:
		for i := range v {
			v[i] = withDates(v[i])
		}
	case time.Time:
		return store.DecodedDatetime(v)
	}
	return v
}

// maxNumber is the size in bytes of the longest file that may hold a number,
// with the white space around it.
const maxNumber = 4096

func readNumber(f *os.File, size int64, rest []step) (any, error) {
	data, err := io.ReadAll(io.LimitReader(f, maxNumber))
	if err != nil {
		return nil, fmt.Errorf("lens: %w", err)
	}
	content := strings.TrimSpace(string(data))
	if v, ok := number(content); ok && size <= maxNumber {
		return v, nil
	}
	what := "text"
	if strings.ContainsRune(content, 0) {
		what = "binary data"
	}
	err = fmt.Errorf("it is %d bytes of %s, not a number", size, what)
	if len(rest) > 0 {
		err = fmt.Errorf("%v, and %s can be followed only into .json, .toml, .csv and .tsv", err, pathText(rest))
	}
	return nil, &ContentError{f.Name(), err}
}

var (
	integerText = regexp.MustCompile(`^[-+]?[0-9]+$`)
	numberText  = regexp.MustCompile(`^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$`)
)

// number reads an int64, or else a float64: decimal, and finite.
func number(text string) (any, bool) {
	if integerText.MatchString(text) {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, true
		}
	}
	if !numberText.MatchString(text) {
		return nil, false
	}
	x, err := strconv.ParseFloat(text, 64)
	return x, err == nil && !math.IsInf(x, 0)
}
