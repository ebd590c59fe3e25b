package plan

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"plx/internal/store"
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
	}
	return false
}

// An expander puts values for the ${name} in the strings of a file.
type expander struct {
	*problems
	params map[string]*param
	names  []string               // of the params
	stages *node                  // the table of stages, as written
	values map[string]configValue // of config keys that others may refer to, by path
	busy   []string               // paths of the config keys being expanded

	stageNames []string
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
			out[key] = x.expand(n.child(key))
		}
		return out
	default:
		list := plainList(v)
		out := make([]any, len(list))
		for i := range list {
			out[i] = x.expand(&node{n, "", i, list[i]})
		}
		return out
	}
}

// text expands one string. If it is only a ${name}, it has the name's value
// with its type.
func (x *expander) text(n *node, s string) any {
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
		b.WriteString(text)
	}
	if !whole {
		return unknown{}
	}
	return b.String()
}

// inline returns the value of a name as a part of a longer string.
func (x *expander) inline(n *node, name string) (string, bool) {
	switch v := x.lookup(n, name).(type) {
	case unknown:
		return "", false
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return formatFloat(v), true
	case store.Datetime:
		return v.String(), true
	default:
		x.add(n, "${%s} is %s, and can't be a part of a longer string", name, describe(v))
		return "", false
	}
}

// formatFloat writes f as commands see it in $name: the shortest text that
// reads back as f, with an exponent only where there would be many zeros.
func formatFloat(f float64) string {
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// lookup returns the value of a name in ${}.
func (x *expander) lookup(n *node, name string) any {
	if rest, ok := strings.CutPrefix(name, "stage."); ok {
		return x.lookupConfig(n, name, rest)
	}
	p, ok := x.params[name]
	if !ok {
		if meant := x.params[x.guess(name, x.names)]; meant != nil {
			meant.used = true // to be told of the typo is enough
		}
		x.add(n, "unknown name in ${%s}%s", name, x.among(name, "param", "params", x.names))
		return unknown{}
	}
	p.used = true
	return p.value
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

// lookupConfig returns the value of another stage's config key, from what
// follows "stage.".
func (x *expander) lookupConfig(n *node, name, rest string) any {
	stage, key, ok := strings.Cut(rest, ".config.")
	if !ok {
		x.add(n, "unknown name in ${%s}: want ${stage.NAME.config.KEY}", name)
		return unknown{}
	}
	at := x.stages.get(stage)
	if at == nil {
		x.add(n, "unknown stage in ${%s}%s", name, x.among(stage, "stage", "stages", x.stageNames))
		return unknown{}
	}
	config := at.child("config")
	value := config.get(key)
	if value == nil {
		x.add(n, "unknown config key in ${%s}%s", name, x.among(key, "config key of "+stage, "config keys of "+stage, keyNames(config)))
		return unknown{}
	}
	return x.config(n, value)
}

// config returns the canonical value of a config key, and expands it the
// first time. from is where it is asked for.
func (x *expander) config(from, n *node) any {
	path := n.path()
	if v, ok := x.values[path]; ok {
		return v.value
	}
	if i := slices.Index(x.busy, path); i >= 0 {
		x.add(from, "the value depends on itself: %s", strings.Join(append(slices.Clone(x.busy[i:]), path), " -> "))
		return unknown{}
	}
	x.busy = append(x.busy, path)
	expanded := *n
	expanded.value = x.expand(n)
	v := configValue{x.canonical(&expanded)}
	x.busy = x.busy[:len(x.busy)-1]
	x.values[path] = v
	return v.value
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
		case "run", "check", "files":
			out[key] = v
		case "match":
			out[key] = x.match(child)
		case "inputs":
			out[key] = each(child, func(in *node) any { return each(in, x.inputKey) })
		case "config":
			out[key] = each(child, func(c *node) any { return x.config(c, c) })
		default:
			out[key] = x.expand(child)
		}
	}
	return &node{n.up, n.key, n.index, out}
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
		out[key] = f(n.child(key))
	}
	return out
}

func (x *expander) inputKey(n *node) any {
	if n.key == "match" {
		return x.match(n)
	}
	return x.expand(n)
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
