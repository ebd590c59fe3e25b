package report

import (
	"context"
	"fmt"
	"strings"
	"time"

	"plx/internal/draw"
	"plx/internal/graph"
	"plx/internal/plan"
)

// Bounds of the drawings in a page. A sweep that is larger is opened as a list.
const (
	maxOpen  = 80     // stages of a sweep that is drawn open
	maxBoxes = 20_000 // of all drawings
)

// group finds the sweeps among the stages.
func (c *collector) group() {
	places := make(map[string]int)
	for i := range c.Stages {
		s := &c.Stages[i]
		name, axes, ok := plan.Point(s.Name)
		if !ok {
			continue
		}
		n, have := places[name]
		if !have {
			n = len(c.Groups)
			places[name] = n
			c.Groups = append(c.Groups, Group{Name: name, Axes: axes})
		}
		s.Group = n
		c.Groups[n].Stages = append(c.Groups[n].Stages, i)
	}
}

// draw lays out the graph, folded, and with each sweep open that is not large.
func (c *collector) draw() Graph {
	g := Graph{Folded: c.picture(func(string) bool { return false }), Open: make(map[int]Picture)}
	boxes := len(g.Folded.Nodes)
	for i, group := range c.Groups {
		if len(group.Stages) > maxOpen || boxes > maxBoxes {
			continue
		}
		g.Open[i] = c.picture(func(sweep string) bool { return sweep == group.Name })
		boxes += len(g.Open[i].Nodes)
	}
	return g
}

// SVG returns the drawing of the closure: the one that the page has, or,
// unfolded, with every sweep open.
func SVG(ctx context.Context, src Source, unfold bool) (string, error) {
	c := newCollector(src)
	c.bare = true
	if err := c.collect(ctx, src); err != nil {
		return "", err
	}
	p := c.picture(func(string) bool { return unfold })
	return draw.SVG(p.boxes(), p.Drawing), nil
}

// boxes returns what is drawn.
func (p Picture) boxes() []draw.Node {
	nodes := make([]draw.Node, len(p.Nodes))
	for i, n := range p.Nodes {
		title := n.Name + ": " + n.State + ", " + n.Note
		nodes[i] = draw.Node{Name: n.Name, Note: n.Note, Title: title, State: n.State, Stack: n.Group >= 0}
	}
	return nodes
}

// picture draws the stages of the plan, with the sweeps open that are to be.
func (c *collector) picture(open func(sweep string) bool) Picture {
	var p Picture
	var names []string
	var stages []int // those of the plan
	place := make(map[int]int)
	for i, s := range c.Stages {
		if s.Planned {
			place[i] = len(stages)
			names, stages = append(names, s.Name), append(stages, i)
		}
	}
	deps := func(i int) (list []int) {
		for _, in := range c.Stages[stages[i]].Inputs {
			for _, from := range in.From {
				list = append(list, place[from])
			}
		}
		return list
	}
	var edges []draw.Edge
	for at, f := range graph.Folds(names, deps, open) {
		first := stages[f.Stages[0]]
		n := PictureNode{Stage: first, Group: -1, Name: f.Name, State: c.Stages[first].State}
		members := make([]int, len(f.Stages))
		for k, i := range f.Stages {
			members[k] = stages[i]
		}
		if f.Sweep {
			n = PictureNode{Stage: -1, Group: c.Stages[first].Group, Name: f.Name + "[*]", State: c.stateOf(members)}
		}
		n.Note = c.note(members)
		p.Nodes = append(p.Nodes, n)
		for _, dep := range f.Deps {
			edges = append(edges, draw.Edge{From: dep, To: at})
		}
	}
	p.Drawing = draw.Lay(p.boxes(), edges)
	return p
}

// stateOf returns the state of several stages together.
func (c *collector) stateOf(members []int) string {
	count := make(map[string]int)
	for _, i := range members {
		count[c.Stages[i].State]++
	}
	for _, state := range []string{"running", "failed"} {
		if count[state] > 0 {
			return state
		}
	}
	for _, state := range []string{"done", "open"} {
		if count[state] == len(members) {
			return state
		}
	}
	return "part"
}

// note says how much there is of some stages, and how long it took.
func (c *collector) note(members []int) string {
	runs, took := 0, 0.0
	for _, i := range members {
		runs += len(c.Stages[i].Runs)
		for _, r := range c.Stages[i].Runs {
			took += c.Runs[r].Seconds
		}
	}
	text := ""
	if len(members) > 1 {
		text = fmt.Sprintf("%d stages, ", len(members))
	}
	switch {
	case runs == 0:
		return text + "no result"
	case runs == 1:
		text += "1 result"
	default:
		text += fmt.Sprintf("%d results", runs)
	}
	if took >= 0.001 {
		text += ", " + duration(took)
	}
	return text
}

// duration writes a time for people.
func duration(s float64) string {
	switch {
	case s < 10:
		return fmt.Sprintf("%.2g s", s)
	case s < 100:
		return fmt.Sprintf("%.0f s", s)
	default:
		return strings.TrimSuffix(time.Duration(s*float64(time.Second)).Round(time.Second).String(), "0s")
	}
}
