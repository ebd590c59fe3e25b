package realize

import (
	"time"

	"plx/internal/store"
)

// Grounds are what in a store the choices of a run were made from. As long as
// nothing changes that they are about, and the trees are there, another run
// finds the same, and has nothing to do.
type Grounds struct {
	Stages  int           // how many derivations there are
	Saved   time.Duration // that another run saves by reuse
	About   []store.Hash  // of the derivations, and the action keys
	Sources []store.Hash  // their trees
	Trees   []store.Hash  // of what was chosen
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
		keys[n.ground.key]++
	}
	for _, n := range g.order {
		own := n.ground
		if n.task != nil { // more may have been made of it since it was done
			own = n.task.ground(n.task.found)
		}
		if g.rebuilds(n) || own.made && !(own.lone && keys[own.key] == 1) {
			return nil
		}
		gs.Saved += n.ground.took
		gs.About = append(gs.About, n.stage.Ref.Hash(), own.key)
		if source := n.stage.Derivation.Source; !source.IsZero() {
			gs.Sources = append(gs.Sources, source)
		}
		gs.Trees = append(gs.Trees, own.trees...)
	}
	return gs
}

// A ground is what of one derivation the choices of a run were made from.
type ground struct {
	key   store.Hash
	made  bool          // something was made in this run
	lone  bool          // and there is one result alone, so that nothing is to be decided the next time
	trees []store.Hash  // of what may have been chosen
	took  time.Duration // how long it took to make that
}

// ground returns that of the task, of whose results these may have been chosen.
func (t *task) ground(chosen []store.Realization) ground {
	own := ground{key: t.key, made: t.built > 0 || t.adopted != nil, lone: len(t.found) == 1}
	for _, r := range chosen {
		own.trees = append(own.trees, r.Tree)
		own.took += took(r)
	}
	return own
}

// noteEvent sees whether the next run may have something to say, or to do,
// besides what this one had to.
func (g *graph) noteEvent(kind EventKind) {
	switch kind {
	case Reused, Adopted, Building, Fetching, Built, Chose, Done:
	default:
		g.eventful.Store(true)
	}
}
