// Package draw owns the drawing of a graph of stages: where its boxes and
// lines lie, and the picture of that as SVG.
//
// Lay places a graph in layers, from left to right, so that every line goes to
// the right (after Sugiyama, Tagawa and Toda):
//
//  1. rank: each node gets a layer, as near to those it is joined to as can be;
//  2. a line that passes layers gets a place to pass in each;
//  3. order: in each layer the nodes are put in an order with few crossings;
//  4. place: without changing the order, each gets near to what it is joined to.
//
// The same graph gives the same drawing, on every machine.
package draw

// A Node is a box.
type Node struct {
	Name  string // what is written in it
	Note  string // a second line, smaller
	Title string // what is told of it to who points at it
	State string // a class of its drawing, and a mark: one of the keys of marks
	Stack bool   // it stands for several
}

// An Edge is a line from one node to another, by their places in the list.
type Edge struct{ From, To int }

// A Drawing is a graph with its places, in pixels.
type Drawing struct {
	Width  float64 `json:"width"`
	Height float64 `json:"height"`
	Boxes  []Box   `json:"boxes"` // of the nodes, in their order
	Lines  []Line  `json:"lines"` // of the edges, in order
}

// A Box is where a node lies.
type Box struct {
	X float64 `json:"x"` // left
	Y float64 `json:"y"` // top
	W float64 `json:"w"`
	H float64 `json:"h"`
}

// A Line is where an edge runs.
type Line struct {
	From int    `json:"from"`
	To   int    `json:"to"`
	Path string `json:"path"` // what SVG calls path data
}

// Lay places a graph without cycles; lines that close one are left out.
func Lay(nodes []Node, edges []Edge) Drawing {
	if len(nodes) == 0 {
		return Drawing{Width: 2 * margin, Height: 2 * margin}
	}
	g := newLayers(nodes, edges)
	g.rank()
	g.split()
	g.order()
	g.place()
	return g.drawing()
}
