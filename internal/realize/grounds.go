package realize

import "plx/internal/store"

// Grounds are what in a store the choices of a run were made from. As long as
// nothing changes that they are about, and the trees are there, another run
// finds the same, and has nothing to do.
type Grounds struct {
	Stages  int          // how many derivations there are
	About   []store.Hash // of the derivations, and the action keys
	Sources []store.Hash // their trees
	Trees   []store.Hash // of what was chosen
}

// grounds returns the grounds of what was realized, or nil if another run
// could do more, or say more, than that it reuses everything.
func (g *graph) grounds() *Grounds {
	if g.eventful.Load() {
		return nil
	}
	gs := &Grounds{Stages: len(g.order)}
	keys := make(map[store.Hash]int, len(g.order))
	for _, n := range g.order {
		keys[n.task.key]++
	}
	for _, n := range g.order {
		if g.rebuilds(n) || n.task.made() && !n.task.lone(keys) {
			return nil
		}
		gs.About = append(gs.About, n.stage.Ref.Hash(), n.task.key)
		if source := n.stage.Derivation.Source; !source.IsZero() {
			gs.Sources = append(gs.Sources, source)
		}
		for _, r := range n.results {
			gs.Trees = append(gs.Trees, r.Tree)
		}
	}
	return gs
}

// made reports whether something of the task was made in this run.
func (t *task) made() bool { return t.built > 0 || t.adopted != nil }

// lone reports whether what was made leaves nothing to be decided the next
// time: there is one result, and no other stage that gives more for the same
// action.
func (t *task) lone(keys map[store.Hash]int) bool {
	return len(t.found) == 1 && keys[t.key] == 1
}

// noteEvent sees whether the next run may have something to say, or to do,
// besides what this one had to.
func (g *graph) noteEvent(kind EventKind) {
	switch kind {
	case Reused, Adopted, Building, Fetching, Built:
	default:
		g.eventful.Store(true)
	}
}
