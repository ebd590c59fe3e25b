package draw

import (
	"encoding/xml"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// random returns a graph of n stages in which each draws on a few that are not
// far before it, as in pipelines.
func random(n int, seed uint64) ([]Node, []Edge) {
	r := rand.New(rand.NewPCG(seed, seed))
	nodes := make([]Node, n)
	var edges []Edge
	for i := range nodes {
		nodes[i] = Node{Name: fmt.Sprintf("stage-%d", i), Note: "1 result", State: "done"}
		for range r.IntN(4) {
			if i > 0 {
				edges = append(edges, Edge{max(0, i-1-r.IntN(12)), i})
			}
		}
	}
	return nodes, edges
}

// Every line goes to the right, and no two boxes lie on each other.
func TestLay(t *testing.T) {
	for _, n := range []int{1, 2, 10, 60, 300} {
		for seed := range uint64(5) {
			nodes, edges := random(n, seed)
			d := Lay(nodes, edges)
			if len(d.Boxes) != n {
				t.Fatalf("%d boxes for %d nodes", len(d.Boxes), n)
			}
			for _, l := range d.Lines {
				if a, b := d.Boxes[l.From], d.Boxes[l.To]; a.X+a.W >= b.X {
					t.Errorf("%d nodes, seed %d: the line from %d to %d goes to the left", n, seed, l.From, l.To)
				}
			}
			for i, a := range d.Boxes {
				if a.X < 0 || a.Y < 0 || a.X+a.W > d.Width || a.Y+a.H > d.Height {
					t.Errorf("%d nodes, seed %d: box %d is outside of the drawing", n, seed, i)
				}
				for j, b := range d.Boxes[:i] {
					if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
						t.Errorf("%d nodes, seed %d: boxes %d and %d lie on each other", n, seed, i, j)
					}
				}
			}
		}
	}
}

// The same graph is drawn in the same way, however often an edge is given.
func TestLayAgain(t *testing.T) {
	nodes, edges := random(80, 7)
	once := Lay(nodes, edges)
	again := Lay(nodes, append(edges, edges...))
	if !reflect.DeepEqual(once, again) {
		t.Error("the second drawing is another")
	}
}

// A chain is a straight line, and a fan has no crossing.
func TestLayPlain(t *testing.T) {
	chain := Lay(make([]Node, 4), []Edge{{0, 1}, {1, 2}, {2, 3}})
	for _, b := range chain.Boxes {
		if b.Y != chain.Boxes[0].Y {
			t.Errorf("a chain is not straight: %v", chain.Boxes)
		}
	}
	// The third source feeds the first sink: without an order they would cross.
	g := newLayers(make([]Node, 6), []Edge{{0, 5}, {1, 4}, {2, 3}})
	g.rank()
	g.split()
	g.order()
	if n := g.crossings(); n != 0 {
		t.Errorf("%d crossings, where none is needed", n)
	}
}

// Edges that would close a cycle are left out, and the rest is drawn.
func TestLayCycle(t *testing.T) {
	d := Lay(make([]Node, 3), []Edge{{0, 1}, {1, 2}, {2, 0}, {1, 1}})
	if len(d.Lines) != 2 {
		t.Errorf("%d lines, want 2", len(d.Lines))
	}
}

func TestInversions(t *testing.T) {
	for _, tt := range []struct {
		numbers []int
		want    int
	}{{nil, 0}, {[]int{0, 1, 2}, 0}, {[]int{2, 1, 0}, 3}, {[]int{1, 1, 0, 1}, 2}} {
		if got := inversions(tt.numbers, 3); got != tt.want {
			t.Errorf("inversions(%v) = %d, want %d", tt.numbers, got, tt.want)
		}
	}
}

// increasing keeps what is in order, and puts the rest together at its mean.
func TestIncreasing(t *testing.T) {
	got := increasing([]float64{1, 5, 3, 4, 9}, []float64{1, 1, 1, 1, 1})
	if want := []float64{1, 4, 4, 4, 9}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	got = increasing([]float64{6, 0}, []float64{1, 2})
	if want := []float64{2, 2}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// The picture is XML, whatever the stages are called.
func TestSVG(t *testing.T) {
	nodes := []Node{
		{Name: `train[kind="<&>"]`, Note: "3 stages", Title: "</title><script>", State: "done", Stack: true},
		{Name: strings.Repeat("long", 30), State: "failed"},
	}
	text := SVG(nodes, Lay(nodes, []Edge{{0, 1}}))
	dec := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "script" {
			t.Error("a name became an element")
		}
	}
	if !strings.Contains(text, "longlonglonglongl…") {
		t.Error("a long name is not shortened")
	}
}

// What names bring stays text, whatever it is.
func TestSVGHarmful(t *testing.T) {
	for _, text := range []string{
		"<script>alert(1)</script>", `" onload="alert(1)`, "</title></style><script/>", "]]>", "&lt;script&gt;&#60;", "\x00\x08\u202e\ufffe", "\xff\xfe", `javascript:alert(1)`,
	} {
		nodes := []Node{{Name: text, Note: text, Title: text, State: "done", Stack: true}, {Name: text}}
		picture := SVG(nodes, Lay(nodes, []Edge{{0, 1}}))
		dec := xml.NewDecoder(strings.NewReader(picture))
		for {
			token, err := dec.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			start, ok := token.(xml.StartElement)
			if !ok {
				continue
			}
			if !slices.Contains([]string{"svg", "title", "style", "rect", "path", "g", "text"}, start.Name.Local) {
				t.Errorf("%q makes an element %s", text, start.Name.Local)
			}
			for _, a := range start.Attr {
				if strings.HasPrefix(a.Name.Local, "on") || strings.Contains(a.Value, "alert") {
					t.Errorf("%q makes an attribute %s=%q", text, a.Name.Local, a.Value)
				}
			}
		}
	}
}
