package plan

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A piece is a part of a string: literal text, or the name in a ${name}.
type piece struct {
	text string
	name bool
}

// parseTemplate takes a string apart. "$${" is a literal "${".
func parseTemplate(s string) ([]piece, error) {
	var pieces []piece
	var literal strings.Builder
	for s != "" {
		switch {
		case strings.HasPrefix(s, "$${"):
			literal.WriteString("${")
			s = s[3:]
		case strings.HasPrefix(s, "${"):
			name, rest, ok := strings.Cut(s[2:], "}")
			if !ok {
				return nil, errors.New(`"${" without "}"; write "$${" for a literal "${"`)
			}
			pieces = appendLiteral(pieces, &literal)
			pieces, s = append(pieces, piece{name, true}), rest
		default:
			literal.WriteByte(s[0])
			s = s[1:]
		}
	}
	return appendLiteral(pieces, &literal), nil
}

func appendLiteral(pieces []piece, literal *strings.Builder) []piece {
	if literal.Len() > 0 {
		pieces = append(pieces, piece{literal.String(), false})
		literal.Reset()
	}
	return pieces
}

// formatTemplate is the inverse of parseTemplate.
func formatTemplate(pieces []piece) string {
	var b strings.Builder
	for _, p := range pieces {
		if p.name {
			b.WriteString("${" + p.text + "}")
		} else {
			b.WriteString(strings.ReplaceAll(p.text, "${", "$${"))
		}
	}
	return b.String()
}

// hasTemplate tells whether a string in v needs a look.
func hasTemplate(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(v, "${")
	case []any:
		return slices.ContainsFunc(v, hasTemplate)
	case []map[string]any:
		return slices.ContainsFunc(v, func(t map[string]any) bool { return hasTemplate(t) })
	case map[string]any:
		for _, v := range v {
			if hasTemplate(v) {
				return true
			}
		}
	case *node:
		return hasTemplate(v.value)
	}
	return false
}

// An expander puts values for the ${name} in the strings of files. What a name
// stands for depends on the file that has the string.
type expander struct {
	*loader
	values map[string]configValue // of config keys that others may refer to, by unit and path
	busy   []string               // the config keys and arguments being expanded

	// For a point of a sweep, whose config is its own.
	shared *expander // for all else; nil: this is it
	axes   map[string]any
}

// point returns an expander for the stage of a point.
func (x *expander) point(f *family, pt point) *expander {
	axes := make(map[string]any, len(f.axes))
	for i, a := range f.axes {
		axes[a.name] = pt.values[i]
	}
	return &expander{loader: x.loader, values: make(map[string]configValue), shared: x, axes: axes}
}

// A configValue is what a config key has after expansion, if it could be had.
type configValue struct{ value any }

// expand returns the value of n with its strings expanded.
func (x *expander) expand(n *node) any {
	if !hasTemplate(n.value) {
		return n.value
	}
	switch v := n.value.(type) {
	case string:
		return x.text(n, v)
	case map[string]any:
		out := make(map[string]any, len(v))
		for key := range v {
			child := n.child(key)
			out[key] = n.kept(child, x.expand(child))
		}
		return out
	default:
		list := plainList(v)
		out := make([]any, len(list))
		for i := range list {
			out[i] = x.expand(&node{up: n, index: i, value: list[i]})
		}
		return out
	}
}

// ref expands the name of stages. There, values that need it are quoted.
func (x *expander) ref(n *node) any {
	s, ok := n.value.(string)
	if !ok || !hasTemplate(s) {
		return x.expand(n)
	}
	return x.join(n, s, func(before, value string) string {
		if i := strings.LastIndexByte(before, '['); i < 0 || strings.Contains(before[i:], `"`) {
			return value
		}
		return quoteValue(value)
	})
}

// text expands one string. If it is only a ${name}, it has the name's value
// with its type.
func (x *expander) text(n *node, s string) any {
	return x.join(n, s, func(_, value string) string { return value })
}

// join is text, with each value as part of a longer string as it is put after
// what is before it.
func (x *expander) join(n *node, s string, put func(before, value string) string) any {
	pieces, err := parseTemplate(s)
	if err != nil {
		x.add(n, "%v", err)
		return unknown{}
	}
	if len(pieces) == 1 && pieces[0].name {
		return x.lookup(n, pieces[0].text)
	}
	var b strings.Builder
	whole := true
	for _, p := range pieces {
		if !p.name {
			b.WriteString(p.text)
			continue
		}
		text, ok := x.inline(n, p.text)
		whole = whole && ok
		b.WriteString(put(b.String(), text))
	}
	if !whole {
		return unknown{}
	}
	return b.String()
}

// inline returns the value of a name as a part of a longer string.
func (x *expander) inline(n *node, name string) (string, bool) {
	v := x.lookup(n, name)
	if _, silent := v.(unknown); silent {
		return "", false
	}
	text, ok := valueText(v)
	if !ok {
		x.add(n, "${%s} is %s, and can't be a part of a longer string", name, describe(v))
	}
	return text, ok
}

// formatFloat writes f as commands see it in $name: the shortest text that
// reads back as f, with an exponent only where there would be many zeros.
func formatFloat(f float64) string {
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// known lists the names that there are, or the one that is near.
func (p *problems) among(name, one, many string, names []string) string {
	hint := p.near(name, names)
	switch {
	case len(names) == 0:
		return "; there are no " + many
	case len(names) == 1 && hint == "":
		return "; the " + one + " is " + names[0]
	case len(names) == 1 || len(names) > 20:
		return hint
	default:
		return hint + "; the " + many + " are " + strings.Join(names, ", ")
	}
}

// stage returns the stage at n with every string expanded that is: not what a
// shell reads, and not the text of files.
func (x *expander) stage(n *node) *node {
	table, ok := n.value.(map[string]any)
	if !ok || !hasTemplate(table) {
		return n
	}
	out := make(map[string]any, len(table))
	for key, v := range table {
		child := n.child(key)
		switch key {
		case "run", "check", "files", "matrix", "exclude", "include":
			out[key] = v
		case "match":
			out[key] = n.kept(child, x.match(child))
		case "inputs":
			out[key] = n.kept(child, each(child, x.input))
		case "config":
			out[key] = n.kept(child, each(child, func(c *node) any { return x.config(c, c) }))
		case "group":
			out[key] = n.kept(child, x.refs(child))
		default:
			out[key] = n.kept(child, x.expand(child))
		}
	}
	return n.with(out)
}

// refs expands a list of names of stages.
func (x *expander) refs(n *node) any {
	if _, ok := n.value.([]any); !ok {
		return x.expand(n)
	}
	var list []any
	for _, item := range n.items() {
		list = append(list, x.ref(item))
	}
	return list
}

// each returns the table n with f of each value, or f's own way with what is
// no table.
func each(n *node, f func(*node) any) any {
	table, ok := n.value.(map[string]any)
	if !ok {
		return f(n)
	}
	out := make(map[string]any, len(table))
	for key := range table {
		child := n.child(key)
		out[key] = n.kept(child, f(child))
	}
	return out
}

// input expands an input.
func (x *expander) input(n *node) any {
	if _, ok := n.value.(string); ok {
		return x.ref(n)
	}
	return each(n, func(n *node) any {
		switch n.key {
		case "match":
			return x.match(n)
		case "stage":
			return x.ref(n)
		default:
			return x.expand(n)
		}
	})
}

// match expands a matcher, but for its script.
func (x *expander) match(n *node) any {
	return each(n, func(n *node) any {
		if _, script := n.value.(map[string]any); script && n.key == "by" {
			return n.value
		}
		return x.expand(n)
	})
}

// keyNames returns the keys of a table, sorted.
func keyNames(n *node) []string {
	var names []string
	for _, child := range n.children() {
		names = append(names, child.key)
	}
	return names
}
