package plan

// This file finds where the keys of a stage file stand. The toml package
// keeps a position per key, but gives it away only inside errors; it is that
// of the value, has none for arrays' elements and for tables that are implied,
// and each costs a pass over the file. So the text, once the toml package has
// accepted it, is read here a second time, for its keys alone, and only when
// an error is to be reported.

import (
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// places knows where each key of a text stands.
type places struct {
	text  string
	lines []int          // where each line begins, in bytes
	at    map[string]int // by the path of a node, in bytes
}

// locate reads the text of a TOML file that is well-formed.
func locate(text string) places {
	s := scanner{text: text, at: make(map[string]int), tables: make(map[string]int)}
	s.file()
	return places{text, lineStarts(text), s.at}
}

// lineStarts returns where the lines begin, in bytes.
func lineStarts(text string) []int {
	starts := []int{0}
	for i := range len(text) {
		if text[i] == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// of returns the line and column of a node, or of what it is in if it has
// none of its own.
func (p places) of(n *node) (line, column int) {
	for ; n != nil && n.up != nil; n = n.up {
		if offset, ok := p.at[n.path()]; ok {
			return position(p.text, p.lines, offset)
		}
	}
	return 1, 1
}

// position turns an offset in bytes into a line and a column in characters,
// both from 1.
func position(text string, lines []int, offset int) (line, column int) {
	offset = max(0, min(offset, len(text)))
	// The toml package counts back from the end by one byte, whatever the last
	// character has.
	for start := offset; 0 < start && start < len(text) && offset-start < utf8.UTFMax; start-- {
		if utf8.RuneStart(text[start]) {
			offset = start
			break
		}
	}
	i := sort.SearchInts(lines, offset+1) - 1
	return i + 1, utf8.RuneCountInString(text[lines[i]:offset]) + 1
}

// A scanner goes through well-formed TOML and notes where keys begin.
type scanner struct {
	text   string
	pos    int
	at     map[string]int
	tables map[string]int // how many tables an array of tables has so far
	keys   func(key toml.Key)
	depth  int // of arrays and inline tables around pos
}

// maxDepth is how deep in arrays and inline tables places are noted: what is
// below has the place of what it is in. It bounds the work on hostile files.
const maxDepth = 100

// file reads lines: headers, and keys with their values.
func (s *scanner) file() {
	root := new(node)
	for table := root; ; {
		s.skip(" \t\r\n")
		if s.pos >= len(s.text) {
			return
		}
		switch {
		case s.text[s.pos] != '[':
			s.pair(table)
		case strings.HasPrefix(s.text[s.pos:], "[["):
			s.pos += 2
			table = s.arrayTable(root)
			s.pos += 2
		default:
			s.pos++
			table, _ = s.key(root, true)
			s.pos++
		}
	}
}

// arrayTable reads the name of an array of tables, and returns its new one.
func (s *scanner) arrayTable(root *node) *node {
	n, start := s.key(root, true)
	path := n.path()
	table := n.item(s.tables[path])
	s.tables[path]++
	s.note(table, start, true)
	return table
}

// skip goes on to what is none of the characters and not in a comment.
func (s *scanner) skip(chars string) {
	for s.pos < len(s.text) {
		switch c := s.text[s.pos]; {
		case c == '#':
			s.until("\n")
		case strings.IndexByte(chars, c) < 0:
			return
		default:
			s.pos++
		}
	}
}

// until goes on to the first of the characters.
func (s *scanner) until(chars string) {
	if i := strings.IndexAny(s.text[s.pos:], chars); i >= 0 {
		s.pos += i
	} else {
		s.pos = len(s.text)
	}
}

// pair reads a key of the table and its value.
func (s *scanner) pair(table *node) {
	n, _ := s.key(table, false)
	s.pos++ // =
	s.skip(" \t")
	s.value(n)
}

// key reads a key, which may be dotted, and notes where each of its parts
// begins; it returns where the last one does. What follows is "=" or "]".
func (s *scanner) key(n *node, header bool) (last *node, start int) {
	for {
		s.skip(" \t")
		start = s.pos
		n = n.child(s.name())
		s.skip(" \t")
		if s.pos >= len(s.text) || s.text[s.pos] != '.' {
			s.note(n, start, s.tables[n.path()] == 0)
			s.report(n)
			return n, start
		}
		s.note(n, start, false)
		if count := s.tables[n.path()]; header && count > 0 {
			n = n.item(count - 1)
		}
		s.pos++ // .
	}
}

// note keeps where a node begins. The place where it is defined is better
// than one that only implies it.
func (s *scanner) note(n *node, offset int, defines bool) {
	if s.depth > maxDepth {
		return
	}
	path := n.path()
	if _, ok := s.at[path]; !ok || defines {
		s.at[path] = offset
	}
}

// report tells a test which keys there are.
func (s *scanner) report(n *node) {
	if s.keys == nil {
		return
	}
	var key toml.Key
	for ; n.up != nil; n = n.up {
		if n.index < 0 {
			key = append(key, n.key)
		}
	}
	slices.Reverse(key)
	s.keys(key)
}

// name reads one part of a key.
func (s *scanner) name() string {
	start := s.pos
	if s.pos < len(s.text) && (s.text[s.pos] == '"' || s.text[s.pos] == '\'') {
		s.quoted()
		return unquote(s.text[start:s.pos])
	}
	s.until(" \t.=]#\r\n")
	return s.text[start:s.pos]
}

// unquote returns what the quoted key says.
func unquote(quoted string) string {
	if !strings.Contains(quoted, `\`) {
		return strings.Trim(quoted, quoted[:1])
	}
	var v struct{ V string }
	if _, err := toml.Decode("V = "+quoted, &v); err != nil {
		return quoted
	}
	return v.V
}

// value reads the value of n.
func (s *scanner) value(n *node) {
	if s.pos >= len(s.text) {
		return
	}
	s.depth++
	defer func() { s.depth-- }()
	switch s.text[s.pos] {
	case '"', '\'':
		s.quoted()
	case '[':
		s.array(n)
	case '{':
		s.inline(n)
	default:
		s.until(",]}#\r\n")
	}
}

func (s *scanner) array(n *node) {
	s.pos++
	for i := 0; ; i++ {
		s.skip(" \t\r\n,")
		if s.pos >= len(s.text) || s.text[s.pos] == ']' {
			s.pos = min(s.pos+1, len(s.text))
			return
		}
		item := n.item(i)
		s.note(item, s.pos, true)
		s.value(item)
	}
}

func (s *scanner) inline(n *node) {
	s.pos++
	for {
		s.skip(" \t\r\n,")
		if s.pos >= len(s.text) || s.text[s.pos] == '}' {
			s.pos = min(s.pos+1, len(s.text))
			return
		}
		s.pair(n)
	}
}

// quoted goes past a string of any of the four kinds.
func (s *scanner) quoted() {
	quote := s.text[s.pos : s.pos+1]
	long := strings.Repeat(quote, 3)
	if !strings.HasPrefix(s.text[s.pos:], long) {
		s.pos++
		s.close(quote, quote)
		return
	}
	s.pos += 3
	s.close(quote, long)
	// Up to two quotes may stand right before the closing three.
	for range 2 {
		if strings.HasPrefix(s.text[s.pos:], quote) {
			s.pos++
		}
	}
}

// close goes past the end of a string. Only " has escapes.
func (s *scanner) close(quote, end string) {
	for s.pos < len(s.text) {
		switch {
		case quote == `"` && s.text[s.pos] == '\\':
			s.pos = min(s.pos+2, len(s.text))
		case strings.HasPrefix(s.text[s.pos:], end):
			s.pos += len(end)
			return
		default:
			s.pos++
		}
	}
}
