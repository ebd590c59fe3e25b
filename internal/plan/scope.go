package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// found is what a name in a stage file, or on the command line, stands for.
type found struct {
	family   *family
	stages   []*stage
	set      bool // it is a list, however many it has
	output   string
	narrowed bool // it is one output
	bare     bool // a sweep is named without [ ]
}

// errKnown stands for an error that is reported already.
var errKnown = errors.New("reported already")

// find finds what a name stands for in the unit. The error is [errKnown] where
// there is one about it already, or an *unknownError.
func (p *problems) find(u *unit, r ref) (found, error) {
	at, own, known := u.walk(r.name)
	if at == nil && known {
		return found{}, errKnown
	}
	if at != nil {
		if f := at.families[own]; f != nil {
			return f.found(p, r)
		}
		if at == u && u.requires[own] != nil {
			return p.findBound(u.requires[own], r)
		}
	}
	return found{}, &unknownError{fmt.Sprintf("unknown stage %q%s", r.name, p.among(r.name, "stage", "stages", u.visible()))}
}

// An unknownError says that a name stands for nothing.
type unknownError struct{ text string }

func (e *unknownError) Error() string { return e.text }

// found returns what a name that leads to the family stands for.
func (f *family) found(p *problems, r ref) (found, error) {
	is := found{family: f, stages: f.stages, output: r.output, narrowed: r.narrowed}
	switch {
	case f.broken:
		return is, errKnown
	case !r.set:
		is.bare = f.swept
		return is, nil
	case f.group != nil:
		return is, fmt.Errorf("%s is a group, and no sweep", r.name)
	case !f.swept:
		return is, fmt.Errorf("%s is no sweep: the name of the stage is all there is", r.name)
	}
	c := f.pick(p, r.picks)
	is.stages, is.set = c.stages, !c.whole
	return is, c.err
}

// findBound returns what a stage that the module requires stands for.
func (p *problems) findBound(required *require, r ref) (found, error) {
	if required.bind == nil || required.busy {
		return found{}, errKnown
	}
	text, ok := required.bind.value.(string)
	if !ok {
		return found{}, errKnown
	}
	bound, err := parseRef(text)
	if err != nil {
		return found{}, errKnown
	}
	required.busy = true
	defer func() { required.busy = false }()
	is, err := p.find(required.bind.in(), bound)
	if err == nil {
		err = is.input(bound)
	}
	if err != nil {
		return is, errKnown // checkBinds says it
	}
	if r.set && is.set {
		output, narrowed := is.output, is.narrowed
		bound.picks = append(slices.Clip(bound.picks), r.picks...)
		if is, err = is.family.found(p, bound); err != nil {
			return is, err
		}
		is.output, is.narrowed = output, narrowed
	} else if r.set {
		return is, fmt.Errorf("%s is bound to %q, which is no set", r.name, text)
	}
	switch {
	case r.narrowed && is.narrowed:
		return is, fmt.Errorf("%s is bound to one output already: %q", r.name, text)
	case r.narrowed:
		is.output, is.narrowed = r.output, true
	}
	return is, nil
}

// A choice is what pick found.
type choice struct {
	stages []*stage
	whole  bool // every axis has its value: it is one stage, and no set
	err    error
}

// pick returns the points that have the values, in matrix order.
func (f *family) pick(p *problems, picks []pick) choice {
	key := pointName(picks)
	c, ok := f.chosen[key]
	if !ok {
		c = f.choose(p, picks)
		f.chosen[key] = c
	}
	return c
}

func (f *family) choose(p *problems, picks []pick) choice {
	if len(picks) == 0 {
		return choice{stages: f.stages}
	}
	texts := make([]string, len(f.axes))
	fixed := make([]bool, len(f.axes))
	n, fewest := 0, f.stages
	for _, want := range picks {
		i := slices.IndexFunc(f.axes, func(a *axis) bool { return a.name == want.axis })
		if i < 0 {
			return choice{err: fmt.Errorf("%s has no axis %q%s", f.name, want.axis, p.among(want.axis, "axis", "axes", f.axisNames()))}
		}
		a := f.axes[i]
		text, ok := a.value(want.value)
		if !ok {
			return choice{err: fmt.Errorf("the axis %s of %s has no value %s%s", a.name, f.name, quoteValue(want.value), a.list())}
		}
		if fixed[i] && texts[i] != text {
			return choice{err: fmt.Errorf("no point of %s has %s = %s and %s", f.name, a.name, quoteValue(texts[i]), quoteValue(text))}
		}
		if !fixed[i] {
			n++
		}
		texts[i], fixed[i] = text, true
		if len(a.points[text]) < len(fewest) {
			fewest = a.points[text]
		}
	}
	if n == len(f.axes) {
		if s := f.byName[pointName(f.picks(texts))]; s != nil {
			return choice{stages: []*stage{s}, whole: true}
		}
		return choice{err: fmt.Errorf("%s has no point %s", f.name, pointName(f.picks(texts)))}
	}
	var stages []*stage
	for _, s := range fewest {
		if s.point.has(texts, fixed) {
			stages = append(stages, s)
		}
	}
	if len(stages) == 0 {
		return choice{err: fmt.Errorf("no point of %s has %s", f.name, strings.Trim(pointName(picks), "[]"))}
	}
	return choice{stages: stages}
}

// has tells whether the point has the texts of the axes that are fixed.
func (pt point) has(texts []string, fixed []bool) bool {
	for i, text := range texts {
		if fixed[i] && pt.texts[i] != text {
			return false
		}
	}
	return true
}

// value returns the text of the axis's value that is written so, or otherwise:
// 1e-3 and 0.0010 are both 0.001.
func (a *axis) value(text string) (string, bool) {
	if _, ok := a.points[text]; ok || slices.Contains(a.texts, text) {
		return text, true
	}
	same, ok := plainValue(text)
	if _, there := a.points[same]; !ok || !there {
		return "", false
	}
	return same, true
}

// plainValue returns the text that names have of a value that is written so.
func plainValue(text string) (string, bool) {
	raw, ok := decodeValue(text)
	if !ok {
		return "", false
	}
	var none problems
	return valueText(none.canonical(&node{index: -1, value: raw}))
}

// list says which values there are.
func (a *axis) list() string {
	var texts []string
	for _, text := range a.texts[:min(len(a.texts), 20)] {
		texts = append(texts, quoteValue(text))
	}
	if len(a.texts) > len(texts) {
		return "; its values begin with " + strings.Join(texts, ", ")
	}
	return "; it has " + strings.Join(texts, ", ")
}

// checkBinds reports what is bound to nothing.
func (l *loader) checkBinds(u *unit) {
	for _, required := range u.requires {
		if required.bind == nil {
			continue
		}
		text, ok := required.bind.value.(string)
		if !ok {
			continue
		}
		r, err := parseRef(text)
		if err != nil {
			l.add(required.bind, "%v", err)
			continue
		}
		user := required.bind.in()
		is, err := l.find(user, r)
		if err == nil {
			err = is.input(r)
		}
		if err != nil && err != errKnown {
			l.add(required.bind, "%v", err)
		} else if err == nil && is.narrowed {
			l.checkShown(required.bind, is.stages[0], is.output)
		}
	}
}

// input returns why what was found can't be an input.
func (is found) input(r ref) error {
	switch f := is.family; {
	case f.group != nil:
		return fmt.Errorf("%s is a group; an input is a stage or a set of them", r.name)
	case is.bare:
		return fmt.Errorf(`%s is a sweep of %d stages: want "%s[*]" for all of them, or some by their axes, %s`,
			r.name, len(is.stages), r.name, strings.Join(f.axisNames(), ", "))
	}
	return nil
}

// all returns the stages that a group is a name for, each once, in order.
func (l *loader) all(f *family) []*stage {
	if f.group == nil {
		return f.stages
	}
	if f.members != nil {
		return *f.members
	}
	f.busy = true
	var stages []*stage
	seen := make(map[*stage]bool)
	for i, n := range f.group.items() {
		for _, s := range l.member(f, n) {
			if !seen[s] {
				seen[s] = true
				stages = append(stages, s)
			}
		}
		if text, ok := n.value.(string); ok && i > 0 && slices.Contains(plainList(f.group.value)[:i], any(text)) {
			l.add(n, "%q stands twice", text)
		}
	}
	f.busy, f.members = false, &stages
	return stages
}

// member returns the stages of one item of a group.
func (l *loader) member(f *family, n *node) []*stage {
	text, ok := n.value.(string)
	if !ok {
		return nil
	}
	r, err := parseRef(text)
	if err != nil {
		l.add(n, "%v", err)
		return nil
	}
	is, err := l.find(n.in(), r)
	switch {
	case err == errKnown:
	case err != nil:
		l.add(n, "%v", err)
	case is.narrowed:
		l.add(n, "%q is an output; a group is of stages", text)
	case is.family.busy:
		l.add(n, "the group %s is in itself", is.family.name)
	case is.family.group != nil:
		return l.all(is.family)
	}
	return is.stages
}
