package ui

import (
	"slices"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	var table Table
	table.Heads = []string{"NAME", ">N", "NOTE"}
	table.Add("a", "1", "x")
	table.Add("日本語", "22", "two cells each")
	table.Add("e\u0301", "3", "a letter and a combining accent are one")
	table.Add("👩‍👩‍👧", "4", "an emoji of several is two")
	table.Add("two\nlines\x1b[31m", "5", "")
	want := []string{
		"NAME             N  NOTE",
		"a                1  x",
		"日本語          22  two cells each",
		"e\u0301                3  a letter and a combining accent are one",
		"👩‍👩‍👧               4  an emoji of several is two",
		"two�lines�[31m   5",
	}
	if got := table.Lines(0); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got, want := (Table{Rows: [][]string{{"a", "b"}, {"long"}}}).Lines(0), []string{"a     b", "long"}; !slices.Equal(got, want) {
		t.Errorf("without heads got %q, want %q", got, want)
	}
}

// Whatever the width, no line takes more cells, and none is cut that need not be.
func TestTableFits(t *testing.T) {
	var table Table
	table.Heads = []string{"名前", ">値"}
	table.Add("日本語👩‍👩‍👧e\u0301", "1")
	whole := table.Lines(0)
	for width := 1; width < 40; width++ {
		for i, line := range table.Lines(width) {
			if n := Width(line); n > width {
				t.Errorf("in %d cells, %q takes %d", width, line, n)
			}
			if Width(whole[i]) <= width && line != whole[i] {
				t.Errorf("in %d cells, %q is cut to %q", width, whole[i], line)
			}
		}
	}
}
