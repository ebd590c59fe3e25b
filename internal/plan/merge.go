package plan

import (
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// This file makes stages from others: extends, and the overrides of a use. The
// rules are:
//
//   - Tables are merged key by key, at any depth; arrays and what is no table
//     replace what was there. So do match, import and fetch, whose keys belong
//     together.
//
//   - without removes keys of what is extended or overridden, before.
//
//   - What is written in a file means what it means there: the params, the
//     stages and the paths of a value are those of the file that has it.
//
//   - [defaults] are those of the file where the chain of extends begins.

// An entry is a stage after extends and overrides.
type entry struct {
	node *node
	axes []string // of its matrix, in order
	unit *unit    // whose [defaults] it has
	busy bool     // it is being made

	broken bool // what it extends could not be found, which is reported
}

// wholeKeys are replaced as a whole.
var wholeKeys = []string{"match", "import", "fetch"}

// entry returns the stage of the unit as it is after all changes, or nil.
func (l *loader) entry(u *unit, name string) *entry {
	if e := u.entries[name]; e != nil {
		return e
	}
	n := u.root.child("stage").get(name)
	if n == nil {
		return nil
	}
	e := &entry{node: n, unit: u, axes: u.src.axes[n.child("matrix").path()], busy: true}
	u.entries[name] = e
	l.extend(u, e)
	for relative, at := name, u; at.up != nil; at = at.up {
		if over := at.at.child("override").get(relative); over != nil {
			l.override(e, at.up, over)
		}
		relative = at.name + "." + relative
	}
	e.busy = false
	return e
}

// extend puts what the stage extends below it.
func (l *loader) extend(u *unit, e *entry) {
	n := e.node
	at := n.get("extends")
	if at == nil {
		if without := n.get("without"); without != nil {
			l.add(without, "has no effect: the stage doesn't say extends")
		}
		return
	}
	name, ok := as[string](l.problems, at, "the name of a stage")
	if !ok {
		return
	}
	base, known := l.named(u, name)
	e.broken = base == nil || base.busy || base.broken
	switch {
	case base == nil && !known:
		l.add(at, "unknown stage %q%s", name, l.among(name, "stage", "stages", u.visible()))
	case base == nil:
	case base.busy:
		l.add(at, "the stage extends itself: %s", strings.Join(l.extendChain(u, n.key), " -> "))
	default:
		e.unit = base.unit
		l.put(e, base, u.src, n)
	}
}

// extendChain follows extends from a stage until it comes around.
func (l *loader) extendChain(u *unit, name string) []string {
	var chain []string
	for {
		full := u.prefix + name
		if i := slices.Index(chain, full); i >= 0 {
			return append(chain[i:], full)
		}
		chain = append(chain, full)
		text, ok := u.root.child("stage").child(name).child("extends").value.(string)
		next, own, _ := u.walk(text)
		if !ok || next == nil {
			return chain
		}
		u, name = next, own
	}
}

// override changes the stage by a table of a use.
func (l *loader) override(e *entry, user *unit, over *node) {
	if _, ok := as[map[string]any](l.problems, over, "a table"); !ok {
		return
	}
	if n := over.get("extends"); n != nil {
		l.add(n, "an override changes a stage, and can't replace what it extends")
	}
	below := *e
	at := e.node
	l.put(e, &below, user.src, over)
	e.node = at.with(e.node.value) // what it lacks is said where the stage is
}

// put makes e of what is below and of the table over.
func (l *loader) put(e, below *entry, src *source, over *node) {
	base, axes := l.drop(below, over.get("without"))
	for _, axis := range src.axes[over.child("matrix").path()] {
		if !slices.Contains(axes, axis) {
			axes = append(axes, axis)
		}
	}
	table := merge(base, over)
	if !e.broken {
		delete(table, "extends")
	}
	delete(table, "without")
	e.node, e.axes = over.with(table), axes
}

// merge puts the keys of one table over those of another.
func merge(base, over *node) map[string]any {
	table := make(map[string]any)
	for _, n := range base.children() {
		table[n.key] = n
	}
	for _, n := range over.children() {
		below := base.get(n.key)
		if isTable(below) && isTable(n) && !slices.Contains(wholeKeys, n.key) {
			table[n.key] = n.with(merge(below, n))
		} else {
			table[n.key] = n
		}
	}
	return table
}

func isTable(n *node) bool {
	if n == nil {
		return false
	}
	_, ok := n.value.(map[string]any)
	return ok
}

// drop returns what is left of a stage without some of its keys.
func (l *loader) drop(e *entry, without *node) (*node, []string) {
	left, axes := e.node, slices.Clone(e.axes)
	if without == nil {
		return left, axes
	}
	texts := l.texts(without)
	for i, text := range texts {
		path, ok := parseKey(text)
		if !ok {
			l.add(without.item(i), `want a key, as in "config.lr", have %q`, text)
			continue
		}
		smaller := dropKey(left, path)
		if smaller == nil {
			l.add(without.item(i), "the stage has no %s%s", text, l.near(text, leaves(left, "")))
			continue
		}
		left = smaller
		if path[0] == "matrix" {
			axes = slices.DeleteFunc(axes, func(axis string) bool { return len(path) == 1 || axis == path[1] })
		}
	}
	return left, axes
}

// dropKey returns the table without the key, or nil if it hasn't got it.
func dropKey(n *node, path toml.Key) *node {
	child := n.get(path[0])
	if child == nil {
		return nil
	}
	table := make(map[string]any)
	for _, c := range n.children() {
		table[c.key] = c
	}
	delete(table, path[0])
	if len(path) > 1 {
		smaller := dropKey(child, path[1:])
		if smaller == nil {
			return nil
		}
		table[path[0]] = smaller
	}
	return n.with(table)
}

// leaves lists the keys of a stage, and those in its tables.
func leaves(n *node, prefix string) []string {
	var names []string
	for _, c := range n.children() {
		name := prefix + toml.Key{c.key}.String()
		names = append(names, name)
		if prefix == "" {
			names = append(names, leaves(c, name+".")...)
		}
	}
	return names
}

// parseKey reads a key as TOML writes it, dotted or not.
func parseKey(text string) (toml.Key, bool) {
	var v map[string]any
	if strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	md, err := toml.Decode(text+" = 0", &v)
	if err != nil || len(md.Keys()) != 1 {
		return nil, false
	}
	return md.Keys()[0], true
}

// named finds a stage by a name that stands in the unit. If there is none,
// known tells whether there is an error about that already.
func (l *loader) named(u *unit, name string) (e *entry, known bool) {
	at, own, known := u.walk(name)
	if at == nil {
		return nil, known
	}
	e = l.entry(at, own)
	return e, false
}

// checkOverrides reports the overrides that no stage is there for.
func (l *loader) checkOverrides(u *unit) {
	for _, use := range u.src.uses {
		module := u.uses[use]
		if module == nil {
			continue
		}
		overrides := module.at.get("override")
		as[map[string]any](l.problems, overrides, "a table of stages")
		for _, n := range overrides.children() {
			switch e, known := l.named(module, n.key); {
			case e != nil || known:
			case module.uses[n.key] != nil:
				l.add(n, `is a module: to change a stage of it, write override."%s.STAGE"`, n.key)
			default:
				l.add(n, "%s has no such stage%s", module.src.shown, l.among(n.key, "stage", "stages", module.defined()))
			}
		}
	}
}
