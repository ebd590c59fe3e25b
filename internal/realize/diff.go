package realize

import (
	"maps"
	"slices"

	"plx/internal/match"
	"plx/internal/store"
)

// A Diff tells how two things differ.
type Diff struct {
	Changes []Change     // in what the commands see
	Intent  []Change     // in what they don't: promises, check, match, metrics
	Results []Difference // in the files of the results, if both are realizations
	Same    bool         // both are realizations, of one tree
}

// A Side is one of the things to compare: a derivation, and a realization of it
// unless that is zero.
type Side struct {
	DRef store.DRef
	RRef store.RRef
}

// Diff compares two derivations, or two realizations. What is not in the store
// is an error.
func (z *Realizer) Diff(a, b Side, sources Sources) (Diff, error) {
	c := newComparer(z.Store, nil, sources)
	c.texts = true
	old, first, err := c.side(a)
	if err != nil {
		return Diff{}, err
	}
	new, second, err := c.side(b)
	if err != nil {
		return Diff{}, err
	}
	d := Diff{Changes: c.changes(old, new), Intent: c.intent(old.derivation, new.derivation)}
	if !a.RRef.IsZero() && !b.RRef.IsZero() {
		d.Same = first.tree == second.tree
		d.Results = c.differing(first, second)
	}
	return d, nil
}

// side reads one of the things to compare.
func (c *comparer) side(s Side) (subject, seen, error) {
	if s.RRef.IsZero() {
		d, err := c.derivation(s.DRef)
		return subject{derivation: d}, seen{}, err
	}
	r, err := c.store.Realization(s.RRef)
	if err != nil {
		return subject{}, seen{}, err
	}
	sub, err := c.built(r)
	return sub, seen{manifest: r.Manifest, tree: r.Tree, dir: c.store.TreePath(r.Tree)}, err
}

// intent compares what the command doesn't see.
func (c *comparer) intent(old, new store.Derivation) []Change {
	var list []Change
	for _, name := range slices.Sorted(maps.Keys(new.Outputs)) {
		was, there := old.Outputs[name]
		is := new.Outputs[name]
		if was.Path = is.Path; there && was != is {
			list = append(list, valueChange("outputs."+name, promiseText(was), promiseText(is)))
		}
	}
	if old.Check != new.Check {
		list = append(list, Change{Key: "check", How: "changed", Diff: c.unified(lined(old.Check), lined(new.Check))})
	}
	return append(list, tableChanges("", intentTable(old), intentTable(new))...)
}

func promiseText(o store.Output) string {
	text := o.Kind
	for _, word := range []struct {
		is   bool
		name string
	}{{o.Nonempty, "nonempty"}, {o.Optional, "optional"}, {o.Volatile, "volatile"}} {
		if word.is {
			text += ", " + word.name
		}
	}
	return text
}

// intentTable returns what is in a derivation, and in no action key.
func intentTable(d store.Derivation) map[string]any {
	t := make(map[string]any)
	if d.Match != nil {
		t["match"] = matchText(d.Match)
	}
	if d.Metrics != nil {
		t["metrics"] = anyList(d.Metrics)
	}
	if d.Carry != nil {
		t["carry"] = anyList(d.Carry)
	}
	if d.Always {
		t["always"] = true
	}
	for name, in := range d.Inputs {
		if in.Match != nil {
			t["inputs."+name+".match"] = matchText(in.Match)
		}
	}
	return t
}

// matchText returns a matcher for people.
func matchText(canonical any) string {
	m, err := match.Parse(canonical)
	if err != nil {
		return show(canonical)
	}
	return m.String()
}

func anyList(texts []string) []any {
	list := make([]any, len(texts))
	for i, text := range texts {
		list[i] = text
	}
	return list
}
