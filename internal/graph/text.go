package graph

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// Signs are the characters that a drawing is made of.
type Signs struct {
	Node, Passes, Across, Branches, Ends, Joins, Last rune
	Times                                             string
}

// ASCII and Unicode are the two ways to draw.
func ASCII() Signs { return Signs{'o', '|', '-', '+', '`', '+', '\'', "x"} }

// Unicode draws with lines.
func Unicode() Signs { return Signs{'●', '│', '─', '├', '└', '┼', '┴', "×"} }

// mostLanes is how many lines may run beside each other in a drawing that
// somebody can follow.
const mostLanes = 16

// Text draws the graph, a line for each node, with lines that lead down from
// what it depends on. If too many of them would run beside each other, each line
// names what the node depends on instead.
func (g Graph) Text(s Signs) []string {
	drawn, ok := g.lanes(s)
	if !ok {
		return g.list(s)
	}
	width := 0
	for i, d := range drawn {
		drawn[i] = d + " " + g.label(i, s)
		width = max(width, displaywidth.String(drawn[i]))
	}
	for i, d := range drawn {
		drawn[i] = d + strings.Repeat(" ", width-displaywidth.String(d)) + "  " + g.Nodes[i].Text()
	}
	return drawn
}

func (g Graph) label(i int, s Signs) string {
	return strings.ReplaceAll(g.Nodes[i].Label(), "×", s.Times)
}

// lanes draws the lines. A lane leads down from a node to the last that depends
// on it.
func (g Graph) lanes(s Signs) (lines []string, ok bool) {
	last := make([]int, len(g.Nodes)) // that depends on each; 0: none
	for i, n := range g.Nodes {
		for _, dep := range n.Deps {
			last[dep] = i
		}
	}
	var taken []int // of each lane the node that it leads from; -1: it is free
	for i, n := range g.Nodes {
		first, column := -1, 0
		for lane, from := range taken {
			if slices.Contains(n.Deps, from) {
				if first < 0 {
					first = lane
				}
				column = lane + 1
			}
		}
		for column < len(taken) && taken[column] >= 0 {
			column++
		}
		if column >= mostLanes {
			return nil, false
		}
		for column >= len(taken) {
			taken = append(taken, -1)
		}
		lines = append(lines, g.row(i, taken, last, first, column, s))
		for lane, from := range taken {
			if from >= 0 && last[from] == i {
				taken[lane] = -1
			}
		}
		if last[i] > 0 {
			taken[column] = i
		}
	}
	return lines, true
}

// row draws the lanes beside the node i, which is in the column; first is the
// first lane that leads to it.
func (g Graph) row(i int, taken, last []int, first, column int, s Signs) string {
	var b strings.Builder
	end := column
	for lane := len(taken) - 1; lane > column; lane-- {
		if taken[lane] >= 0 {
			end = lane
			break
		}
	}
	for lane := 0; lane <= end; lane++ {
		across := first >= 0 && lane >= first && lane < column
		b.WriteRune(g.sign(i, lane, taken, last, first, column, s))
		switch {
		case lane == end:
		case across:
			b.WriteRune(s.Across)
		default:
			b.WriteByte(' ')
		}
	}
	return b.String()
}

func (g Graph) sign(i, lane int, taken, last []int, first, column int, s Signs) rune {
	from := taken[lane]
	leads := from >= 0 && slices.Contains(g.Nodes[i].Deps, from)
	switch {
	case lane == column:
		return s.Node
	case leads && lane == first && last[from] == i:
		return s.Ends
	case leads && lane == first:
		return s.Branches
	case leads && last[from] == i:
		return s.Last
	case leads:
		return s.Joins
	case from >= 0:
		return s.Passes
	case first >= 0 && lane > first && lane < column:
		return s.Across
	}
	return ' '
}

// mostNamed is how many nodes a line names.
const mostNamed = 4

// list writes each node with what it depends on.
func (g Graph) list(s Signs) []string {
	name, text := 0, 0
	for i, n := range g.Nodes {
		name, text = max(name, displaywidth.String(g.label(i, s))), max(text, len(n.Text()))
	}
	lines := make([]string, len(g.Nodes))
	for i, n := range g.Nodes {
		var deps []string
		for _, dep := range n.Deps[:min(len(n.Deps), mostNamed)] {
			deps = append(deps, g.label(dep, s))
		}
		label := g.label(i, s)
		line := label + strings.Repeat(" ", name-displaywidth.String(label)) + fmt.Sprintf("  %-*s", text, n.Text())
		if len(deps) > 0 {
			line += "  from " + strings.Join(deps, ", ")
		}
		if more := len(n.Deps) - mostNamed; more > 0 {
			line += fmt.Sprintf(" and %d more", more)
		}
		lines[i] = strings.TrimRight(line, " ")
	}
	return lines
}
