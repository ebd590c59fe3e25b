package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"plx/internal/match"
	"plx/internal/near"
	"plx/internal/store"
)

// Sources takes files into a store; a [store.Store] does.
type Sources interface {
	// AddFiles takes in files as one tree. The error is a [store.SumError] if one
	// has another SHA-256 than it must.
	AddFiles(ctx context.Context, files []store.SourceFile) (store.Hash, error)
	// AddDir takes in what a directory contains.
	AddDir(ctx context.Context, dir string) (store.Hash, error)
}

// Instantiate makes the derivations of the targets and of all that they depend
// on; their source files are taken into src. Without targets they are the
// default ones.
//
// The error is a [NotFoundError] for a target that is no stage, [Errors] where
// the stage file doesn't fit what it names, a [PinError] in it if it is that,
// or it wraps what src returned.
func (f *File) Instantiate(ctx context.Context, src Sources, targets []string) (*Closure, error) {
	wanted, err := f.targets(targets)
	if err != nil {
		return nil, err
	}
	d := deriver{ctx: ctx, src: src, see: f.evidence, trees: make(map[*sources]store.Hash), made: make(map[*stage]*Stage), c: newClosure()}
	d.c.origin = origin{file: f.abs, params: f.params, targets: targets}
	d.c.evidence = f.evidence
	d.c.groups, d.c.sources = f.groups(), slices.Collect(maps.Values(f.load.sources))
	for _, s := range wanted {
		made, err := d.visit(s)
		if err != nil {
			return nil, err
		}
		d.c.addTarget(made)
	}
	if errs := d.errors(); len(errs) > 0 {
		return nil, errs
	}
	return d.c, nil
}

// targets returns the stages of the names.
func (f *File) targets(names []string) ([]*stage, error) {
	if len(names) == 0 {
		stages := f.defaultTargets()
		if len(stages) == 0 {
			return nil, fmt.Errorf("%s: no stage is a default target; name one", f.path)
		}
		return stages, nil
	}
	var stages []*stage
	for _, name := range names {
		some, err := f.target(name)
		if err != nil {
			return nil, err
		}
		stages = append(stages, some...)
	}
	return stages, nil
}

// target returns the stages of a name: one, a group, a sweep, or a set.
func (f *File) target(name string) ([]*stage, error) {
	have := f.units[0].defined()
	slices.Sort(have)
	missing := &NotFoundError{Name: name, File: f.path, Have: have}
	r, err := parseRef(name)
	if err != nil || r.narrowed {
		missing.Near = near.Name(name, have)
		if r.set {
			missing.Err = err
		}
		return nil, missing
	}
	is, err := new(problems).find(f.units[0], r)
	var unknown *unknownError
	if errors.As(err, &unknown) {
		missing.Near = near.Name(r.name, have)
		return nil, missing
	}
	if err != nil {
		missing.Err = err
		return nil, missing
	}
	if is.family.group != nil {
		return f.load.all(is.family), nil
	}
	return is.stages, nil
}

// groups returns the names of the stages in each group.
func (f *File) groups() map[string][]string {
	groups := make(map[string][]string)
	for _, family := range f.families {
		if family.group == nil {
			continue
		}
		names := []string{}
		for _, s := range f.load.all(family) {
			names = append(names, s.name)
		}
		groups[family.name] = names
	}
	return groups
}

// A deriver makes derivations of stages. What is wrong with the stage file it
// keeps, and goes on.
type deriver struct {
	problems
	ctx   context.Context
	src   Sources
	see   *store.Evidence
	trees map[*sources]store.Hash
	made  map[*stage]*Stage
	c     *Closure
}

// visit makes the derivation of a stage after those that it depends on.
func (d *deriver) visit(s *stage) (*Stage, error) {
	if made := d.made[s]; made != nil {
		return made, nil
	}
	inputs, edges := make(map[string]store.Input, len(s.inputs)), make([]Edge, 0, len(s.inputs))
	for _, e := range s.inputs {
		from := make([]*Stage, len(e.stages))
		for i, s := range e.stages {
			var err error
			if from[i], err = d.visit(s); err != nil {
				return nil, err
			}
		}
		d.checkExact(e, from)
		edges = append(edges, Edge{e.name, from, e.match})
		inputs[e.name] = e.input(from)
	}
	if d.ctx.Err() != nil {
		return nil, context.Cause(d.ctx)
	}
	made, err := d.derive(s, inputs)
	if err != nil {
		return nil, fmt.Errorf("stage %s: %w", s.name, err)
	}
	made.Inputs = edges
	d.made[s] = made
	d.c.add(made)
	return made, nil
}

// checkExact reports results that an input names and that are not of the
// derivation that it now draws on.
func (d *deriver) checkExact(e *edge, from []*Stage) {
	if e.match == nil {
		return
	}
	for _, ref := range e.match.Exact() {
		switch {
		case slices.ContainsFunc(from, func(s *Stage) bool { return s.Ref == ref.DRef() }):
		case e.set:
			d.add(e.matchAt.child("exact"), "%v is no result of a stage in %v as they are now", ref, e.from)
		default:
			d.add(e.matchAt.child("exact"), "%v is no result of stage %s as it is now, which is %v", ref, from[0].Name, from[0].Ref)
		}
	}
}

// input returns what a derivation says of an input.
func (e *edge) input(from []*Stage) store.Input {
	in := store.Input{From: make([]store.DRef, len(from)), File: e.file, List: e.list}
	for i, place := range e.canonicalOrder() {
		in.From[place] = from[i].Ref
	}
	if e.outputs != nil {
		in.Outputs = e.shown
	}
	if e.match != nil {
		in.Match = e.match.Canonical()
	}
	return in
}

// canonicalOrder returns the places that the stages of the input have where
// the order of the axes doesn't count.
func (e *edge) canonicalOrder() []int {
	order := make([]int, len(e.stages))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(e.stages[i].rank, e.stages[j].rank) })
	places := make([]int, len(order))
	for place, i := range order {
		places[i] = place
	}
	return places
}

func (d *deriver) derive(s *stage, inputs map[string]store.Input) (*Stage, error) {
	drv := store.Derivation{
		Name: s.at.key, Kind: store.ActionImport,
		Script: s.script, Argv: s.argv, Shell: s.shell, Check: s.check,
		Config: s.config, Env: s.env, Tools: s.tools, Carry: s.carry, Inputs: inputs, Outputs: s.outputs, Metrics: s.metrics,
		Match: s.canonicalMatch(), Fetch: s.fetch, Always: s.always, Network: s.network, Sandbox: s.sandbox,
	}
	switch s.action {
	case "run":
		drv.Kind = store.ActionRun
	case "fetch":
		drv.Kind = store.ActionFetch
	}
	var err error
	if drv.Source, err = d.tree(s); err != nil {
		return nil, err
	}
	ref, _, err := drv.Ref()
	if err != nil {
		return nil, err
	}
	return &Stage{
		Name: s.name, Ref: ref, Derivation: drv, Match: s.match, Runs: s.runs, MaxRuns: s.maxRuns,
		Limits: s.limits, PassEnv: s.passEnv, Description: s.description,
	}, nil
}

// canonicalMatch returns nil for the default, however it is written.
func (s *stage) canonicalMatch() any {
	if v := s.match.Canonical(); v != match.Default().Canonical() {
		return v
	}
	return nil
}

// tree takes in the files of a stage, and returns the hash of their tree.
func (d *deriver) tree(s *stage) (store.Hash, error) {
	switch {
	case s.action == "files":
		return d.src.AddFiles(d.ctx, s.files)
	case s.action == "import":
		return d.importTree(s.imported)
	case s.src == nil:
		return store.Hash{}, nil
	}
	if hash, ok := d.trees[s.src]; ok {
		return hash, nil
	}
	hash, err := d.src.AddFiles(d.ctx, s.src.files)
	if err == nil {
		d.trees[s.src] = hash
	}
	return hash, err
}

func (d *deriver) importTree(im imported) (store.Hash, error) {
	if im.filename == "" {
		dir, err := d.see.RealPath(im.path)
		if err != nil {
			return store.Hash{}, err
		}
		return d.src.AddDir(d.ctx, dir)
	}
	hash, err := d.src.AddFiles(d.ctx, []store.SourceFile{{Path: im.filename, From: im.path, SHA256: im.sha256}})
	var other *store.SumError
	if errors.As(err, &other) {
		d.list = append(d.list, problem{im.at, &PinError{im.shown, other.Want, other.Have}})
		return store.Hash{}, nil
	}
	return hash, err
}
