package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// A Share is what a part of a store takes, in bytes.
type Share struct {
	Realizations int
	Own          int64 // what nothing else has: what would be free without it
	Shared       int64 // trees that something else has, too
	Closure      int64 // with all that it is made from; 0 unless asked for
}

// DU returns what each group of objects takes, and all of the store but for what
// builds left. Of a derivation all realizations count. With closures it also
// walks what each group is made from.
func (s *Store) DU(ctx context.Context, groups [][]Object, closures bool) (shares []Share, all int64, err error) {
	g, err := s.readGraph(ctx)
	if err != nil {
		return nil, 0, err
	}
	owners := g.owners(groups)
	shares = make([]Share, len(groups))
	for i, group := range groups {
		if ctx.Err() != nil {
			return nil, 0, context.Cause(ctx)
		}
		shares[i] = g.share(group, i, owners)
		if closures {
			m := newMarks(g, true)
			for _, o := range group {
				m.keep(keeperOf(o), 0)
			}
			shares[i].Closure = m.bytes
		}
	}
	for tree := range g.trees {
		all += g.treeSize(tree)
	}
	for _, dref := range g.drefs {
		all += g.drvSize(dref)
		for _, ref := range g.of[dref] {
			all += g.ownSize(ref)
		}
	}
	return shares, all, errors.Join(g.failed...)
}

func keeperOf(o Object) *Keeper {
	if o.RRef.IsZero() {
		return &Keeper{drefs: []DRef{o.DRef}}
	}
	return &Keeper{rrefs: []RRef{o.RRef}}
}

// realizationsOf returns the realizations that an object is, or has.
func (g *graph) realizationsOf(o Object) []RRef {
	if o.RRef.IsZero() {
		return g.of[o.DRef]
	}
	return []RRef{o.RRef}
}

// several owns what more than one group has, or what is in none.
const several = -1

// owners returns which group alone has a tree.
func (g *graph) owners(groups [][]Object) map[Hash]int {
	drefs, rrefs := make(map[DRef]int), make(map[RRef]int)
	for i, group := range groups {
		for _, o := range group {
			if o.RRef.IsZero() {
				drefs[o.DRef] = i
			}
			for _, ref := range g.realizationsOf(o) {
				rrefs[ref] = i
			}
		}
	}
	owners := make(map[Hash]int)
	own := func(tree Hash, i int, grouped bool) {
		if had, owned := owners[tree]; !grouped || owned && had != i {
			i = several
		}
		owners[tree] = i
	}
	for _, dref := range g.drefs {
		if d := g.drawn(dref); d != nil && !d.source.IsZero() {
			i, grouped := drefs[dref]
			own(d.source, i, grouped)
		}
		for _, ref := range g.of[dref] {
			if n := g.nodes[ref]; n != nil {
				i, grouped := rrefs[ref]
				own(n.tree, i, grouped)
			}
		}
	}
	return owners
}

// share adds up what a group takes.
func (g *graph) share(group []Object, i int, owners map[Hash]int) Share {
	var s Share
	had := make(map[Hash]bool)
	tree := func(h Hash) {
		switch {
		case h.IsZero() || had[h]:
		case owners[h] == i:
			s.Own += g.treeSize(h)
		default:
			s.Shared += g.treeSize(h)
		}
		had[h] = true
	}
	counted := make(map[RRef]bool)
	for _, o := range slices.Clone(group) {
		if d := g.drawn(o.DRef); o.RRef.IsZero() && d != nil {
			s.Own += g.drvSize(o.DRef)
			tree(d.source)
		}
		for _, ref := range g.realizationsOf(o) {
			n := g.nodes[ref]
			if n == nil || counted[ref] {
				continue
			}
			counted[ref] = true
			s.Realizations++
			s.Own += g.ownSize(ref)
			tree(n.tree)
		}
	}
	return s
}

// KeptBy returns the realizations that the root of the name keeps, or, without
// a name, any root or running process. The error is [ErrNotExist] if there is
// no such root.
func (s *Store) KeptBy(ctx context.Context, name string) (map[RRef]bool, error) {
	g, err := s.readGraph(ctx)
	if err != nil {
		return nil, err
	}
	ks, err := g.keepers(nil)
	if err != nil {
		return nil, err
	}
	m, found := newMarks(g, false), name == ""
	for _, k := range ks {
		if name == "" || k.Name == name || k.Kind != KeepsProcess && k.Target == name {
			found = true
			m.keep(k, 0)
		}
	}
	if !found {
		return nil, fmt.Errorf("root %q: %w", name, ErrNotExist)
	}
	return m.kept, errors.Join(g.failed...)
}
