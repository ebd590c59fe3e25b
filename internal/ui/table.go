package ui

import (
	"slices"
	"strings"
	"unicode"
)

// A Table is rows of cells for people, in columns that are each as wide as the
// widest cell needs.
type Table struct {
	Heads []string // nil: none; one that begins with ">" is that of a column of numbers
	Rows  [][]string
}

// Add adds a row.
func (t *Table) Add(cells ...string) { t.Rows = append(t.Rows, cells) }

// gap is between two columns.
const gap = "  "

// Lines returns the table as text, of at most width cells of a terminal a line;
// 0 is any number.
func (t Table) Lines(width int) []string {
	var rows [][]string
	right := make(map[int]bool)
	if t.Heads != nil {
		heads := slices.Clone(t.Heads)
		for i, head := range heads {
			heads[i], right[i] = strings.CutPrefix(head, ">")
		}
		rows = append(rows, heads)
	}
	for _, row := range t.Rows {
		shown := make([]string, len(row))
		for i, cell := range row {
			shown[i] = strings.Map(Visible, cell)
		}
		rows = append(rows, shown)
	}
	widths := columnWidths(rows)
	lines := make([]string, len(rows))
	for i, row := range rows {
		lines[i] = Fit(tableLine(row, widths, right), width)
	}
	return lines
}

func columnWidths(rows [][]string) []int {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], Width(cell))
		}
	}
	return widths
}

func tableLine(row []string, widths []int, right map[int]bool) string {
	var b strings.Builder
	for i, cell := range row {
		if i > 0 {
			b.WriteString(gap)
		}
		pad := strings.Repeat(" ", widths[i]-Width(cell))
		if right[i] {
			b.WriteString(pad + cell)
		} else {
			b.WriteString(cell + pad)
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// Fit cuts a line to so many cells of a terminal; 0 is any number.
func Fit(line string, width int) string {
	if width <= 0 {
		return line
	}
	return signs{cut: "…"}.fit(line, width)
}

// Visible is for names and values that others gave: what would do something to a
// terminal, or end a line, is marked.
func Visible(r rune) rune {
	if unicode.IsControl(r) {
		return unicode.ReplacementChar
	}
	return r
}
