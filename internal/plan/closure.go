package plan

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"plx/internal/match"
	"plx/internal/near"
	"plx/internal/store"
)

// A Stage is a derivation with what realize needs to know beside it.
type Stage struct {
	Name        string // in its stage file; that of the derivation if there is none
	Ref         store.DRef
	Derivation  store.Derivation
	Inputs      []Edge        // of the derivation, by name
	Match       match.Matcher // its own, or the default
	Runs        int           // how many to make at once; at least 1
	MaxRuns     int           // how many to make at most; 0: not set
	PassEnv     []string      // variables that a command inherits
	Description string
	Limits
}

// An Edge is an input of a stage. What it shows is in the derivation.
type Edge struct {
	Name  string
	From  []*Stage       // one, or in order the members of a set
	Match *match.Matcher // its own; nil: that of the stage
}

// A Closure is what realize works through: the targets, and all that they
// depend on. It has no cycles, for only this package makes one. It is not to
// be changed.
type Closure struct {
	stages  []*Stage
	targets []*Stage
	wanted  map[*Stage]bool // the targets
	byName  map[string]*Stage
	byRef   map[store.DRef]*Stage
	groups  map[string][]string // the names of the stages in each group
	origin  origin
	sources []*source // the files that it was made from, until it is recorded

	evidence *store.Evidence // what was seen on the way; nil: it comes from no stage file
	recorded []byte          // the plan, once it is recorded
}

// FromFile reports whether it comes from a stage file, and not from references
// alone.
func (c *Closure) FromFile() bool { return c.origin.file != "" }

// Stages returns all stages, each after what it depends on. The order is the
// same in every process.
func (c *Closure) Stages() []*Stage { return c.stages }

// Refs returns the references of the derivations of all stages.
func (c *Closure) Refs() iter.Seq[store.DRef] {
	return func(yield func(store.DRef) bool) {
		for _, s := range c.stages {
			if !yield(s.Ref) {
				return
			}
		}
	}
}

// Evidence returns what was seen on the way; nil, if that was no stage file.
func (c *Closure) Evidence() *store.Evidence { return c.evidence }

// Derivations returns the derivations of all stages.
func (c *Closure) Derivations() iter.Seq2[store.DRef, store.Derivation] {
	return func(yield func(store.DRef, store.Derivation) bool) {
		for _, s := range c.stages {
			if !yield(s.Ref, s.Derivation) {
				return
			}
		}
	}
}

// Targets returns the stages that are to be realized, in the order in which
// they were asked for, each once. For a group or a set these are its members,
// in its order.
func (c *Closure) Targets() []*Stage { return c.targets }

// Stage returns the stage of the name, or nil if there is none, or several.
func (c *Closure) Stage(name string) *Stage { return c.byName[name] }

// Lookup returns the stage whose derivation has the address, the first of them
// if a module is used twice with the same arguments, or nil.
func (c *Closure) Lookup(ref store.DRef) *Stage { return c.byRef[ref] }

// Below returns the closure of some stages of c: these are its targets.
func (c *Closure) Below(targets ...*Stage) *Closure {
	needed := make(map[store.DRef]bool)
	for _, s := range targets {
		needed[s.Ref] = true
	}
	for _, s := range slices.Backward(c.stages) {
		if !needed[s.Ref] {
			continue
		}
		for _, ref := range s.Derivation.Dependencies() {
			needed[ref] = true
		}
	}
	below := newClosure()
	below.origin = c.origin
	for _, s := range c.stages {
		if needed[s.Ref] {
			below.add(s)
		}
	}
	for _, s := range targets {
		below.addTarget(s)
	}
	return below
}

func newClosure() *Closure {
	return &Closure{wanted: make(map[*Stage]bool), byName: make(map[string]*Stage), byRef: make(map[store.DRef]*Stage)}
}

// add appends a stage. A name that two stages have leads to neither.
func (c *Closure) add(s *Stage) {
	c.stages = append(c.stages, s)
	if c.byRef[s.Ref] == nil {
		c.byRef[s.Ref] = s
	}
	if _, twice := c.byName[s.Name]; twice {
		c.byName[s.Name] = nil
	} else {
		c.byName[s.Name] = s
	}
}

// addTarget appends a target, if it is none yet.
func (c *Closure) addTarget(s *Stage) {
	if !c.wanted[s] {
		c.wanted[s] = true
		c.targets = append(c.targets, s)
	}
}

// Derivations gives derivations by their addresses; a store does.
type Derivations interface {
	Derivation(ref store.DRef) (store.Derivation, error)
}

// FromRefs returns the closure of derivations that are in a store. What only a
// stage file says, such as runs, has its default. The error wraps what src
// returned.
func FromRefs(src Derivations, targets []store.DRef) (*Closure, error) {
	w := walker{src: src, c: newClosure()}
	for _, ref := range targets {
		s, err := w.visit(ref)
		if err != nil {
			return nil, err
		}
		w.c.addTarget(s)
	}
	return w.c, nil
}

// A walker makes a closure from derivations.
type walker struct {
	src     Derivations
	c       *Closure
	prepare func(*Stage) error // sets what is not in the derivation; may be nil
}

// visit adds the derivation after those that it depends on.
func (w *walker) visit(ref store.DRef) (*Stage, error) {
	if s := w.c.byRef[ref]; s != nil {
		return s, nil
	}
	d, err := w.src.Derivation(ref)
	if err != nil {
		return nil, err
	}
	s := &Stage{Name: d.Name, Ref: ref, Derivation: d, Match: match.Default(), Runs: 1}
	if d.Match != nil {
		if s.Match, err = match.Parse(d.Match); err != nil {
			return nil, fmt.Errorf("%v: %w", ref, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.Inputs)) {
		e, err := w.edge(name, d.Inputs[name])
		if err != nil {
			return nil, err
		}
		s.Inputs = append(s.Inputs, e)
	}
	if w.prepare != nil {
		if err := w.prepare(s); err != nil {
			return nil, err
		}
	}
	w.c.add(s)
	return s, nil
}

func (w *walker) edge(name string, in store.Input) (Edge, error) {
	e := Edge{Name: name}
	for _, ref := range in.From {
		s, err := w.visit(ref)
		if err != nil {
			return Edge{}, err
		}
		e.From = append(e.From, s)
	}
	if len(e.From) == 0 {
		return Edge{}, errors.New("input " + name + ": it draws on no derivation")
	}
	if in.Match == nil {
		return e, nil
	}
	m, err := match.Parse(in.Match)
	if err != nil {
		return Edge{}, fmt.Errorf("input %s: %w", name, err)
	}
	e.Match = &m
	return e, nil
}

// Find returns the stage of the name. It may be a set that has only one member,
// as train[depth=2,lr=0.10] does. The error is a [NotFoundError].
func (c *Closure) Find(name string) (*Stage, error) {
	stages, err := c.Select(name)
	if err != nil {
		return nil, err
	}
	if len(stages) > 1 {
		missing := c.missing(name)
		missing.Err = fmt.Errorf("%s stands for %d stages: name one of them, as in %s", name, len(stages), stages[0].Name)
		return nil, missing
	}
	return stages[0], nil
}

// Select returns the stages of the name, at least one: a stage, a group, a
// sweep, or a set of its points, in matrix order. The error is a
// [NotFoundError].
func (c *Closure) Select(name string) ([]*Stage, error) {
	if s := c.byName[name]; s != nil {
		return []*Stage{s}, nil
	}
	if stages := c.group(name); len(stages) > 0 {
		return stages, nil
	}
	r, err := parseRef(name)
	if err != nil {
		missing := c.missing(name)
		if r.set {
			missing.Err = err
		}
		return nil, missing
	}
	var stages []*Stage
	swept := false
	for _, s := range c.stages {
		if !strings.HasPrefix(s.Name, r.name+"[") {
			continue
		}
		swept = true
		if point, err := parseRef(s.Name); err == nil && !r.narrowed && point.has(r.picks) {
			stages = append(stages, s)
		}
	}
	if len(stages) > 0 {
		return stages, nil
	}
	missing := c.missing(name)
	if swept {
		missing.Err = fmt.Errorf("no stage of %s has %s", r.name, strings.Trim(pointName(r.picks), "[]"))
	}
	return nil, missing
}

// Cut takes the name of a stage off the beginning of a text that goes on after
// it with a dot or an index, as lenses do: the longest name that there is.
func (c *Closure) Cut(text string) (stage, rest string, ok bool) {
	for i := len(text); i > 0; i-- {
		if i < len(text) && text[i] != '.' && text[i] != '[' {
			continue
		}
		if s, err := c.Find(text[:i]); err == nil && (s.Name == text[:i] || text[i-1] == ']') {
			return text[:i], text[i:], true
		}
	}
	return "", text, false
}

// group returns the stages in a group, but for those that are not planned.
func (c *Closure) group(name string) []*Stage {
	var stages []*Stage
	for _, member := range c.groups[name] {
		if s := c.byName[member]; s != nil {
			stages = append(stages, s)
		}
	}
	return stages
}

// has tells whether the name of a point has all of the picks.
func (r ref) has(picks []pick) bool {
	for _, want := range picks {
		if !slices.ContainsFunc(r.picks, func(p pick) bool { return p.axis == want.axis && sameValue(p.value, want.value) }) {
			return false
		}
	}
	return true
}

// sameValue tells whether two texts are of one value, as 0.1 and 0.10.
func sameValue(a, b string) bool {
	if a == b {
		return true
	}
	text, ok := plainValue(b)
	return ok && text == a
}

func (c *Closure) missing(name string) *NotFoundError {
	names := slices.Sorted(maps.Keys(c.byName))
	return &NotFoundError{Name: name, File: c.origin.file, Near: near.Name(name, names), Have: names}
}
