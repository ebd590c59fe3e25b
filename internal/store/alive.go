package store

// What keeps an object is found from its end: one walk along what refers to
// it, and to that in turn, gives the shortest way from each root.

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// A Chain is how a keeper reaches an object.
type Chain struct {
	Keeper
	Plan  string // the name of the file, if a plan names the first step
	Steps []Step // the last is the object
}

// A Step is an object on the way.
type Step struct {
	Object string // a reference, or a tree hash
	Stage  string // of a derivation: what a project calls it, if one does
}

// ObjectAt returns the reference or tree hash of what lies at a path in the
// store, or of what a symlink there leads to. The error is [ErrNotExist] if
// that is no object.
func (s *Store) ObjectAt(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	object, inside, err := s.objectOf(abs)
	if err != nil {
		return "", err
	}
	if name, ok := strings.CutPrefix(object, "tree/"); ok && inside {
		if tree, err := ParseHash(name[:min(hashLen, len(name))]); err == nil {
			return tree.String(), nil
		}
	}
	var r Root
	if s.rootObject(&r, object); !inside || r.Target == "" {
		return "", fmt.Errorf("%s: %w", path, ErrNotExist)
	}
	return r.Target, nil
}

// WhyAlive returns for each keeper that reaches an object, given by its
// reference or tree hash, the shortest way there: none if the object is
// garbage. The error is [ErrNotExist] if there is no such object.
func (s *Store) WhyAlive(ctx context.Context, object string) ([]Chain, error) {
	g, err := s.readGraph(ctx)
	if err != nil {
		return nil, err
	}
	target, err := g.object(object)
	if err != nil {
		return nil, err
	}
	ks, err := g.keepers(nil)
	if err != nil {
		return nil, err
	}
	names := make(map[DRef]string)
	for _, k := range ks {
		for dref, p := range k.planned {
			names[dref] = p.stage
		}
	}
	w := g.waysTo(target)
	var chains []Chain
	for _, k := range ks {
		if way := w.from(k); way != nil {
			chains = append(chains, chainOf(k, way, names))
		}
	}
	return chains, nil
}

// chainOf names what is on a way.
func chainOf(k *Keeper, way []any, names map[DRef]string) Chain {
	c := Chain{Keeper: *k}
	for i, what := range way {
		step := Step{Object: fmt.Sprint(what)}
		if dref, ok := what.(DRef); ok {
			step.Stage = names[dref]
			if own, planned := k.planned[dref]; planned {
				step.Stage = own.stage
				if i == 0 {
					c.Plan = own.plan
				}
			}
		}
		c.Steps = append(c.Steps, step)
	}
	return c
}

// object returns the [DRef], [RRef] or tree [Hash] that the text names.
func (g *graph) object(text string) (any, error) {
	missing := fmt.Errorf("%s: %w", text, ErrNotExist)
	if rref, err := ParseRRef(text); err == nil {
		if _, broken := g.broken[rref]; g.nodes[rref] == nil && !broken {
			return nil, missing
		}
		return rref, nil
	}
	if dref, err := ParseDRef(text); err == nil {
		if !g.store.hasDerivation(dref) {
			return nil, missing
		}
		return dref, nil
	}
	tree, err := ParseHash(text)
	if err != nil {
		return nil, err
	}
	if !g.trees[tree].dir {
		return nil, missing
	}
	return tree, nil
}

// ways are the shortest ways to one object.
type ways struct {
	*graph
	next     map[any]any // the step after it
	distance map[any]int // from each object on a way
}

// waysTo walks back from an object along what refers to it.
func (g *graph) waysTo(target any) ways {
	by := g.referrers(target)
	w := ways{graph: g, next: map[any]any{}, distance: map[any]int{target: 0}}
	for queue := []any{target}; len(queue) > 0; queue = queue[1:] {
		for _, from := range by[queue[0]] {
			if _, seen := w.distance[from]; !seen {
				w.next[from], w.distance[from] = queue[0], w.distance[queue[0]]+1
				queue = append(queue, from)
			}
		}
	}
	return w
}

// referrers returns, for each object, what keeps it if that is kept. To
// realizations only realizations lead; what derivations draw on is not looked
// at for them.
func (g *graph) referrers(target any) map[any][]any {
	by := make(map[any][]any)
	add := func(to, from any) { by[to] = append(by[to], from) }
	for _, dref := range g.drefs {
		for _, ref := range g.of[dref] {
			add(dref, ref)
			n := g.nodes[ref]
			if n == nil {
				add(g.broken[ref], ref)
				continue
			}
			add(n.tree, ref)
			for _, dep := range n.context {
				add(dep, ref)
			}
		}
	}
	if _, ok := target.(RRef); ok {
		return by
	}
	for _, dref := range g.drefs {
		if d := g.drawn(dref); d != nil {
			add(d.source, dref)
			for _, dep := range d.deps {
				add(dep, dref)
			}
		}
	}
	return by
}

// from returns the shortest way from a keeper, or nil.
func (w ways) from(k *Keeper) []any {
	var first []any // the beginning of the best way
	best := -1
	try := func(begin ...any) {
		last := begin[len(begin)-1]
		if d, ok := w.distance[last]; ok && (best < 0 || d+len(begin) < best) {
			first, best = begin, d+len(begin)
		}
	}
	for _, ref := range k.drefs {
		try(ref)
		for _, rref := range w.of[ref] {
			try(ref, rref)
		}
	}
	for _, ref := range k.rrefs {
		try(ref)
	}
	for _, tree := range k.trees {
		try(tree)
	}
	if best < 0 {
		return nil
	}
	for at := first[len(first)-1]; w.distance[at] > 0; {
		at = w.next[at]
		first = append(first, at)
	}
	return first
}
