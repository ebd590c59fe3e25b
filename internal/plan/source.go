package plan

import (
	"maps"
	"path"
	"slices"
	"strings"

	"plx/internal/store"
)

// sources are the files that a stage has in its working directory. Stages
// with the same globs share one.
type sources struct{ files []store.SourceFile }

// readSources reads src: a list of globs below the stage file's directory, or
// a table of destinations.
func (p *problems) readSources(n *node) *sources {
	if n == nil {
		return nil
	}
	d := n.in().disk
	switch v := n.value.(type) {
	case []any:
		globs := p.texts(n)
		if len(globs) != len(v) || len(v) == 0 {
			return nil
		}
		key := strings.Join(globs, "\x00")
		if s, ok := d.sources[key]; ok {
			return s
		}
		before := len(p.list)
		s := p.listSources(n, globs, d)
		if len(p.list) == before {
			d.sources[key] = s
		}
		return s
	case map[string]any:
		return p.tableSources(n)
	case string:
		p.add(n, "want an array of globs, as in [%q], or a table, have a string", v)
	case unknown:
	default:
		p.add(n, "want an array of globs or a table, have %s", describe(n.value))
	}
	return nil
}

func (p *problems) listSources(n *node, globs []string, d *disk) *sources {
	files := make(map[string]string)
	for i, text := range globs {
		at := n.item(i)
		switch {
		case text == "":
			p.nonempty(at)
			continue
		case path.IsAbs(text) || slices.Contains(strings.Split(text, "/"), ".."):
			p.add(at, "%q may reach outside the stage file's directory; to take files from elsewhere, use src = { %q = %q }",
				text, "DESTINATION", text)
			continue
		case strings.ContainsRune(text, 0):
			continue
		}
		m := d.find(text)
		if m.err != nil {
			p.add(at, "%s: %v", text, unmatched(text, m.err))
			continue
		}
		for _, file := range m.paths {
			to := path.Join(m.base, file)
			if err := store.CheckPath(to); err != nil {
				p.add(at, "%v", err)
				continue
			}
			files[to] = d.abs(to)
		}
	}
	s := new(sources)
	for _, to := range slices.Sorted(maps.Keys(files)) {
		s.files = append(s.files, store.SourceFile{Path: to, From: files[to]})
	}
	return s
}

func (p *problems) tableSources(n *node) *sources {
	s, l := new(sources), make(layout)
	if len(n.children()) == 0 {
		p.add(n, "is empty")
	}
	for _, child := range n.children() {
		text := p.nonempty(child)
		if text == "" || strings.ContainsRune(text, 0) {
			continue
		}
		d := child.in().disk
		m := d.find(text)
		err := store.CheckPath(child.key)
		switch {
		case m.err != nil:
			p.add(child, "%s: %v", text, unmatched(text, m.err))
		case m.single && child.key == ".":
			p.add(child, "%s is a file: name it, as in { %q = %q }", text, path.Base(text), text)
		case err != nil && child.key != ".":
			p.add(child, "the destination %v", err)
		default:
			p.layOut(s, l, child, m, d)
		}
	}
	l.check(p)
	return s
}

// layOut adds what a pattern stands for at its destination.
func (p *problems) layOut(s *sources, l layout, n *node, m matches, d *disk) {
	for _, file := range m.paths {
		to, from := path.Join(n.key, file), d.abs(path.Join(m.base, file))
		if err := store.CheckPath(to); err != nil {
			p.add(n, "%v", err)
			continue
		}
		if l.add(to, from, n) {
			s.files = append(s.files, store.SourceFile{Path: to, From: from})
		}
	}
}

// A layout finds files that can't lie in one tree.
type layout map[string][]placed

// placed says what lies at a path of a layout, and who put it there.
type placed struct {
	from string
	at   *node
}

// add returns false for what is there already.
func (l layout) add(to, from string, at *node) bool {
	for _, other := range l[to] {
		if other.from == from {
			return false
		}
	}
	l[to] = append(l[to], placed{from, at})
	return true
}

// check reports two files at one path, and a file where a directory is.
func (l layout) check(p *problems) {
	for to, at := range l {
		for _, other := range at[1:] {
			p.add(other.at, "two files for %s: %s and %s", to, at[0].from, other.from)
		}
		for dir := range parents(to) {
			if file, ok := l[dir]; ok {
				p.add(at[0].at, "%s can't lie in %s, which is a file: %s", to, dir, file[0].from)
			}
		}
	}
}
