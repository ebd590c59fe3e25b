package draw

import "slices"

// layers is a graph while it is laid out. Its first nodes are the boxes; the
// rest are where lines pass through a layer.
type layers struct {
	nodes  []Node
	edges  []Edge // each once, none that closes a cycle
	above  [][]int
	below  [][]int // for each node, what it has a line to
	layer  []int
	rows   [][]int // for each layer, its nodes from top to bottom
	paths  [][]int // for each edge, the nodes that it goes through
	at     []int   // for each node, its place in its row
	center []float64
}

// newLayers takes each edge once, and those that close a cycle not at all.
func newLayers(nodes []Node, edges []Edge) *layers {
	g := &layers{nodes: nodes, above: make([][]int, len(nodes)), below: make([][]int, len(nodes)), layer: make([]int, len(nodes))}
	seen := make(map[Edge]bool)
	for _, e := range edges {
		if e.From == e.To || seen[e] {
			continue
		}
		seen[e] = true
		g.edges = append(g.edges, e)
	}
	g.dropCycles()
	for _, e := range g.edges {
		g.join(e.From, e.To)
	}
	return g
}

func (g *layers) join(from, to int) {
	g.below[from] = append(g.below[from], to)
	g.above[to] = append(g.above[to], from)
}

// dropCycles drops the edges that lead back to where a walk came from.
func (g *layers) dropCycles() {
	out := make([][]int, len(g.nodes)) // edges, by where they begin
	for i, e := range g.edges {
		out[e.From] = append(out[e.From], i)
	}
	const open, done = 1, 2
	state := make([]int, len(g.nodes))
	back := make(map[int]bool)
	var walk func(n int)
	walk = func(n int) {
		state[n] = open
		for _, i := range out[n] {
			switch to := g.edges[i].To; state[to] {
			case open:
				back[i] = true
			case 0:
				walk(to)
			}
		}
		state[n] = done
	}
	for n := range g.nodes {
		if state[n] == 0 {
			walk(n)
		}
	}
	kept := g.edges[:0]
	for i, e := range g.edges {
		if !back[i] {
			kept = append(kept, e)
		}
	}
	g.edges = kept
}

// rank gives each node a layer: first the one after the last of those that it
// has lines from; then, as long as that makes lines shorter, another.
func (g *layers) rank() {
	order := g.sorted()
	for _, n := range order {
		for _, up := range g.above[n] {
			g.layer[n] = max(g.layer[n], g.layer[up]+1)
		}
	}
	for range 8 {
		moved := false
		for _, n := range slices.Backward(order) {
			moved = g.moveRight(n) || moved
		}
		if !moved {
			break
		}
	}
}

// moveRight puts n next to the first of those that it has lines to, if more
// lines go there than come in.
func (g *layers) moveRight(n int) bool {
	if len(g.below[n]) <= len(g.above[n]) {
		return false
	}
	next := g.layer[g.below[n][0]]
	for _, to := range g.below[n] {
		next = min(next, g.layer[to])
	}
	moved := g.layer[n] != next-1
	g.layer[n] = next - 1
	return moved
}

// sorted returns the nodes, each after those that it has lines from.
func (g *layers) sorted() []int {
	waits := make([]int, len(g.nodes))
	var order []int
	for n := range g.nodes {
		if waits[n] = len(g.above[n]); waits[n] == 0 {
			order = append(order, n)
		}
	}
	for i := 0; i < len(order); i++ {
		for _, to := range g.below[order[i]] {
			if waits[to]--; waits[to] == 0 {
				order = append(order, to)
			}
		}
	}
	return order
}

// split puts a node into each layer that an edge passes, so that lines are
// between neighbouring layers only.
func (g *layers) split() {
	boxes := len(g.nodes)
	g.above, g.below = make([][]int, boxes), make([][]int, boxes)
	for _, e := range g.edges {
		path := []int{e.From}
		for l := g.layer[e.From] + 1; l < g.layer[e.To]; l++ {
			n := len(g.layer)
			g.layer = append(g.layer, l)
			g.above, g.below = append(g.above, nil), append(g.below, nil)
			g.join(path[len(path)-1], n)
			path = append(path, n)
		}
		g.join(path[len(path)-1], e.To)
		g.paths = append(g.paths, append(path, e.To))
	}
}

// isBox tells a node of the graph from where a line passes.
func (g *layers) isBox(n int) bool { return n < len(g.nodes) }
