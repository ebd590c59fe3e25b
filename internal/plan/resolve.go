package plan

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// resolve connects the stages and checks what needs more than one of them.
func (f *File) resolve(l *loader, reserved func(string) bool) {
	for _, u := range f.units {
		l.checkBinds(u)
	}
	for _, s := range f.stages {
		if s.like != nil {
			continue // it has the inputs of that
		}
		for _, e := range s.inputs {
			l.connect(e)
		}
		l.checkMetrics(s)
	}
	for _, s := range f.stages {
		if s.like != nil {
			continue
		}
		for _, e := range s.inputs {
			if e.stage != nil {
				l.checkEdge(e)
			}
		}
		l.checkNames(s, reserved)
	}
	for _, family := range f.families {
		l.all(family)
	}
	f.checkCycles(l.problems)
}

// connect finds the stages that an input names, and the outputs.
func (l *loader) connect(e *edge) {
	if e.from.name == "" {
		return
	}
	is, err := l.find(e.stageAt.in(), e.from)
	if err == nil {
		err = is.input(e.from)
	}
	bound := is.narrowed && !e.from.narrowed
	if err == nil && bound {
		err = l.narrowBound(e, is)
	}
	if err != nil || len(is.stages) == 0 {
		if err != nil && err != errKnown {
			l.add(e.stageAt, "%v", err)
		}
		return
	}
	e.stage, e.stages, e.set = is.stages[0], is.stages, is.set
	for _, n := range e.outputs {
		if !bound { // else checkBinds has looked at it
			l.checkOutput(e, n)
		}
	}
}

// narrowBound has the input show the output that a requirement is bound to.
func (l *loader) narrowBound(e *edge, is found) error {
	if e.outputs != nil {
		return fmt.Errorf("%s is bound to one output already, %s", e.from.name, is.output)
	}
	e.narrow(is.output, e.stageAt)
	return nil
}

// checkOutput checks that an input may show the output that n names.
func (p *problems) checkOutput(e *edge, n *node) {
	name, ok := n.value.(string)
	if !ok {
		return
	}
	if e.file {
		name = e.shown[0]
	}
	p.checkShown(n, e.stage, name)
}

// checkShown checks that an output can be an input.
func (p *problems) checkShown(n *node, s *stage, name string) {
	if p.hasOutput(n, s, name) && s.outputs[name].Volatile {
		p.add(n, "the output %s of stage %s is volatile, and so can't be an input", name, s.name)
	}
}

// hasOutput reports, at n, that the stage has no such output.
func (p *problems) hasOutput(n *node, s *stage, name string) bool {
	if _, ok := s.outputs[name]; ok {
		return true
	}
	p.add(n, "stage %s has no output %q%s", s.name, name,
		p.among(name, "output", "outputs", slices.Sorted(maps.Keys(s.outputs))))
	return false
}

func (p *problems) checkMetrics(s *stage) {
	for i, n := range s.at.get("metrics").items() {
		if name, ok := n.value.(string); ok && i < len(s.metrics) {
			p.hasOutput(n, s, name)
		}
	}
	if s.matchAt != nil {
		p.checkLenses(s.matchAt, s, s.match.Lenses())
	}
}

// checkLenses checks that the lenses of a matcher begin with outputs of the
// stage that it chooses from.
func (p *problems) checkLenses(n *node, s *stage, lenses []string) {
	for _, lens := range lenses {
		output := lens
		if i := strings.IndexAny(lens, ".["); i >= 0 {
			output = lens[:i]
		}
		at := n
		if by := n.get("by"); by != nil && by.value == lens {
			at = by
		} else if where := n.get("where"); where != nil {
			at = where
		}
		p.hasOutput(at, s, output)
	}
}

// checkEdge checks an input's matcher, and finds out whether it is a list.
func (p *problems) checkEdge(e *edge) {
	decides := e.stage.match
	if e.match != nil {
		decides = *e.match
		p.checkLenses(e.matchAt, e.stage, decides.Lenses())
	}
	if !decides.List() && !e.set {
		return
	}
	if e.listAt != nil && e.listAt.value == false {
		if e.set {
			p.add(e.listAt, "a set of stages is always a list")
		} else {
			p.add(e.listAt, "the matcher makes it a list; list = true is for those that don't")
		}
	}
	e.list = true
}

// variableName is what a shell can expand.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// A namespace is the variables of one stage, with who sets them.
type namespace struct {
	*problems
	owner    map[string]string
	reserved func(string) bool
}

// checkNames checks that everything that a command finds by a variable has one
// of its own.
func (p *problems) checkNames(s *stage, reserved func(string) bool) {
	ns := namespace{p, make(map[string]string), reserved}
	for _, e := range s.inputs {
		ns.add(e.at, e.name, "the input "+e.name)
	}
	for _, n := range s.at.get("outputs").children() {
		ns.add(n, n.key, "the output "+n.key)
	}
	for _, n := range s.at.get("config").children() {
		ns.add(n, n.key, "the config key "+n.key)
	}
	for _, a := range s.axes {
		if s.at.child("config").get(a.name) == nil {
			ns.add(a.at, a.name, "the axis "+a.name)
		}
	}
	for _, e := range s.inputs {
		ns.addDerived(e)
	}
	for _, name := range slices.Sorted(maps.Keys(s.env)) {
		ns.addEnv(s, s.envAt[name], name, "the variable "+name+" of env")
	}
	for i, name := range s.passEnv {
		if !slices.Contains(s.passEnv[:i], name) {
			ns.addEnv(s, s.passAt.item(i), name, "the variable "+name+" of passenv")
		}
	}
}

// add takes a variable for something that has the name.
func (ns namespace) add(n *node, name, what string) {
	switch {
	case !variableName.MatchString(name):
		ns.problems.add(n, "%q can't be the name of a variable: want letters, digits and _, and no digit first", name)
	case ns.reserved(name):
		ns.problems.add(n, "$%s has a meaning of its own in a build: choose another name", name)
	default:
		ns.take(n, name, what)
	}
}

func (ns namespace) take(n *node, name, what string) {
	if other, taken := ns.owner[name]; taken {
		ns.problems.add(n, "%s and %s would both be $%s: rename one of them", other, what, name)
		return
	}
	ns.owner[name] = what
}

// addDerived takes the variables of the outputs that an input shows.
func (ns namespace) addDerived(e *edge) {
	if e.stage == nil || e.file || e.list {
		return
	}
	shown := e.shown
	if e.outputs == nil {
		shown = slices.Sorted(maps.Keys(e.stage.outputs))
	}
	for _, output := range shown {
		name := e.name + "_" + output
		what := fmt.Sprintf("the output %s of the input %s", output, e.name)
		switch {
		case e.stage.outputs[output].Volatile:
		case ns.reserved(name):
			ns.problems.add(e.at, "%s would be $%s, which has a meaning of its own in a build: rename one of them", what, name)
		default:
			ns.take(e.at, name, what)
		}
	}
}

// addEnv takes a variable that env or passenv sets. Where [defaults] sets it,
// it is the stage that has to give way.
func (ns namespace) addEnv(s *stage, n *node, name, what string) {
	if inDefaults(n) {
		n, what = s.at, what+" in [defaults]"
	}
	ns.take(n, name, what)
}

// checkEnvName checks the name of a variable of env or passenv. They may
// replace all that a build has of its own but what its contract is made of.
func (p *problems) checkEnvName(n *node, name string) {
	switch {
	case !variableName.MatchString(name):
		p.add(n, "%q can't be the name of a variable: want letters, digits and _, and no digit first", name)
	case name == "out" || strings.HasPrefix(name, "PLX_"):
		p.add(n, "$%s is set by plx, and can't be replaced", name)
	}
}

// inDefaults tells whether n lies in [defaults].
func inDefaults(n *node) bool {
	for ; n.up != nil; n = n.up {
		if n.up.up == nil {
			return n.key == "defaults"
		}
	}
	return false
}

// checkCycles reports each input that closes a circle of stages.
func (f *File) checkCycles(p *problems) {
	const (
		open = iota + 1
		closed
	)
	state := make(map[*stage]int, len(f.stages))
	swept := make(map[*family]bool) // those that have been reported: once is enough
	var chain []string
	var visit func(s *stage)
	visit = func(s *stage) {
		state[s] = open
		chain = append(chain, s.name)
		for _, e := range s.inputs {
			for _, from := range e.stages {
				switch state[from] {
				case closed:
				case open:
					if s.sweep != nil && swept[s.sweep] {
						continue
					}
					swept[s.sweep] = true
					first := slices.Index(chain, from.name)
					p.add(e.stageAt, "the stages depend on each other: %s", strings.Join(circle(chain[first:]), " -> "))
				default:
					visit(from)
				}
			}
		}
		chain = chain[:len(chain)-1]
		state[s] = closed
	}
	for _, s := range f.stages {
		if state[s] == 0 {
			visit(s)
		}
	}
}

// circle writes a circle of stages from the first by name, and to it again: so
// that it reads the same wherever it was entered.
func circle(chain []string) []string {
	names := slices.Clone(chain)
	first := slices.Index(names, slices.Min(names))
	names = append(names[first:], names[:first]...)
	return append(names, names[0])
}
