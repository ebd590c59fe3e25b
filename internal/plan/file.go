// Package plan owns the way from a stage file to what is to be realized: stage
// file, stages, derivations, closure.
//
//  1. [Load] reads the TOML, puts values for ${name}, reads each stage, and
//     connects them. It looks at files, but for their contents. All that is
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
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Options is what a stage file is read with.
type Options struct {
	// Params are the texts given with -p, by the names of the params.
	Params map[string]string

	// Reserved tells which variables have a meaning of their own in a build.
	// Nil: none.
	Reserved func(name string) bool
}

// A File is a stage file that has been read and found right.
type File struct {
	path   string // as given
	abs    string
	text   string
	params map[string]string // as given
	stages []*stage          // in the order of the file
	byName map[string]*stage
}

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
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("stage file %s: %w", path, plainPathError(err))
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("stage file %s: %v", path, err)
	}
	f := &File{path: path, abs: abs, text: string(data), params: opts.Params, byName: make(map[string]*stage)}
	for _, mark := range []string{"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"} {
		f.text = strings.TrimPrefix(f.text, mark) // as the toml package does
	}
	if err := f.read(opts); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *File) read(opts Options) error {
	root, order, err := decode(f.path, f.text)
	if err != nil {
		return err
	}
	p := new(problems)
	p.known(root, fileKeys)
	params := p.readParams(root.get("params"))
	given := p.setParams(params, opts.Params)
	f.readStages(p, root, order, params)
	p.checkUsed(params)
	reserved := opts.Reserved
	if reserved == nil {
		reserved = func(string) bool { return false }
	}
	f.resolve(p, reserved)
	var errs Errors
	errors.As(p.in(f.path, f.text), &errs)
	if errs = append(given, errs...); len(errs) > 0 {
		return errs
	}
	return nil
}

// readStages reads [defaults] and [stage].
func (f *File) readStages(p *problems, root *node, order []string, params map[string]*param) {
	stages := root.child("stage")
	x := &expander{problems: p, params: params, names: paramNames(params), stages: stages, stageNames: order, values: make(map[string]configValue)}
	defaults := p.readDefaults(x, root.get("defaults"))
	if stages.value == nil {
		p.add(root, "there is no stage; want at least one [stage.NAME]")
		return
	}
	if _, ok := as[map[string]any](p, stages, "a table"); !ok {
		return
	}
	d := newDisk(filepath.Dir(f.abs))
	for _, name := range order {
		s := p.readStage(x.stage(stages.child(name)), defaults, d)
		f.stages = append(f.stages, s)
		f.byName[name] = s
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

// Stages lists the stages in the order of the file.
func (f *File) Stages() []Summary {
	isDefault := make(map[*stage]bool)
	for _, s := range f.defaultTargets() {
		isDefault[s] = true
	}
	list := make([]Summary, len(f.stages))
	for i, s := range f.stages {
		list[i] = Summary{s.name, s.description, isDefault[s]}
	}
	return list
}

// defaultTargets returns the stages that say they are default targets; without
// any, those that nothing depends on and that don't say they are none.
func (f *File) defaultTargets() []*stage {
	var said, leaves []*stage
	needed := make(map[*stage]bool)
	for _, s := range f.stages {
		for _, e := range s.inputs {
			needed[e.stage] = true
		}
	}
	for _, s := range f.stages {
		switch {
		case s.isDefault != nil && *s.isDefault:
			said = append(said, s)
		case s.isDefault == nil && !needed[s]:
			leaves = append(leaves, s)
		}
	}
	if len(said) > 0 {
		return said
	}
	return leaves
}
