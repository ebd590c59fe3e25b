package report

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"plx/internal/draw"
)

// Bounds of the drawings in a page. A sweep that is larger is opened as a list.
const (
	maxOpen  = 80     // stages of a sweep that is drawn open
	maxBoxes = 20_000 // of all drawings
)

// axisName finds the axes in the name of a point of a sweep.
var axisName = regexp.MustCompile(`[\[,]([A-Za-z_][A-Za-z0-9_]*)=`)

// group finds the sweeps among the stages: those whose names have a point.
func (c *collector) group() {
	places := make(map[string]int)
	for i := range c.Stages {
		s := &c.Stages[i]
		name, point, ok := strings.Cut(s.Name, "[")
		if !ok || !strings.HasSuffix(point, "]") {
			continue
		}
		n, have := places[name]
		if !have {
			n = len(c.Groups)
			places[name] = n
			c.Groups = append(c.Groups, Group{Name: name, Axes: axes(*s)})
		}
		s.Group = n
		c.Groups[n].Stages = append(c.Groups[n].Stages, i)
	}
}

// axes returns the axes of a stage's sweep.
func axes(s Stage) []string {
	names := []string{}
	for _, found := range axisName.FindAllStringSubmatch(s.Name, -1) {
		if _, ok := s.Config[found[1]]; ok && !slices.Contains(names, found[1]) {
			names = append(names, found[1])
		}
	}
	return names
}

// draw lays out the graph, folded, and with each sweep open that is not large.
func (c *collector) draw() Graph {
	g := Graph{Folded: c.picture(-1), Open: make(map[int]Picture)}
	boxes := len(g.Folded.Nodes)
	for i, group := range c.Groups {
		if len(group.Stages) > maxOpen || boxes > maxBoxes {
			continue
		}
		g.Open[i] = c.picture(i)
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
	if unfold {
		for i := range c.Stages {
			c.Stages[i].Group = -1
		}
	}
	p := c.picture(-1)
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

// picture draws the stages of the plan with one sweep open, or none.
func (c *collector) picture(open int) Picture {
	var p Picture
	box := make(map[int]int)    // of stages
	folded := make(map[int]int) // of groups
	for i, s := range c.Stages {
		if !s.Planned {
			continue
		}
		if at, have := folded[s.Group]; have && s.Group != open {
			box[i] = at
			continue
		}
		n := PictureNode{Stage: i, Group: -1, Name: s.Name, State: s.State}
		members := []int{i}
		if s.Group >= 0 && s.Group != open {
			folded[s.Group] = len(p.Nodes)
			members = c.Groups[s.Group].Stages
			n = PictureNode{Stage: -1, Group: s.Group, Name: c.Groups[s.Group].Name + "[*]", State: c.stateOf(members)}
		}
		n.Note = c.note(members)
		box[i] = len(p.Nodes)
		p.Nodes = append(p.Nodes, n)
	}
	var edges []draw.Edge
	for i, s := range c.Stages {
		for _, in := range s.Inputs {
			for _, from := range in.From {
				if s.Planned {
					edges = append(edges, draw.Edge{From: box[from], To: box[i]})
				}
			}
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
