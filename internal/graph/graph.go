// Package graph owns drawing what depends on what: as text, and for Graphviz
// and Mermaid.
package graph

import (
	"fmt"
	"slices"
	"strings"

	"plx/internal/plan"
)

// A Status says what there is of a stage.
type Status string

// What there can be of a stage.
const (
	Done    Status = "done"     // results that satisfy its matchers
	Missing Status = "to build" // too few
	Open    Status = "open"     // that depends on what is to be built
	Failed  Status = "failed"   // too few, and the last build has failed
)

// statuses are all, in the order in which they are told.
var statuses = []Status{Failed, Missing, Open, Done}

// A Node is a stage, a sweep, or a realization.
type Node struct {
	Name   string
	Points int            // of a sweep; 0: it is none
	Count  map[Status]int // how many stages have each status
	Deps   []int          // of the graph's nodes, all before it
}

// Status is what there is of most urgency.
func (n Node) Status() Status {
	for _, s := range statuses {
		if n.Count[s] > 0 {
			return s
		}
	}
	return Done
}

// Text says what there is.
func (n Node) Text() string {
	if n.Points == 0 || n.Count[n.Status()] == n.Points {
		return string(n.Status())
	}
	var parts []string
	for _, s := range statuses {
		if n.Count[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n.Count[s], s))
		}
	}
	return strings.Join(parts, ", ")
}

// Label names the node.
func (n Node) Label() string {
	if n.Points > 0 {
		return fmt.Sprintf("%s ×%d", n.Name, n.Points)
	}
	return n.Name
}

// A Graph is nodes, each after those that it depends on.
type Graph struct{ Nodes []Node }

// Stages returns the graph of the stages of a closure. Unless unfold says so,
// the points of a sweep are one node.
func Stages(c *plan.Closure, status func(*plan.Stage) Status, unfold bool) Graph {
	stages := c.Stages()
	names, place := make([]string, len(stages)), make(map[*plan.Stage]int, len(stages))
	for i, s := range stages {
		names[i], place[s] = s.Name, i
	}
	deps := func(i int) (list []int) {
		for _, e := range stages[i].Inputs {
			for _, from := range e.From {
				list = append(list, place[from])
			}
		}
		return list
	}
	var g Graph
	for _, f := range Folds(names, deps, func(string) bool { return unfold }) {
		n := Node{Name: f.Name, Count: make(map[Status]int), Deps: f.Deps}
		if f.Sweep {
			n.Points = len(f.Stages)
		}
		for _, i := range f.Stages {
			n.Count[status(stages[i])]++
		}
		g.Nodes = append(g.Nodes, n)
	}
	return g.sorted()
}

// sorted returns the graph with each node after those that it depends on: with
// sweeps folded, that need not be the order of the stages. What depends on one
// another through its points stays as it is.
func (g Graph) sorted() Graph {
	place := make([]int, len(g.Nodes))
	var out Graph
	var visit func(i int)
	visit = func(i int) {
		if place[i] != 0 {
			return
		}
		place[i] = -1
		for _, dep := range g.Nodes[i].Deps {
			visit(dep)
		}
		n := g.Nodes[i]
		out.Nodes = append(out.Nodes, n)
		place[i] = len(out.Nodes)
	}
	for i := range g.Nodes {
		visit(i)
	}
	for i := range out.Nodes {
		var deps []int
		for _, dep := range out.Nodes[i].Deps {
			if at := place[dep] - 1; at < i {
				deps = append(deps, at)
			}
		}
		slices.Sort(deps)
		out.Nodes[i].Deps = deps
	}
	return out
}
