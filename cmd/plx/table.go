package main

import (
	"fmt"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"plx/internal/store"
)

// A table is rows of cells for people. On a terminal a line is no longer than
// the terminal is wide; else nothing is cut.
type table struct {
	heads []string // a head that begins with ">" is that of a column of numbers
	rows  [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// gap is between two columns.
const gap = "  "

// lines returns the table as text, of at most width characters a line; 0 is any
// number.
func (t *table) lines(width int) []string {
	heads, right := make([]string, len(t.heads)), make([]bool, len(t.heads))
	widths := make([]int, len(t.heads))
	for i, head := range t.heads {
		heads[i], right[i] = strings.CutPrefix(head, ">")
		widths[i] = utf8.RuneCountInString(heads[i])
	}
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	all := make([]string, 0, len(t.rows)+1)
	for _, row := range append([][]string{heads}, t.rows...) {
		all = append(all, fit(line(row, widths, right), width))
	}
	return all
}

func line(row []string, widths []int, right []bool) string {
	var b strings.Builder
	for i, cell := range row {
		if i > 0 {
			b.WriteString(gap)
		}
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if right[i] {
			b.WriteString(pad + cell)
		} else {
			b.WriteString(cell + pad)
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// fit cuts a line to a width.
func fit(line string, width int) string {
	if width <= 0 || utf8.RuneCountInString(line) <= width {
		return line
	}
	return string([]rune(line)[:width-1]) + "…"
}

// width returns how many characters a line on stdout may have; 0: any number,
// for it is no terminal.
func (a *app) width() int {
	f, ok := a.stdout.(*os.File)
	if !ok || !isTerminal(a.stdout) {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}

// resultTable prints a table.
func (a *app) resultTable(t table) error { return a.result(t.lines(a.width())...) }

// shortLen is how many characters of a hash a table shows: of a million, hardly
// two begin so.
const shortLen = 10

// short returns the beginning of a reference, which stands for it.
func short[T store.DRef | store.RRef](ref T) string {
	text := fmt.Sprint(ref)
	return text[:min(len(text), len("rref:")+shortLen)]
}

// moment writes a time for people.
func moment(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }
