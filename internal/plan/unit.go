package plan

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"plx/internal/store"
)

// A source is a stage file as it was read.
type source struct {
	shown  string // its path, as a person would write it
	abs    string
	text   string
	order  int // among the files that were read
	table  map[string]any
	stages []string            // the names in [stage], in order
	uses   []string            // the names in [use], in order
	axes   map[string][]string // the keys of each matrix, in order, by its path

	remembered bool // there was a memo of it
}

// A unit is a stage file in one of its uses: with its params, and with what it
// is given. The file that was asked for is one, too.
type unit struct {
	src      *source
	root     *node
	disk     *disk
	prefix   string // of the names of its stages, as in "base."; empty for the file that was asked for
	name     string // of the use
	up       *unit  // the user; nil: none
	at       *node  // the use, in the user
	params   map[string]*param
	requires map[string]*require
	uses     map[string]*unit // nil for one that can't be read
	defaults attributes
	entries  map[string]*entry
	families map[string]*family
	listed   []string // what visible returns
}

// A require is a stage that a module must be given.
type require struct {
	at   *node
	what string // its description
	bind *node  // what is given, in the user; nil: nothing
	busy bool   // what is given is being looked for
}

// maxUnits bounds how often modules are used: a file that uses another twice,
// which does the same, and so on, has no end that anybody waits for.
const maxUnits = 10_000

// A loader reads a file and the modules that it uses.
type loader struct {
	*problems
	file    *File
	sources map[string]*source // by absolute path
	disks   map[string]*disk   // by directory
	broken  Errors             // of files that are no TOML
	x       *expander
}

// open reads and decodes a file.
func (l *loader) open(shown, abs string) (*source, error) {
	if src := l.sources[abs]; src != nil {
		return src, nil
	}
	data, err := l.file.evidence.ReadFile(abs)
	if err != nil {
		return nil, plainPathError(err)
	}
	src, err := l.parse(shown, string(data))
	if err != nil {
		return nil, err
	}
	src.abs, src.order = abs, len(l.sources)+1
	l.sources[abs] = src
	return src, nil
}

// parse decodes the text of a file, or remembers it. The error is Errors.
func (l *loader) parse(shown, text string) (*source, error) {
	for _, mark := range []string{"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"} {
		text = strings.TrimPrefix(text, mark) // as the toml package does
	}
	if src := remember(filepath.Dir(l.file.abs), shown, text); src != nil {
		return src, nil
	}
	return decode(shown, text)
}

// load makes a unit of a file, and of each that it uses.
func (l *loader) load(u *unit) {
	u.root = &node{index: -1, value: u.src.table, unit: u}
	u.entries, u.families = make(map[string]*entry), make(map[string]*family)
	u.uses, u.requires = make(map[string]*unit), make(map[string]*require)
	dir := filepath.Dir(u.src.abs)
	if l.disks[dir] == nil {
		l.disks[dir] = newDisk(dir)
		l.disks[dir].see = l.file.evidence
	}
	u.disk = l.disks[dir]
	l.file.units = append(l.file.units, u)
	l.known(u.root, fileKeys)
	u.params = l.readParams(u.root.get("params"))
	l.readRequires(u)
	uses := u.root.child("use")
	if _, ok := as[map[string]any](l.problems, u.root.get("use"), "a table"); !ok {
		return
	}
	for _, name := range u.src.uses {
		l.use(u, uses.child(name))
	}
}

func (l *loader) readRequires(u *unit) {
	requires := u.root.get("require")
	as[map[string]any](l.problems, requires, "a table of descriptions")
	for _, n := range requires.children() {
		u.requires[n.key] = &require{at: n, what: l.nonempty(n)}
		l.checkOwnName(u, n)
	}
}

// checkOwnName checks the name of a use or of what is required: a file's
// stages, uses and requirements share their names.
func (l *loader) checkOwnName(u *unit, n *node) {
	if err := store.CheckName(n.key); err != nil {
		l.add(n, "%v", err)
	}
	if u.root.child("stage").get(n.key) != nil {
		l.add(n, "there is a stage of this name, too")
	} else if n.up.key == "use" && u.requires[n.key] != nil {
		l.add(n, "the file requires a stage of this name")
	}
}

// use reads [use.NAME] and the file that it names.
func (l *loader) use(u *unit, n *node) {
	u.uses[n.key] = nil
	if _, ok := as[map[string]any](l.problems, n, "a table"); !ok {
		return
	}
	l.known(n, useKeys)
	l.checkOwnName(u, n)
	src := l.usedSource(u, n)
	if src == nil {
		return
	}
	if len(l.file.units) >= maxUnits {
		l.add(n, "modules are used more than %d times", maxUnits)
		return
	}
	module := &unit{src: src, prefix: u.prefix + n.key + ".", name: n.key, up: u, at: n}
	u.uses[n.key] = module
	l.load(module)
	l.giveParams(module, n.get("params"))
	l.bind(module, n.get("bind"))
}

// usedSource reads the file that a use names, or reports that it can't be.
func (l *loader) usedSource(u *unit, n *node) *source {
	at := n.get("file")
	if at == nil {
		l.add(n, "has no file")
		return nil
	}
	text := l.nonempty(at)
	switch {
	case text == "" || strings.ContainsRune(text, 0):
		return nil
	case hasTemplate(text):
		l.add(at, "the name of a file is not interpolated")
		return nil
	}
	shown := text
	if !path.IsAbs(text) {
		shown = filepath.Join(filepath.Dir(u.src.shown), text)
	}
	abs := u.disk.abs(text)
	if real, err := l.file.evidence.RealPath(abs); err == nil {
		abs = real
	}
	if chain := useChain(u, abs); chain != nil {
		l.add(at, "the files use each other: %s", strings.Join(append(chain, shown), " -> "))
		return nil
	}
	src, err := l.open(shown, abs)
	var broken Errors
	switch {
	case errors.As(err, &broken):
		for _, e := range broken {
			e.Uses = usesText(&unit{up: u, at: n}, make(map[*source]places))
			l.broken = append(l.broken, e)
		}
		return nil
	case errors.Is(err, fs.ErrNotExist):
		l.add(at, "%s: there is no such file", shown)
		return nil
	case err != nil:
		l.add(at, "%s: %v", shown, err)
		return nil
	}
	return src
}

// useChain returns the files from the one at abs to u, if u is used by it.
func useChain(u *unit, abs string) []string {
	var chain []string
	for ; u != nil; u = u.up {
		chain = append(chain, u.src.shown)
		if u.src.abs == abs {
			slices.Reverse(chain)
			return chain
		}
	}
	return nil
}

// usesText returns where the uses stand that lead to a unit.
func usesText(u *unit, located map[*source]places) string {
	if u.up == nil {
		return ""
	}
	line, _ := u.up.src.places(located).of(u.at)
	return fmt.Sprintf("%s%s:%d: %s → ", usesText(u.up, located), u.up.src.shown, line, u.at.path())
}

// places finds where things stand in the file, once.
func (s *source) places(located map[*source]places) places {
	p, ok := located[s]
	if !ok {
		p = locate(s.text)
		located[s] = p
	}
	return p
}

// giveParams takes the arguments of a use for the module's params.
func (l *loader) giveParams(module *unit, args *node) {
	as[map[string]any](l.problems, args, "a table")
	for _, arg := range args.children() {
		param := module.params[arg.key]
		if param == nil {
			l.add(arg, "%s has no such param%s", module.src.shown, l.among(arg.key, "param", "params", paramNames(module.params)))
			continue
		}
		param.arg = arg
	}
}

// bind takes stages of the user for what the module requires.
func (l *loader) bind(module *unit, binds *node) {
	as[map[string]any](l.problems, binds, "a table of stages")
	names := sortedKeys(module.requires)
	for _, n := range binds.children() {
		required := module.requires[n.key]
		if required == nil {
			l.add(n, "%s requires nothing of this name%s", module.src.shown, l.among(n.key, "requirement", "requirements", names))
			continue
		}
		required.bind = n
		as[string](l.problems, n, `"stage", "stage:output" or a set`)
	}
	for _, name := range names {
		if required := module.requires[name]; required.bind == nil && required.what != "" {
			l.add(module.at, `%s requires a stage for %s: %s; say which in bind = { %s = "STAGE" }`, module.src.shown, name, required.what, name)
		}
	}
}

// visible returns the names that the unit's stages can refer to, sorted.
func (u *unit) visible() []string {
	if u.listed == nil {
		u.listed = append(sortedKeys(u.requires), u.defined()...)
		slices.Sort(u.listed)
	}
	return u.listed
}

// defined returns the names of the unit's own stages, and of its modules'.
func (u *unit) defined() []string {
	names := slices.Clone(u.src.stages)
	for _, use := range u.src.uses {
		if module := u.uses[use]; module != nil {
			for _, name := range module.defined() {
				names = append(names, use+"."+name)
			}
		}
	}
	return names
}

// walk goes along the modules in a name: it returns the unit of the stage, and
// the stage's own name. It is nil where there is no such module, and known is
// true if there is an error about that already.
func (u *unit) walk(name string) (at *unit, own string, known bool) {
	for {
		use, rest, dotted := strings.Cut(name, ".")
		if !dotted {
			return u, name, true
		}
		module, ok := u.uses[use]
		if module == nil {
			return nil, "", ok
		}
		u, name = module, rest
	}
}
