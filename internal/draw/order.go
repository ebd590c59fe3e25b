package draw

import (
	"cmp"
	"slices"
)

// sweeps is how often the order of the layers is gone through, to and fro. More
// bring little, by experience.
const sweeps = 12

// order puts the nodes of each layer in an order in which few lines cross: the
// best of those that come up when each goes to the middle of what it is joined
// to, in one layer after the other.
func (g *layers) order() {
	g.start()
	best, fewest := g.copyRows(), g.crossings()
	for i := range sweeps {
		if fewest == 0 {
			break
		}
		g.sweep(i%2 == 0)
		g.swap()
		if n := g.crossings(); n < fewest {
			best, fewest = g.copyRows(), n
		}
	}
	g.rows = best
	g.number()
}

// start orders the layers as a walk through the graph meets the nodes: what
// belongs together comes together.
func (g *layers) start() {
	last := 0
	for _, l := range g.layer {
		last = max(last, l)
	}
	g.rows = make([][]int, last+1)
	met := make([]bool, len(g.layer))
	var walk func(n int)
	walk = func(n int) {
		if met[n] {
			return
		}
		met[n] = true
		g.rows[g.layer[n]] = append(g.rows[g.layer[n]], n)
		for _, to := range g.below[n] {
			walk(to)
		}
	}
	for n := range g.layer {
		if len(g.above[n]) == 0 {
			walk(n)
		}
	}
	g.number()
}

// number notes the place of each node in its row.
func (g *layers) number() {
	g.at = make([]int, len(g.layer))
	for _, row := range g.rows {
		for i, n := range row {
			g.at[n] = i
		}
	}
}

func (g *layers) copyRows() [][]int {
	rows := make([][]int, len(g.rows))
	for i, row := range g.rows {
		rows[i] = slices.Clone(row)
	}
	return rows
}

// sweep orders each layer by the middle of what its nodes are joined to in the
// layer before it: to the right by what is left of it, or the other way.
func (g *layers) sweep(right bool) {
	for i := range g.rows {
		row, near := g.rows[i], g.above
		if !right {
			row, near = g.rows[len(g.rows)-1-i], g.below
		}
		middle := make(map[int]float64, len(row))
		for _, n := range row {
			middle[n] = g.middle(near[n], float64(g.at[n]))
		}
		slices.SortStableFunc(row, func(a, b int) int { return cmp.Compare(middle[a], middle[b]) })
		for i, n := range row {
			g.at[n] = i
		}
	}
}

// middle returns the mean of the places of some nodes, or its own if there are
// none.
func (g *layers) middle(nodes []int, own float64) float64 {
	if len(nodes) == 0 {
		return own
	}
	sum := 0
	for _, n := range nodes {
		sum += g.at[n]
	}
	return float64(sum) / float64(len(nodes))
}

// swap exchanges neighbours as long as that makes fewer crossings.
func (g *layers) swap() {
	for _, row := range g.rows {
		for round, better := 0, true; better && round < 4; round++ {
			better = false
			for i := range len(row) - 1 {
				a, b := row[i], row[i+1]
				if g.between(b, a) < g.between(a, b) {
					row[i], row[i+1] = b, a
					g.at[a], g.at[b] = i+1, i
					better = true
				}
			}
		}
	}
}

// between counts the crossings of the lines of two neighbours, a above b.
func (g *layers) between(a, b int) int {
	return g.inverted(g.above[a], g.above[b]) + g.inverted(g.below[a], g.below[b])
}

// inverted counts the pairs of which the one of the second list lies above
// that of the first.
func (g *layers) inverted(first, second []int) int {
	count := 0
	for _, m := range first {
		for _, n := range second {
			if g.at[n] < g.at[m] {
				count++
			}
		}
	}
	return count
}

// crossings counts how many lines cross, between all layers.
func (g *layers) crossings() int {
	count := 0
	for i, row := range g.rows {
		if i+1 == len(g.rows) {
			break
		}
		ends := []int{} // the right ends of the lines, in the order of their left ones
		for _, n := range row {
			to := slices.Clone(g.below[n])
			slices.SortFunc(to, func(a, b int) int { return cmp.Compare(g.at[a], g.at[b]) })
			for _, m := range to {
				ends = append(ends, g.at[m])
			}
		}
		count += inversions(ends, len(g.rows[i+1]))
	}
	return count
}

// inversions counts the pairs of numbers below n that are not in order, by a
// tree of sums.
func inversions(numbers []int, n int) int {
	sums := make([]int, n+1)
	count := 0
	for seen, v := range numbers {
		notAbove := 0
		for i := v + 1; i > 0; i -= i & -i {
			notAbove += sums[i]
		}
		count += seen - notAbove
		for i := v + 1; i <= n; i += i & -i {
			sums[i]++
		}
	}
	return count
}
