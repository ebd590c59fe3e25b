package plan

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A ref is how a stage file or a command names stages: "train",
// "base.train[lr=0.1]:model".
type ref struct {
	name     string // of a stage, after the modules that lead to it
	set      bool   // it chooses among the points of a sweep
	picks    []pick // what they have in common; none: all points
	output   string
	narrowed bool // it names an output
}

// A pick is the text of a value of one axis of a sweep.
type pick struct{ axis, value string }

// bareValue is a value that needs no quotes, or the name of an axis.
var bareValue = regexp.MustCompile(`^[A-Za-z0-9_.+-]+`)

// parseRef takes a name apart.
func parseRef(text string) (ref, error) {
	end := strings.IndexAny(text, "[:")
	if end < 0 {
		end = len(text)
	}
	r, rest := ref{name: text[:end]}, text[end:]
	if strings.HasPrefix(rest, "[") {
		var err error
		if rest, err = r.parseSet(rest[1:]); err != nil {
			return r, fmt.Errorf("%q: %v", text, err)
		}
		if rest != "" && rest[0] != ':' {
			return r, fmt.Errorf("%q: unexpected %q after the ]", text, rest)
		}
	}
	if rest != "" {
		r.output, r.narrowed = rest[1:], true
	}
	if r.name == "" || r.narrowed && r.output == "" {
		return r, fmt.Errorf(`want "stage" or "stage:output", have %q`, text)
	}
	return r, nil
}

// parseSet reads what follows the [, and returns what follows the ].
func (r *ref) parseSet(s string) (rest string, err error) {
	r.set = true
	s = strings.TrimLeft(s, " ")
	if all, ok := strings.CutPrefix(s, "*"); ok {
		return closeSet(all)
	}
	for {
		var p pick
		if p.axis = bareValue.FindString(s); p.axis == "" {
			return "", fmt.Errorf(`want "*", or an axis and its value as in lr=0.1, at %q`, s)
		}
		s = strings.TrimLeft(s[len(p.axis):], " ")
		value, ok := strings.CutPrefix(s, "=")
		if !ok {
			return "", fmt.Errorf("want = and a value after the axis %s", p.axis)
		}
		if p.value, s, err = parseValue(strings.TrimLeft(value, " ")); err != nil {
			return "", fmt.Errorf("axis %s: %v", p.axis, err)
		}
		if slices.ContainsFunc(r.picks, func(q pick) bool { return q.axis == p.axis }) {
			return "", fmt.Errorf("the axis %s stands twice", p.axis)
		}
		r.picks = append(r.picks, p)
		if s = strings.TrimLeft(s, " "); !strings.HasPrefix(s, ",") {
			return closeSet(s)
		}
		s = strings.TrimLeft(s[1:], " ")
	}
}

func closeSet(s string) (rest string, err error) {
	rest, ok := strings.CutPrefix(strings.TrimLeft(s, " "), "]")
	if !ok {
		return "", errors.New("want ] at the end of the set")
	}
	return rest, nil
}

// parseValue reads a value, quoted or not, and returns what follows.
func parseValue(s string) (value, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		value = bareValue.FindString(s)
		if value == "" {
			return "", "", fmt.Errorf("want a value at %q; one that has more than letters, digits and _.+- is quoted", s)
		}
		return value, s[len(value):], nil
	}
	quoted, err := strconv.QuotedPrefix(s)
	if err != nil {
		return "", "", errors.New("the quotes of the value don't end")
	}
	value, err = strconv.Unquote(quoted)
	return value, s[len(quoted):], err
}

// quoteValue is the inverse of parseValue.
func quoteValue(value string) string {
	if value != "" && bareValue.FindString(value) == value {
		return value
	}
	return strconv.Quote(value)
}

// String is the inverse of parseRef, up to spaces and quotes.
func (r ref) String() string {
	text := r.name
	switch {
	case r.set && r.picks == nil:
		text += "[*]"
	case r.set:
		text += pointName(r.picks)
	}
	if r.narrowed {
		text += ":" + r.output
	}
	return text
}

// pointName is what follows the name of a sweep in that of its point.
func pointName(picks []pick) string {
	var b strings.Builder
	for i, p := range picks {
		b.WriteString([2]string{"[", ","}[min(i, 1)])
		b.WriteString(p.axis + "=" + quoteValue(p.value))
	}
	b.WriteString("]")
	return b.String()
}

// Point takes the name of a stage apart that is a point of a sweep: the name of
// the sweep, and its axes in order. Other stages are none.
func Point(name string) (sweep string, axes []string, ok bool) {
	r, err := parseRef(name)
	if err != nil || r.picks == nil {
		return name, nil, false
	}
	for _, p := range r.picks {
		axes = append(axes, p.axis)
	}
	return r.name, axes, true
}
