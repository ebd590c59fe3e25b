package lens

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type stepKind int8

const (
	stepName   stepKind = iota + 1 // name or "name"
	stepIndex                      // [n]
	stepSpread                     // [*]
)

// A step is one part of a path.
type step struct {
	kind  stepKind
	name  string
	index int
}

// String returns the step as it is written, without the dot before a name.
func (s step) String() string {
	switch {
	case s.kind == stepIndex:
		return "[" + strconv.Itoa(s.index) + "]"
	case s.kind == stepSpread:
		return "[*]"
	case isBare(s.name):
		return s.name
	default:
		return quote(s.name)
	}
}

// A Path is what follows the start of a lens: names, separated by dots, and
// indexes, as in runs[1].result."loss.val"[-1]. A name of other characters
// than letters, digits, _ and - is quoted as in JSON; [*] spreads a list. The
// zero Path leads nowhere, and stays at the start.
type Path struct{ steps []step }

// Parse reads the text form of a path.
func Parse(text string) (Path, error) {
	if !utf8.ValidString(text) {
		return Path{}, fmt.Errorf("lens %q: it is not UTF-8", text)
	}
	var p Path
	for at := 0; at < len(text); {
		dot := at > 0 && text[at] == '.'
		if dot {
			at++
		} else if at > 0 && text[at] != '[' {
			return Path{}, pathError(text, at, errors.New("want a dot or [ here"))
		}
		s, n, err := parseStep(text[at:], dot)
		if err != nil {
			return Path{}, pathError(text, at, err)
		}
		p.steps = append(p.steps, s)
		at += n
	}
	return p, nil
}

func pathError(text string, at int, err error) error {
	return fmt.Errorf("lens %s: column %d: %v", text, utf8.RuneCountInString(text[:at])+1, err)
}

// parseStep reads the step that text begins with, and returns its length.
// After a dot, only a name may follow.
func parseStep(text string, dot bool) (step, int, error) {
	switch {
	case strings.HasPrefix(text, "[") && !dot:
		return parseIndex(text)
	case strings.HasPrefix(text, `"`):
		return parseQuoted(text)
	default:
		n := strings.IndexFunc(text, func(r rune) bool { return !inName(r) })
		if n < 0 {
			n = len(text)
		}
		if n == 0 {
			return step{}, 0, errors.New("want a name, quoted if it has other than letters, digits, _ and -")
		}
		return step{kind: stepName, name: text[:n]}, n, nil
	}
}

func parseIndex(text string) (step, int, error) {
	number, _, ok := strings.Cut(text[1:], "]")
	length := len(number) + 2
	if ok && number == "*" {
		return step{kind: stepSpread}, length, nil
	}
	i, err := strconv.ParseInt(number, 10, strconv.IntSize-1) // so that -i is an int, too
	if !ok || err != nil || number[0] == '+' {
		return step{}, 0, errors.New("want [n] with a whole number, or [*]")
	}
	return step{kind: stepIndex, index: int(i)}, length, nil
}

func parseQuoted(text string) (step, int, error) {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			s := step{kind: stepName}
			if err := json.Unmarshal([]byte(text[:i+1]), &s.name); err != nil {
				return step{}, 0, fmt.Errorf("%s is not a JSON string", text[:i+1])
			}
			return s, i + 1, nil
		}
	}
	return step{}, 0, errors.New(`the name has no closing "`)
}

// String returns the text form of p, which [Parse] reads as p again.
func (p Path) String() string { return pathText(p.steps) }

func pathText(steps []step) string {
	var b strings.Builder
	for i, s := range steps {
		if i > 0 && s.kind == stepName {
			b.WriteByte('.')
		}
		b.WriteString(s.String())
	}
	return b.String()
}

func inName(r rune) bool {
	return r == '_' || r == '-' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

// isBare reports whether a name needs no quotes.
func isBare(name string) bool {
	return name != "" && strings.IndexFunc(name, func(r rune) bool { return !inName(r) }) < 0
}

// quote returns s as a JSON string.
func quote(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic("lens: " + err.Error()) // a string can be encoded
	}
	return strings.TrimSuffix(b.String(), "\n")
}
