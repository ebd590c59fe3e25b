package plan

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"plx/internal/store"

	"github.com/BurntSushi/toml"
)

// A node is a value of a stage file and the way to it. The root has no way.
//
// Where a table was put together from several, or its strings were expanded,
// a value in it may be a *node: that is where it was written.
type node struct {
	up    *node
	key   string // the last step of the way, in a table
	index int    // the last step, in an array, from 0; -1 in a table
	value any
	unit  *unit // of the root
}

// in returns what the node was read in.
func (n *node) in() *unit {
	for n.up != nil {
		n = n.up
	}
	return n.unit
}

// with returns the node with another value.
func (n *node) with(value any) *node { return &node{n.up, n.key, n.index, value, n.unit} }

// below returns the node of what a key of the table has.
func (n *node) below(key string, v any) *node {
	if placed, ok := v.(*node); ok {
		return placed
	}
	return &node{up: n, key: key, index: -1, value: v}
}

// kept returns what a table has that is made from n, and that has v where n
// has the child.
func (n *node) kept(child *node, v any) any {
	if child.up == n {
		return v
	}
	return child.with(v)
}

// unknown stands for a value that could not be had, for which there is an
// error already: nothing more is said of it.
type unknown struct{}

// child returns the value of a key, nil if there is none.
func (n *node) child(key string) *node {
	table, _ := n.value.(map[string]any)
	return n.below(key, table[key])
}

// get returns the node of a key, or nil if there is none.
func (n *node) get(key string) *node {
	table, _ := n.value.(map[string]any)
	v, ok := table[key]
	if !ok {
		return nil
	}
	return n.below(key, v)
}

// item returns the value at an index, nil if there is none.
func (n *node) item(i int) *node {
	var v any
	if list, ok := n.value.([]any); ok && i < len(list) {
		v = list[i]
	}
	return &node{up: n, index: i, value: v}
}

// items returns the elements of an array.
func (n *node) items() []*node {
	if n == nil {
		return nil
	}
	list, _ := n.value.([]any)
	nodes := make([]*node, len(list))
	for i := range list {
		nodes[i] = n.item(i)
	}
	return nodes
}

// children returns the nodes of a table's keys, in the order of the keys.
func (n *node) children() []*node {
	if n == nil {
		return nil
	}
	table, _ := n.value.(map[string]any)
	nodes := make([]*node, 0, len(table))
	for _, key := range slices.Sorted(maps.Keys(table)) {
		nodes = append(nodes, n.below(key, table[key]))
	}
	return nodes
}

// path returns the way to n as TOML writes it: stage.anneal.src[0].
func (n *node) path() string {
	if n.up == nil {
		return ""
	}
	up := n.up.path()
	switch {
	case n.index >= 0:
		return up + "[" + strconv.Itoa(n.index) + "]"
	case up == "":
		return toml.Key{n.key}.String()
	default:
		return up + "." + toml.Key{n.key}.String()
	}
}

// decode reads TOML. The error is Errors.
func decode(file, text string) (*source, error) {
	src := &source{shown: file, text: text, axes: make(map[string][]string)}
	md, err := toml.NewDecoder(strings.NewReader(text)).Decode(&src.table)
	if err != nil {
		return nil, syntaxError(file, text, err)
	}
	for _, key := range md.Keys() {
		switch {
		case len(key) > 1 && key[0] == "stage":
			src.stages = append(src.stages, key[1])
		case len(key) > 1 && key[0] == "use":
			src.uses = append(src.uses, key[1])
		}
		if len(key) > 3 && key[len(key)-2] == "matrix" {
			matrix := key[:len(key)-1].String()
			src.axes[matrix] = append(src.axes[matrix], key[len(key)-1])
		}
	}
	src.stages, src.uses = unique(src.stages), unique(src.uses)
	return src, nil
}

// unique drops what stands a second time.
func unique(names []string) []string {
	seen := make(map[string]bool, len(names))
	return slices.DeleteFunc(names, func(name string) bool {
		twice := seen[name]
		seen[name] = true
		return twice
	})
}

// syntaxError finds the place of what the toml package says. Its own columns
// are off by a line for what stands first in one.
func syntaxError(file, text string, err error) error {
	e := SyntaxError{File: file, Line: 1, Column: 1, Err: err}
	if parse, ok := err.(toml.ParseError); ok {
		e.Line, e.Column = position(text, lineStarts(text), parse.Position.Start)
		e.Err = fmt.Errorf("%s", plainMessage(parse.Message))
		if strings.HasPrefix(parse.Message, "expected value but found") {
			e.Err = fmt.Errorf("%v; a text needs quotes around it", e.Err)
		}
	}
	return Errors{e}
}

// plainMessage gives a message of the toml package the form of the others.
func plainMessage(message string) string {
	message = strings.TrimSuffix(message, ".")
	first, n := utf8.DecodeRuneInString(message)
	if second, _ := utf8.DecodeRuneInString(message[n:]); unicode.IsLower(second) {
		return string(unicode.ToLower(first)) + message[n:]
	}
	return message
}

// decodeValue reads one TOML value, as after a "=".
func decodeValue(text string) (any, bool) {
	var table map[string]any
	if strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	if _, err := toml.NewDecoder(io.MultiReader(strings.NewReader("v = "), strings.NewReader(text))).Decode(&table); err != nil {
		return nil, false
	}
	return table["v"], true
}

// describe says what kind of value v is.
func describe(v any) string {
	switch v.(type) {
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case int64:
		return "an integer"
	case float64:
		return "a float"
	case time.Time, store.Datetime:
		return "a date or time"
	case []any, []map[string]any:
		return "an array"
	default:
		return "a table"
	}
}

// as returns the value of n if it is a T; else it says what is wanted. A
// missing node is no T, and no error.
func as[T any](p *problems, n *node, want string) (T, bool) {
	var none T
	if n == nil {
		return none, false
	}
	v, ok := n.value.(T)
	if _, silent := n.value.(unknown); !ok && !silent {
		p.add(n, "want %s, have %s", want, describe(n.value))
	}
	return v, ok
}

// text returns the string that n is. It can be given to a command: it holds
// no NUL.
func (p *problems) text(n *node) string {
	s, _ := as[string](p, n, "a string")
	if strings.ContainsRune(s, 0) {
		p.add(n, "a string with a NUL character in it can't be given to a command")
	}
	return s
}

// nonempty is like text, for where an empty string means nothing.
func (p *problems) nonempty(n *node) string {
	before := len(p.list)
	s := p.text(n)
	if n != nil && s == "" && len(p.list) == before && n.value == "" {
		p.add(n, "is empty")
	}
	return s
}

// texts returns the strings of an array that has at least one.
func (p *problems) texts(n *node) []string {
	want := "an array of strings"
	if s, single := n.value.(string); single {
		want += fmt.Sprintf(", as in [%q]", s)
	}
	list, ok := as[[]any](p, n, want)
	if ok && len(list) == 0 {
		p.add(n, "is empty")
	}
	var texts []string
	for _, item := range n.items() {
		texts = append(texts, p.text(item))
	}
	return texts
}

// count returns the integer that n is, which is at least 1.
func (p *problems) count(n *node, preset int) int {
	i, ok := as[int64](p, n, "an integer")
	if !ok {
		return preset
	}
	if i < 1 || i > math.MaxInt32 {
		p.add(n, "want a number from 1 on, have %d", i)
		return preset
	}
	return int(i)
}

// canonical turns what the toml package made of a value into what
// [store.Canonical] takes.
func (p *problems) canonical(n *node) any {
	switch v := n.value.(type) {
	case string:
		return p.text(n)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			p.add(n, "%v is no number that can be compared; leave it out, or write it as a string", v)
		}
		return v
	case time.Time:
		return store.DecodedDatetime(v)
	case []map[string]any, []any:
		list := plainList(v)
		out := make([]any, len(list))
		for i := range list {
			out[i] = p.canonical(&node{up: n, index: i, value: list[i]})
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key := range v {
			out[key] = p.canonical(n.child(key))
		}
		return out
	default:
		return v
	}
}

// plainList returns an array of tables as an array of values.
func plainList(v any) []any {
	tables, ok := v.([]map[string]any)
	if !ok {
		return v.([]any)
	}
	list := make([]any, len(tables))
	for i, t := range tables {
		list[i] = t
	}
	return list
}
