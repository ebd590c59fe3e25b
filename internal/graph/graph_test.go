package graph

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// random returns a graph of n nodes.
func random(r *rand.Rand, n int) Graph {
	var g Graph
	for i := range n {
		node := Node{Name: fmt.Sprint("n", i), Count: map[Status]int{Done: 1}}
		for dep := range i {
			if r.IntN(4) == 0 {
				node.Deps = append(node.Deps, dep)
			}
		}
		g.Nodes = append(g.Nodes, node)
	}
	return g
}

// TestTextLeads: following the lines of a drawing downwards leads from each
// node to those that depend on it, and to no others.
func TestTextLeads(t *testing.T) {
	for seed := range uint64(200) {
		g := random(rand.New(rand.NewPCG(seed, 1)), 2+int(seed%9))
		s := ASCII()
		s.Branches, s.Joins, s.Ends, s.Last = 'B', 'J', 'E', 'L'
		lines, ok := g.lanes(s)
		if !ok {
			continue
		}
		var lanes [mostLanes + 1]int // the node that a lane leads from, +1
		for i, line := range lines {
			var deps []int
			for at, r := range line {
				lane := at / 2
				switch {
				case at%2 == 1:
				case r == 'B' || r == 'J' || r == 'E' || r == 'L':
					deps = append(deps, lanes[lane]-1)
					if r == 'E' || r == 'L' {
						lanes[lane] = 0
					}
				case r == 'o':
					lanes[lane] = i + 1
				case r == '|' && lanes[lane] == 0:
					t.Fatalf("seed %d: a line from nowhere in\n%s", seed, strings.Join(lines, "\n"))
				}
			}
			want := make(map[int]bool)
			for _, dep := range g.Nodes[i].Deps {
				want[dep] = true
			}
			for _, dep := range deps {
				if !want[dep] {
					t.Fatalf("seed %d: n%d is drawn to depend on n%d in\n%s", seed, i, dep, strings.Join(lines, "\n"))
				}
				delete(want, dep)
			}
			if len(want) > 0 {
				t.Fatalf("seed %d: of n%d there are no lines from %v in\n%s", seed, i, want, strings.Join(lines, "\n"))
			}
		}
	}
}

// TestSorted: each node comes after those that it depends on, whatever the
// order was.
func TestSorted(t *testing.T) {
	g := Graph{Nodes: []Node{{Name: "c", Deps: []int{1, 2}}, {Name: "b", Deps: []int{2}}, {Name: "a"}}}.sorted()
	for i, want := range []string{"a[]", "b[0]", "c[0 1]"} {
		if got := fmt.Sprintf("%s%v", g.Nodes[i].Name, g.Nodes[i].Deps); got != want {
			t.Errorf("%d: got %s, want %s", i, got, want)
		}
	}
}

func TestEscapes(t *testing.T) {
	if got, want := escapeDOT(`a"b\c`), `a\"b\\c`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := escapeMermaid(`a"<b>#`), `a#quot;#lt;b#gt;#35;`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
