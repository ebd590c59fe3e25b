// Package lens owns following a path to a value or a file.
//
// A lens starts at a derivation, at realizations, or inside a build, and is a
// [Path] from there. In a stage these names lead on:
//
//   - an input, into what the stage is, or was, built from;
//   - an output, to its file or directory, and further: by names into the
//     directory, and into the content of a file (see [File]);
//   - a config key, to its value and into it;
//   - config, if nothing else has that name: all of the config.
//
// One namespace per stage makes them unambiguous. An input that is one output
// stands for that file, but its stage's names lead on from it as from any
// other input; a name that the stage doesn't have goes into the file.
//
// Realizations of an input, if there are several, are a list: [1] is the
// first, [-1] the last, [*] spreads all. A list of one need not be indexed.
// Lists and arrays inside of files and config count from 0.
package lens

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"plx/internal/store"
)

// A Source knows derivations and realizations. [*store.Store] is one.
type Source interface {
	// Derivation returns what ref names.
	Derivation(ref store.DRef) (store.Derivation, error)
	// Realization returns what ref names.
	Realization(ref store.RRef) (store.Realization, error)
	// TreePath returns the directory of a tree on this machine.
	TreePath(tree store.Hash) string
	// VolatilePath returns the directory of the volatile outputs of ref.
	VolatilePath(ref store.RRef) string
}

// A Start is where a lens begins. Starts are made by [Derivations],
// [Realizations] and [Build].
type Start struct{ node node }

// Derivations returns the start at derivations: one, or the members of a set.
// From there outputs have no files; asking for one is [ErrUnrealized].
func Derivations(src Source, refs ...store.DRef) Start {
	return Start{derivations(src, "the set", refs)}
}

// Realizations returns the start at realizations, in the order in which [1],
// [2], … are to count.
func Realizations(src Source, refs ...store.RRef) Start {
	return Start{realizations(src, "the list of realizations", refs, "")}
}

// Follow returns what p leads to from s: one target, or those of a list. The
// error is a [*NameError], a [*ContentError], [ErrUnrealized], or what the
// source or reading a file gave.
func (s Start) Follow(p Path) ([]Target, error) {
	if s.node == nil {
		panic("lens: zero Start")
	}
	return s.node.follow(p.steps)
}

// A node is a place that a lens can be at.
type node interface {
	follow(rest []step) ([]Target, error)
}

// A list is several places. It counts from 1.
type list struct {
	name  string // what it is called in messages
	items []node
}

func (l list) follow(rest []step) ([]Target, error) {
	if len(rest) == 0 {
		return l.spread(nil)
	}
	switch s := rest[0]; {
	case s.kind == stepSpread:
		return l.spread(rest[1:])
	case s.kind == stepIndex:
		if i, ok := position(s.index, len(l.items), 1); ok {
			return l.items[i].follow(rest[1:])
		}
	case len(l.items) == 1:
		return l.items[0].follow(rest)
	}
	return nil, listError(l.name, rest[0], len(l.items), 1)
}

func (l list) spread(rest []step) ([]Target, error) {
	var all []Target
	for _, item := range l.items {
		targets, err := item.follow(rest)
		if err != nil {
			return nil, err
		}
		all = append(all, targets...)
	}
	return all, nil
}

// A derivation is a place before anything is built.
type derivation struct {
	src Source
	ref store.DRef
}

func derivations(src Source, name string, refs []store.DRef) list {
	l := list{name: name}
	for _, ref := range refs {
		l.items = append(l.items, derivation{src, ref})
	}
	return l
}

func (n derivation) follow(rest []step) ([]Target, error) {
	from := Target{dref: n.ref}
	if len(rest) == 0 {
		from.kind = targetDerivation
		return []Target{from}, nil
	}
	d, err := n.src.Derivation(n.ref)
	if err != nil {
		return nil, fmt.Errorf("lens: %w", err)
	}
	if in, ok := d.Inputs[rest[0].name]; ok && rest[0].kind == stepName {
		return derivations(n.src, inputName(rest[0], d), in.From).follow(rest[1:])
	}
	if _, ok := d.Outputs[rest[0].name]; ok && rest[0].kind == stepName {
		return nil, fmt.Errorf("lens: output %v of stage %s: %w: it has no file before plx realize %v", rest[0], d.Name, ErrUnrealized, n.ref)
	}
	if targets, ok, err := followConfig(d, from, rest); ok {
		return targets, err
	}
	return nil, nameError(d, rest[0])
}

// A realization is a place where everything is built.
type realization struct {
	src    Source
	ref    store.RRef
	output string // the one output that it is for an input; or ""
}

func realizations(src Source, name string, refs []store.RRef, output string) list {
	l := list{name: name}
	for _, ref := range refs {
		l.items = append(l.items, realization{src, ref, output})
	}
	return l
}

func (n realization) follow(rest []step) ([]Target, error) {
	r, err := n.src.Realization(n.ref)
	if err != nil {
		return nil, fmt.Errorf("lens: %w", err)
	}
	from := Target{dref: n.ref.DRef(), rref: n.ref}
	if len(rest) == 0 && n.output == "" {
		from.kind, from.path = targetRealization, n.src.TreePath(r.Tree)
		return []Target{from}, nil
	}
	d, err := n.src.Derivation(n.ref.DRef())
	if err != nil {
		return nil, fmt.Errorf("lens: %w", err)
	}
	if len(rest) > 0 && rest[0].kind == stepName {
		name := rest[0].name
		if in, ok := d.Inputs[name]; ok {
			output := ""
			if in.File && len(in.Outputs) == 1 {
				output = in.Outputs[0]
			}
			return realizations(n.src, inputName(rest[0], d), r.Context[name], output).follow(rest[1:])
		}
		if _, ok := d.Outputs[name]; ok {
			return n.file(r, d, name, from).follow(rest[1:])
		}
		if targets, ok, err := followConfig(d, from, rest); ok {
			return targets, err
		}
	}
	if n.output != "" {
		return n.file(r, d, n.output, from).follow(rest)
	}
	return nil, nameError(d, rest[0])
}

// file returns the place of an output.
func (n realization) file(r store.Realization, d store.Derivation, output string, from Target) node {
	o := d.Outputs[output]
	top := n.src.TreePath(r.Tree)
	if o.Volatile {
		top = n.src.VolatilePath(n.ref)
	}
	f := file{path: filepath.Join(top, filepath.FromSlash(o.Path)), from: from}
	if o.Optional {
		f.absent = &NameError{In: n.ref.String(), Name: output, Hint: notMade}
	} else {
		f.absent = &store.DamageError{Path: f.path, Err: errors.New("it is gone")}
	}
	return f
}

// followConfig follows rest into the config, if that is where it leads.
func followConfig(d store.Derivation, from Target, rest []step) ([]Target, bool, error) {
	if rest[0].kind != stepName {
		return nil, false, nil
	}
	of := "stage " + d.Name
	if v, ok := d.Config[rest[0].name]; ok {
		targets, err := followValue(of, v, from, rest[:1], rest[1:])
		return targets, true, err
	}
	if rest[0].name != configName {
		return nil, false, nil
	}
	config := d.Config
	if config == nil {
		config = map[string]any{}
	}
	targets, err := followValue(of, config, from, rest[:1], rest[1:])
	return targets, true, err
}

// followValue returns the targets below a value.
func followValue(of string, v any, from Target, done, rest []step) ([]Target, error) {
	values, err := walk(of, v, done, rest)
	if err != nil {
		return nil, err
	}
	return from.values(values), nil
}

// configName leads to all of the config, unless something else has the name.
const configName = "config"

func inputName(s step, d store.Derivation) string {
	return fmt.Sprintf("input %v of stage %s", s, d.Name)
}

// nameError says that s doesn't lead on in a stage.
func nameError(d store.Derivation, s step) error {
	if s.kind != stepName {
		return &NameError{In: "stage " + d.Name, Name: s.String(), Hint: "it is one, not a list"}
	}
	names := []string{configName}
	names = slices.AppendSeq(names, maps.Keys(d.Inputs))
	names = slices.AppendSeq(names, maps.Keys(d.Outputs))
	names = slices.AppendSeq(names, maps.Keys(d.Config))
	slices.Sort(names)
	return &NameError{In: "stage " + d.Name, Name: s.String(), Valid: steps(slices.Compact(names))}
}

// notMade says why an output isn't there.
const notMade = "it is optional, and was not made"

// A file is a place at a file or directory.
type file struct {
	path   string
	absent error  // if it isn't there; nil: that is not looked at
	from   Target // whose file it is
}

func (n file) follow(rest []step) ([]Target, error) {
	info, err := os.Stat(n.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && n.absent != nil:
		return nil, n.absent
	case len(rest) == 0 && (err == nil || n.absent == nil):
		n.from.kind, n.from.path = targetFile, n.path
		return []Target{n.from}, nil
	case err != nil:
		return nil, fmt.Errorf("lens: %w", err)
	case info.IsDir():
		return n.enter(rest)
	}
	values, err := content(n.path, rest)
	if err != nil {
		return nil, err
	}
	return n.from.values(values), nil
}

// enter follows rest into a directory.
func (n file) enter(rest []step) ([]Target, error) {
	entries, err := os.ReadDir(n.path)
	if err != nil {
		return nil, fmt.Errorf("lens: %w", err)
	}
	names := make([]string, len(entries)) // in order
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	if _, ok := slices.BinarySearch(names, rest[0].name); !ok || rest[0].kind != stepName {
		return nil, &NameError{In: filepath.Base(n.path), Name: rest[0].String(), Valid: steps(names)}
	}
	n.path = filepath.Join(n.path, rest[0].name)
	return n.follow(rest[1:])
}
