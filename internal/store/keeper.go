package store

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// The kinds of keepers.
const (
	KeepsProject = "project" // the plans in a project's .plx directory
	KeepsLink    = "link"    // a symlink, elsewhere, that leads into the store
	KeepsRoot    = "root"    // what [Store.AddRoot] was told
	KeepsDir     = "dir"     // the symlinks below a directory of [GCOptions].Keep
	KeepsProcess = "process" // a running process
	KeepsDamage  = "damage"  // a record can't be read: a person is to look at it
)

// A Keeper is why gc keeps something.
type Keeper struct {
	Kind   string
	Name   string // of the entry of root/, if it is one
	Target string // the path of the directory or link, the reference of a root, the number of a process

	drefs   []DRef // with all their realizations
	rrefs   []RRef
	trees   []Hash
	planned map[DRef]planned // what a project calls its derivations
}

// keepers returns all that keeps something: the roots, what running processes
// refer to, links below the directories, and damage.
func (g *graph) keepers(dirs []string) ([]*Keeper, error) {
	ks, err := g.store.rootKeepers()
	if err != nil {
		return nil, err
	}
	running, err := g.store.processKeepers()
	if err != nil {
		return nil, err
	}
	ks = append(ks, running...)
	for _, dir := range dirs {
		k := &Keeper{Kind: KeepsDir, Target: dir}
		if k.drefs, k.rrefs, k.trees, err = g.store.LinkedRefs(dir); err != nil {
			return nil, err
		}
		k.rrefs = append(k.rrefs, g.having(k.trees)...)
		ks = append(ks, k)
	}
	if len(g.broken) > 0 {
		ks = append(ks, &Keeper{Kind: KeepsDamage, rrefs: slices.SortedFunc(maps.Keys(g.broken), RRef.Compare)})
	}
	return ks, nil
}

// having returns the realizations that have one of the trees.
func (g *graph) having(trees []Hash) []RRef {
	if len(trees) == 0 {
		return nil
	}
	wanted := make(map[Hash]bool, len(trees))
	for _, tree := range trees {
		wanted[tree] = true
	}
	var refs []RRef
	for ref, n := range g.nodes {
		if wanted[n.tree] {
			refs = append(refs, ref)
		}
	}
	slices.SortFunc(refs, RRef.Compare)
	return refs
}

// rootKeepers returns what the entries of root/ keep, but for those that lead
// nowhere any more.
func (s *Store) rootKeepers() ([]*Keeper, error) {
	roots, err := s.Roots()
	if err != nil {
		return nil, err
	}
	var ks []*Keeper
	for _, r := range roots {
		if r.Stale {
			continue
		}
		k := &Keeper{Kind: KeepsRoot, Name: r.Name, Target: r.Target, drefs: r.DRefs, rrefs: r.RRefs, planned: r.planned}
		switch {
		case r.planned != nil:
			k.Kind = KeepsProject
		case strings.HasPrefix(r.Target, "/"):
			k.Kind = KeepsLink
		}
		ks = append(ks, k)
	}
	return ks, nil
}

// processKeepers returns what running processes refer to.
func (s *Store) processKeepers() ([]*Keeper, error) {
	ws, err := s.workers()
	if err != nil {
		return nil, err
	}
	var ks []*Keeper
	for _, w := range ws {
		k := &Keeper{Kind: KeepsProcess, Target: w.pid()}
		for _, note := range w.notes {
			if dref, err := ParseDRef(note); err == nil {
				k.drefs = append(k.drefs, dref)
			} else if rref, err := ParseRRef(note); err == nil {
				k.rrefs = append(k.rrefs, rref)
			} else if tree, err := ParseHash(note); err == nil {
				k.trees = append(k.trees, tree)
			}
		}
		if len(k.drefs)+len(k.rrefs)+len(k.trees) > 0 {
			ks = append(ks, k)
		}
	}
	return ks, nil
}

// A Kept is how much a keeper keeps.
type Kept struct {
	Keeper
	Realizations []RRef // in order
	Bytes        int64  // of all that it keeps
	Alone        int64  // of what nothing else keeps: what gc would give back without it
}

// kept returns what each keeper keeps, those first that keep most alone.
func (g *graph) kept(ks []*Keeper, last int) []Kept {
	list := make([]Kept, len(ks))
	owners := make(map[any]int) // by reference or tree hash; negative: several
	own := func(what any, i int) {
		if j, owned := owners[what]; owned && j != i {
			i = -1
		}
		owners[what] = i
	}
	for i, k := range ks {
		m := newMarks(g, true)
		m.keep(k, last)
		list[i] = Kept{Keeper: *k, Realizations: slices.SortedFunc(maps.Keys(m.kept), RRef.Compare), Bytes: m.bytes}
		for ref := range m.drvs {
			own(ref, i)
		}
		for ref := range m.kept {
			own(ref, i)
		}
		for tree := range m.held {
			own(tree, i)
		}
	}
	for what, i := range owners {
		if i < 0 {
			continue
		}
		switch what := what.(type) {
		case DRef:
			list[i].Alone += g.drvSize(what)
		case RRef:
			list[i].Alone += g.ownSize(what)
		case Hash:
			list[i].Alone += g.treeSize(what)
		}
	}
	slices.SortStableFunc(list, func(a, b Kept) int {
		return cmp.Or(cmp.Compare(b.Alone, a.Alone), cmp.Compare(b.Bytes, a.Bytes))
	})
	return list
}
