package draw

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// Measures of a drawing, in pixels.
const (
	margin    = 16.0
	boxHeight = 44.0
	rowGap    = 14.0 // between boxes of a layer
	lineGap   = 10.0 // between lines that pass a layer
	layerGap  = 56.0
	minWidth  = 96.0
	textSpace = 46.0 // of a box beside its text: the mark, and margins
	letter    = 7.4  // the width of a letter of the name, of most fonts at 13 pixels
	small     = 6.1  // and of the note, at 11
	maxLetter = 34   // of a name that is written out
)

// place gives each node its height. In each layer it goes to where the squares
// of the distances to what its nodes are joined to have the least sum, the
// order and the distances kept; one layer after the other, to and fro.
func (g *layers) place() {
	g.center = make([]float64, len(g.layer))
	for _, row := range g.rows {
		y := 0.0
		for i, n := range row {
			if i > 0 {
				y += g.distance(row[i-1], n)
			}
			g.center[n] = y
		}
	}
	for i := range 2 * sweeps {
		for l := range g.rows {
			if i%2 == 0 {
				g.settle(g.rows[l], g.above, g.below, i)
			} else {
				g.settle(g.rows[len(g.rows)-1-l], g.below, g.above, i)
			}
		}
	}
	top := math.Inf(1)
	for n, y := range g.center {
		top = min(top, y-g.height(n)/2)
	}
	for n := range g.center {
		g.center[n] += margin - top
	}
}

// settle places one row. What it comes from counts; in the last rounds, where
// it goes to does as well.
func (g *layers) settle(row []int, near, far [][]int, round int) {
	wish, weight := make([]float64, len(row)), make([]float64, len(row))
	for i, n := range row {
		joined := near[n]
		if len(joined) == 0 || round >= sweeps {
			joined = append(append([]int{}, joined...), far[n]...)
		}
		wish[i], weight[i] = g.center[n], 0.1
		if len(joined) > 0 {
			sum := 0.0
			for _, m := range joined {
				sum += g.center[m]
			}
			wish[i], weight[i] = sum/float64(len(joined)), 1
		}
		if !g.isBox(n) {
			weight[i] = 4 // lines are straight before boxes are in the middle
		}
	}
	offset := 0.0
	for i := range row {
		if i > 0 {
			offset += g.distance(row[i-1], row[i])
		}
		wish[i] -= offset
	}
	offset = 0
	for i, y := range increasing(wish, weight) {
		if i > 0 {
			offset += g.distance(row[i-1], row[i])
		}
		g.center[row[i]] = y + offset
	}
}

// increasing returns the numbers nearest to the wishes, by weighted squares,
// none of which is less than the one before: neighbours that would be are put
// together at their mean.
func increasing(wish, weight []float64) []float64 {
	type pool struct {
		mean, weight float64
		count        int
	}
	var pools []pool
	for i := range wish {
		pools = append(pools, pool{wish[i], weight[i], 1})
		for len(pools) > 1 && pools[len(pools)-2].mean > pools[len(pools)-1].mean {
			a, b := pools[len(pools)-2], pools[len(pools)-1]
			w := a.weight + b.weight
			pools = append(pools[:len(pools)-2], pool{(a.mean*a.weight + b.mean*b.weight) / w, w, a.count + b.count})
		}
	}
	result := make([]float64, 0, len(wish))
	for _, p := range pools {
		for range p.count {
			result = append(result, p.mean)
		}
	}
	return result
}

// distance returns how far apart the middles of two neighbours are at least.
func (g *layers) distance(a, b int) float64 {
	gap := rowGap
	if !g.isBox(a) && !g.isBox(b) {
		gap = lineGap
	}
	return (g.height(a)+g.height(b))/2 + gap
}

func (g *layers) height(n int) float64 {
	if !g.isBox(n) {
		return 0
	}
	return boxHeight
}

// width returns how wide a box is. Fonts differ: it has room to spare.
func width(n Node) float64 {
	text := max(letter*float64(utf8.RuneCountInString(shortened(n.Name))), small*float64(utf8.RuneCountInString(n.Note)))
	return math.Ceil(max(minWidth, text+textSpace))
}

// shortened leaves out the middle of a name that is too long.
func shortened(name string) string {
	runes := []rune(name)
	if len(runes) <= maxLetter {
		return name
	}
	return string(runes[:maxLetter/2]) + "…" + string(runes[len(runes)-maxLetter/2+1:])
}

// drawing returns the result.
func (g *layers) drawing() Drawing {
	left, wide := g.columns()
	last := len(g.rows) - 1
	d := Drawing{Width: left[last] + wide[last] + margin, Boxes: make([]Box, len(g.nodes))}
	bottom := 0.0
	for n := range g.layer {
		bottom = max(bottom, g.center[n]+g.height(n)/2)
	}
	for n := range g.nodes {
		l := g.layer[n]
		d.Boxes[n] = Box{X: left[l], Y: round(g.center[n] - boxHeight/2), W: wide[l], H: boxHeight}
	}
	d.Height = math.Ceil(bottom + margin)
	for i, e := range g.edges {
		d.Lines = append(d.Lines, Line{From: e.From, To: e.To, Path: g.path(g.paths[i], left, wide)})
	}
	return d
}

// columns returns the left side and the width of each layer.
func (g *layers) columns() (left, wide []float64) {
	left, wide = make([]float64, len(g.rows)), make([]float64, len(g.rows))
	for n, node := range g.nodes {
		wide[g.layer[n]] = max(wide[g.layer[n]], width(node))
	}
	x := margin
	for l := range g.rows {
		left[l] = x
		x += wide[l] + g.gap(l)
	}
	return left, wide
}

// gap returns how much room the lines from a layer to the next have: more for
// many that go far up or down.
func (g *layers) gap(l int) float64 {
	steepest := 0.0
	for _, n := range g.rows[l] {
		for _, m := range g.below[n] {
			steepest = max(steepest, math.Abs(g.center[n]-g.center[m]))
		}
	}
	return layerGap + min(120, math.Floor(steepest/12))
}

// path returns a line through the nodes: level in each layer, a curve between.
func (g *layers) path(nodes []int, left, wide []float64) string {
	var b strings.Builder
	for i, n := range nodes {
		l, y := g.layer[n], round(g.center[n])
		if i == 0 {
			fmt.Fprintf(&b, "M%g %g", left[l]+wide[l], y)
			continue
		}
		m := nodes[i-1]
		from := left[g.layer[m]] + wide[g.layer[m]]
		middle := round((from + left[l]) / 2)
		fmt.Fprintf(&b, "C%g %g %g %g %g %g", middle, round(g.center[m]), middle, y, left[l], y)
		if i < len(nodes)-1 {
			fmt.Fprintf(&b, "H%g", left[l]+wide[l])
		}
	}
	return b.String()
}

// round drops what no eye can see.
func round(x float64) float64 { return math.Round(x*10) / 10 }
