package realize

import (
	"slices"
	"sync"
	"sync/atomic"

	"plx/internal/match"
	"plx/internal/plan"
	"plx/internal/store"
)

// A graph is a closure while it is realized.
type graph struct {
	*Realizer
	nodes  map[store.DRef]*node
	order  []*node // dependencies first
	pool   *pool
	spare  func() (back func()) // lets others go on while one waits
	events sync.Mutex
	sites  sites

	foreseen  func() error // [graph.foresee], once
	eventful  atomic.Bool  // something happened that the next run may have to do with
	gone      sync.Map     // the trees of which it was told that they are
	toolsLock sync.Mutex
	tools     map[toolName]store.Tool // that were found
}

// A node is a derivation while it is realized.
type node struct {
	stage      *plan.Stage
	demands    []match.Matcher // each once
	dependents []*node
	waits      int          // for so many dependencies
	users      atomic.Int32 // so many dependents may still ask for results
	index      int          // in the order
	choices    map[string]match.Choice
	results    map[store.RRef]store.Realization // what was chosen
	skip       *node                            // a failed or skipped dependency
	task       *task                            // once its inputs are known, if it is asked for later
	lasting    bool                             // it is: an input chooses among its results and others' together, or somebody wants to know why
	ground     ground                           // what it gave, once it is done
	settled    atomic.Bool                      // what is there satisfies it
	more       sync.Mutex                       // for those that want more of it when it is done
}

// graph links the stages of a closure, and finds what is asked of each.
func (z *Realizer) graph(c *plan.Closure) *graph {
	g := &graph{Realizer: z, nodes: make(map[store.DRef]*node), pool: newPool(z.Jobs, z.Resources), tools: make(map[toolName]store.Tool)}
	g.foreseen = sync.OnceValue(g.foresee)
	for _, s := range c.Stages() {
		if g.nodes[s.Ref] != nil {
			continue
		}
		n := &node{stage: s, index: len(g.order), choices: make(map[string]match.Choice), results: make(map[store.RRef]store.Realization)}
		g.nodes[s.Ref] = n
		g.order = append(g.order, n)
		for _, dep := range s.Derivation.Dependencies() {
			n.waits++
			g.nodes[dep].users.Add(1)
			g.nodes[dep].dependents = append(g.nodes[dep].dependents, n)
		}
		for _, e := range s.Inputs {
			for _, from := range e.From {
				dep := g.nodes[from.Ref]
				dep.demand(chooser(e, from))
				dep.lasting = dep.lasting || e.Match != nil && len(e.From) > 1
			}
		}
	}
	for _, s := range c.Targets() {
		g.nodes[s.Ref].demand(s.Match)
	}
	return g
}

// chooser returns what is asked of a stage for an input: the input's own
// matcher, or the stage's. A matcher over a set is asked of all its members
// together, when each has what its own wants.
func chooser(e plan.Edge, from *plan.Stage) match.Matcher {
	if e.Match != nil && len(e.From) == 1 {
		return *e.Match
	}
	return from.Match
}

// demand asks n for what the matcher chooses.
func (n *node) demand(m match.Matcher) {
	same := func(other match.Matcher) bool { return demandKey(other) == demandKey(m) }
	if !slices.ContainsFunc(n.demands, same) {
		n.demands = append(n.demands, m)
	}
}

// demandKey tells matchers apart.
func demandKey(m match.Matcher) string {
	data, err := store.Canonical(m.Canonical())
	if err != nil {
		panic("realize: " + err.Error()) // it was parsed from a canonical value
	}
	return string(data)
}

func (g *graph) observe(e Event) {
	g.noteEvent(e.Kind)
	g.events.Lock()
	defer g.events.Unlock()
	g.Observe(e)
}
