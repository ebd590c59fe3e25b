package store

import (
	"cmp"
	"maps"
	"slices"
)

// marks is what of a graph is to be kept.
type marks struct {
	*graph
	drvs    map[DRef]bool // derivations to keep
	kept    map[RRef]bool // realizations to keep
	held    map[Hash]bool // trees to keep
	removed map[RRef]bool // not there any more, but something kept refers to it
	work    map[string]bool
	weighed bool  // bytes is known
	bytes   int64 // that is kept
}

// newMarks returns marks that hold nothing. If weighed, they are told how
// much they hold, which takes reading the manifests of sources.
func newMarks(g *graph, weighed bool) *marks {
	m := &marks{
		graph: g, weighed: weighed, drvs: map[DRef]bool{}, kept: map[RRef]bool{},
		held: map[Hash]bool{}, removed: map[RRef]bool{}, work: map[string]bool{},
	}
	for _, ref := range g.odd {
		m.drvs[ref] = true
	}
	return m
}

func (m *marks) clone() *marks {
	c := *m
	c.drvs, c.kept, c.held = maps.Clone(m.drvs), maps.Clone(m.kept), maps.Clone(m.held)
	c.removed, c.work = maps.Clone(m.removed), maps.Clone(m.work)
	return &c
}

// keep keeps what a keeper does: of its derivations all realizations, or if
// last is not zero the last so many.
func (m *marks) keep(k *Keeper, last int) {
	if k.Kind == KeepsProcess { // it may build on any of them
		last = 0
	}
	for _, ref := range k.drefs {
		m.derivation(ref)
		for _, rref := range m.newest(ref, last) {
			m.realization(rref)
		}
	}
	for _, ref := range k.rrefs {
		m.realization(ref)
	}
	for _, tree := range k.trees {
		m.tree(tree)
	}
}

// newest returns the last n realizations of a derivation by the times when they
// were made, or all if n is zero.
func (m *marks) newest(ref DRef, n int) []RRef {
	if n == 0 || n >= len(m.of[ref]) {
		return m.of[ref]
	}
	refs := slices.DeleteFunc(slices.Clone(m.of[ref]), func(r RRef) bool { return m.nodes[r] == nil })
	slices.SortFunc(refs, func(a, b RRef) int {
		return cmp.Or(m.nodes[b].made.Compare(m.nodes[a].made), a.Compare(b))
	})
	return refs[:min(n, len(refs))]
}

// tree keeps a tree.
func (m *marks) tree(tree Hash) {
	if tree.IsZero() || m.held[tree] {
		return
	}
	m.held[tree] = true
	if m.weighed {
		m.bytes += m.treeSize(tree)
	}
}

// derivation keeps a derivation, its sources, and the derivations that it
// draws on, so that it can be realized again.
func (m *marks) derivation(ref DRef) {
	if m.drvs[ref] {
		return
	}
	m.drvs[ref] = true
	if m.weighed {
		m.bytes += m.drvSize(ref)
	}
	d := m.drawn(ref)
	if d == nil {
		return
	}
	m.tree(d.source)
	for _, dep := range d.deps {
		m.derivation(dep)
	}
}

// anyContext keeps whatever a realization of the derivation may have been built
// from: its record doesn't say.
func (m *marks) anyContext(ref DRef) {
	d := m.drawn(ref)
	if d == nil {
		return
	}
	for _, dep := range d.deps {
		for _, rref := range m.of[dep] {
			m.realization(rref)
		}
	}
}

// realization keeps a realization, and the closure of its context.
func (m *marks) realization(ref RRef) {
	if m.kept[ref] {
		return
	}
	n := m.nodes[ref]
	if tree, broken := m.broken[ref]; broken {
		m.kept[ref] = true
		m.tree(tree)
		m.derivation(ref.dref)
		m.anyContext(ref.dref)
		return
	}
	if n == nil { // removed on purpose: what says so is kept
		m.removed[ref] = true
		m.derivation(ref.dref)
		return
	}
	m.kept[ref] = true
	m.tree(n.tree)
	m.derivation(ref.dref)
	if m.weighed {
		m.bytes += m.ownSize(ref)
	}
	for _, dep := range n.context {
		m.realization(dep)
	}
}

// deadOrder returns the dead realizations, dependents first, so that none ever
// lacks its context. Those of a derivation that goes with them stand together.
// The order is the same each time.
func (m *marks) deadOrder() []RRef {
	var order []RRef
	seen := make(map[RRef]bool)
	var visit func(ref RRef)
	visit = func(ref RRef) {
		if seen[ref] || m.kept[ref] || m.nodes[ref] == nil {
			return
		}
		group := []RRef{ref}
		if !m.drvs[ref.dref] {
			group = slices.DeleteFunc(slices.Clone(m.of[ref.dref]), func(r RRef) bool { return m.nodes[r] == nil })
		}
		for _, ref := range group {
			seen[ref] = true
		}
		for _, ref := range group {
			for _, dep := range m.nodes[ref].context {
				visit(dep)
			}
		}
		order = append(order, group...)
	}
	for _, dref := range m.drefs {
		for _, ref := range m.of[dref] {
			visit(ref)
		}
	}
	slices.Reverse(order)
	return order
}
