package lens

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"plx/internal/store"
)

type targetKind int8

const (
	targetValue targetKind = iota + 1
	targetFile
	targetRealization
	targetDerivation
)

// A Target is what a lens leads to: a value, a file or directory, a
// realization or a derivation.
type Target struct {
	kind  targetKind
	value any        // of a value; may be a column
	path  string     // of a file; of a realization its tree
	dref  store.DRef // what the target is, or lies in; zero in a build
	rref  store.RRef // likewise; zero below a derivation
}

// values returns targets with the values, which lie where t does.
func (t Target) values(values []any) []Target {
	targets := make([]Target, len(values))
	for i, v := range values {
		t.kind, t.value = targetValue, v
		targets[i] = t
	}
	return targets
}

// Value returns the value that t is, or that the file at t holds (see [File]):
// of the types of [store.Canonical], or nil for JSON's null.
func (t Target) Value() (any, error) {
	switch t.kind {
	case targetValue:
		return plain(t.value), nil
	case targetFile:
		return File(t.path, Path{})
	default:
		return nil, fmt.Errorf("lens: %v has no value: name an output or a config key of it", t)
	}
}

// Path returns where the file or directory is on this machine; of a
// realization, where its tree is.
func (t Target) Path() (string, error) {
	switch t.kind {
	case targetFile, targetRealization:
		return t.path, nil
	case targetValue:
		return "", errors.New("lens: a value has no path")
	default:
		return "", fmt.Errorf("lens: %v has no path: %w", t, ErrUnrealized)
	}
}

// DRef returns the derivation that t is, or that the realization t is or lies
// in realizes. In a build there is none.
func (t Target) DRef() (store.DRef, error) {
	if t.dref.IsZero() {
		return store.DRef{}, errors.New("lens: a build sees no references")
	}
	return t.dref, nil
}

// RRef returns the realization that t is or lies in. In a build, and below a
// derivation, there is none.
func (t Target) RRef() (store.RRef, error) {
	if t.rref.IsZero() && !t.dref.IsZero() {
		return store.RRef{}, fmt.Errorf("lens: %v: %w", t.dref, ErrUnrealized)
	}
	if t.rref.IsZero() {
		return store.RRef{}, errors.New("lens: a build sees no references")
	}
	return t.rref, nil
}

// String returns a text for messages.
func (t Target) String() string {
	switch t.kind {
	case targetValue:
		return text(t.value)
	case targetFile:
		return t.path
	case targetRealization:
		return t.rref.String()
	default:
		return t.dref.String()
	}
}

// A Form is how a target is written. The zero Form is the natural one: of a
// value the value, of a file or directory its path, of a realization or
// derivation its reference.
type Form struct{ name string }

// forms are the names of the forms.
var forms = []string{"value", "path", "dref", "rref", "contents", "json"}

// ParseForm reads the name of a form: value, path, dref, rref, contents or
// json; "" is the natural form.
func ParseForm(name string) (Form, error) {
	if name != "" && !slices.Contains(forms, name) {
		return Form{}, fmt.Errorf("form %q: want %s", name, strings.Join(forms, ", "))
	}
	return Form{name}, nil
}

// Write writes t and the end of a line. Strings are written as they are, dates
// and numbers in their shortest form, tables and lists as JSON. With the form
// contents, a file is written byte by byte, and no line ended.
func (t Target) Write(w io.Writer, form Form) error {
	if form.name == "contents" && t.kind != targetValue {
		return t.copyTo(w)
	}
	line, err := t.line(form)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, line+"\n")
	return err
}

func (t Target) line(form Form) (string, error) {
	switch form.name {
	case "value", "contents":
		v, err := t.Value()
		return text(v), err
	case "path":
		return t.Path()
	case "dref":
		ref, err := t.DRef()
		return ref.String(), err
	case "rref":
		ref, err := t.RRef()
		return ref.String(), err
	case "json":
		data, err := t.json()
		return string(data), err
	default:
		return t.String(), nil
	}
}

// json returns the value of t as JSON: a column of one row is still a list, a
// reference a string, and a file what it holds.
func (t Target) json() ([]byte, error) {
	v := t.value
	switch t.kind {
	case targetFile:
		var err error
		if v, err = t.Value(); err != nil {
			return nil, err
		}
	case targetRealization, targetDerivation:
		v = t.String()
	}
	data, err := marshal(v)
	if err != nil {
		return nil, fmt.Errorf("lens: %v", err)
	}
	return data, nil
}

// listed names the first of what is in a directory.
func listed(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		return ""
	}
	var names []string
	for _, e := range entries[:min(len(entries), maxListed)] {
		names = append(names, e.Name())
	}
	text := ", of " + strings.Join(names, ", ")
	if more := len(entries) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// copyTo copies the file to w.
func (t Target) copyTo(w io.Writer) error {
	path, err := t.Path()
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("lens: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.IsDir() {
		return &ContentError{path, errors.New("a directory has no contents: name a file in it" + listed(path))}
	}
	if _, err := io.Copy(w, f); err != nil {
		return fmt.Errorf("lens: %w", err)
	}
	return nil
}
