// Package plan owns the way from a stage file to what is to be realized: stage
// file, stages, derivations, closure.
//
//  1. [Load] reads the TOML of the file and of the modules that it uses, makes
//     stages of what extends others, puts values for ${name}, reads each stage
//     at each point of its sweep, and connects them. It looks at files, but for their contents. All that is
//     wrong is reported at once, each with its place; nothing is written.
//  2. [File.Instantiate] takes the source files of the targets, and of what
//     they depend on, into a store, and makes a derivation of each stage, with
//     the references of those below in it. Result: a [Closure].
//  3. [Closure.Record] keeps what is to be realized beside the stage file, for
//     the next time and as a root for garbage collection.
//
// docs/stage-file.md specifies the language; keys.go lists its keys.
package plan

import (
	"fmt"
	"path/filepath"
	"slices"

	"plx/internal/store"
)

// Options is what a stage file is read with.
type Options struct {
	// Params are the texts given with -p, by the names of the params.
	Params map[string]string

	// Reserved tells which variables have a meaning of their own in a build.
	// Nil: none.
	Reserved func(name string) bool
}

// A File is a stage file that has been read and found right, with the modules
// that it uses.
type File struct {
	path     string // as given
	abs      string
	params   map[string]string // as given
	units    []*unit           // the file, and each use of a module
	families []*family         // what they define, in their order
	stages   []*stage
	load     *loader
	evidence *store.Evidence // what was seen
}

// Evidence returns what was seen on the way so far.
func (f *File) Evidence() *store.Evidence { return f.evidence }

// A Summary is what a list of stages shows of one.
type Summary struct {
	Name        string
	Description string
	Default     bool // it is made where no target is named
}

// Load reads the stage file at the path and checks all of it, but for the
// contents of other files. It touches no store. The error is [Errors], or what
// reading the file gave.
func Load(path string, opts Options) (*File, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("stage file %s: %v", path, err)
	}
	f := &File{path: path, abs: abs, params: opts.Params, evidence: store.NewEvidence()}
	data, err := f.evidence.ReadFile(abs)
	if err != nil {
		return nil, fmt.Errorf("stage file %s: %w", path, plainPathError(err))
	}
	if err := f.read(string(data), opts); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *File) read(text string, opts Options) error {
	p := new(problems)
	l := &loader{problems: p, file: f, sources: make(map[string]*source), disks: make(map[string]*disk)}
	l.x = &expander{loader: l, values: make(map[string]configValue)}
	f.load = l
	src, err := l.parse(f.path, text)
	if err != nil {
		return err
	}
	src.abs = f.abs
	real, err := f.evidence.RealPath(f.abs)
	if err != nil {
		real = f.abs
	}
	l.sources[real] = src
	u := &unit{src: src}
	l.load(u)
	given := p.setParams(u.params, opts.Params)
	for _, required := range u.requires {
		p.add(required.at, "the file is a module that must be given a stage here, %s: use it from another, with bind", required.what)
	}
	l.readUnits()
	reserved := opts.Reserved
	if reserved == nil {
		reserved = func(string) bool { return false }
	}
	f.resolve(l, reserved)
	if errs := append(append(given, l.broken...), p.errors()...); len(errs) > 0 {
		return errs
	}
	return nil
}

// readUnits reads [defaults] and [stage] of each unit.
func (l *loader) readUnits() {
	for _, u := range l.file.units {
		u.defaults = l.readDefaults(l.x, u.root.get("defaults"))
		for _, required := range u.requires {
			if required.bind != nil {
				required.bind = required.bind.with(l.x.ref(required.bind))
			}
		}
		l.checkOverrides(u)
		for _, name := range paramNames(u.params) {
			l.x.param(u.params[name])
		}
	}
	for _, u := range l.file.units {
		l.readStages(u)
	}
	for _, u := range l.file.units {
		l.checkUsed(u)
	}
}

// readStages reads [stage].
func (l *loader) readStages(u *unit) {
	stages := u.root.child("stage")
	if stages.value == nil {
		if len(u.src.uses) == 0 {
			l.add(u.root, "there is no stage; want at least one [stage.NAME]")
		}
		return
	}
	if _, ok := as[map[string]any](l.problems, stages, "a table"); !ok {
		return
	}
	for _, name := range u.src.stages {
		f := l.readFamily(u, name)
		u.families[name] = f
		l.file.families = append(l.file.families, f)
		l.file.stages = append(l.file.stages, f.stages...)
	}
}

// readDefaults reads what stages have that they don't set themselves.
func (p *problems) readDefaults(x *expander, n *node) attributes {
	if _, ok := as[map[string]any](p, n, "a table"); !ok {
		return builtin()
	}
	p.known(n, defaultsKeys)
	n = x.stage(n)
	a := p.readAttributes(n, builtin())
	if len(a.match.Exact()) > 0 {
		p.add(a.matchAt.child("exact"), "can't be a default; it belongs on an input")
	}
	return a
}

// A Param is a param of a stage file or of a module, and its value by now.
type Param struct {
	Name  string // with the module's before it, as in base.rate
	Value any    // canonical
}

// Params lists the params by name, those of modules after those of the file.
func (f *File) Params() []Param {
	var list []Param
	for _, u := range f.units {
		for _, name := range sortedKeys(u.params) {
			list = append(list, Param{u.prefix + name, u.params[name].value})
		}
	}
	return list
}

// Stages lists the stages, and what is a name for several, in the order of the
// file; those of modules come after its own.
func (f *File) Stages() []Summary {
	isDefault := make(map[*stage]bool)
	for _, s := range f.defaultTargets() {
		isDefault[s] = true
	}
	var list []Summary
	for _, family := range f.families {
		if family.group != nil {
			about := family.about
			list = append(list, Summary{about.name, about.description, about.isDefault != nil && *about.isDefault})
		}
		for _, s := range family.stages {
			list = append(list, Summary{s.name, s.description, isDefault[s]})
		}
	}
	return list
}

// defaultTargets returns the stages that say they are default targets; without
// any, those that nothing depends on and that don't say they are none.
func (f *File) defaultTargets() []*stage {
	needed := make(map[*stage]bool)
	for _, s := range f.stages {
		for _, e := range s.inputs {
			for _, from := range e.stages {
				needed[from] = true
			}
		}
	}
	return f.defaultsOf(f.units[0], needed)
}

// defaultsOf returns the default targets of a unit. What a module says is to be
// made by default is not, if only something outside of it needs it.
func (f *File) defaultsOf(u *unit, needed map[*stage]bool) []*stage {
	var said, leaves []*stage
	for _, name := range u.src.stages {
		family := u.families[name]
		if family == nil {
			continue
		}
		about := append(slices.Clone(family.stages), family.about)[0]
		for _, s := range f.load.all(family) {
			switch {
			case about.isDefault != nil && *about.isDefault:
				said = append(said, s)
			case about.isDefault == nil && family.group == nil && !needed[s]:
				leaves = append(leaves, s)
			}
		}
	}
	if len(said) > 0 {
		return said
	}
	for _, name := range u.src.uses {
		if module := u.uses[name]; module != nil {
			leaves = append(leaves, slices.DeleteFunc(f.defaultsOf(module, needed), func(s *stage) bool { return needed[s] })...)
		}
	}
	return leaves
}
