package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// printTable prints the medians, and their ratios to plx's.
func printTable(w io.Writer, r *report) {
	for _, section := range r.sections() {
		fmt.Fprintf(w, "\n%s\n", heading(section[0].key))
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(t, "\ttimes\twall s\tCPU s\tpeak MiB\twall ×\tCPU ×\t")
		for _, row := range section {
			if len(row.Samples) > 0 {
				fmt.Fprintln(t, strings.Join(append([]string{row.Tool}, cells(r, row)...), "\t")+"\t")
			}
		}
		t.Flush()
		for _, row := range section {
			if row.Out != "" {
				fmt.Fprintf(w, "  %s\n", leftOut(row))
			}
		}
	}
	for _, t := range r.Machine.Tools {
		if t.Out != "" {
			fmt.Fprintf(w, "%s is left out: %s\n", t.Tool, t.Out)
		}
	}
}

// sections are the rows that are about one thing, in the order in which the
// first of each was measured.
func (r *report) sections() [][]*row {
	var all [][]*row
	at := make(map[key]int)
	for _, row := range r.Rows {
		title := row.key
		title.Tool = ""
		i, ok := at[title]
		if !ok {
			i = len(all)
			at[title], all = i, append(all, nil)
		}
		all[i] = append(all[i], row)
	}
	return all
}

// leftOut tells why the row has no figures, or not all.
func leftOut(r *row) string {
	return r.Tool + " is left out: " + strings.Join(strings.Fields(r.Out), " ")
}

// heading names what was measured, but for the tool.
func heading(k key) string {
	return fmt.Sprintf("%s, %s, %s: %s", k.Work, k.Shape, thousands(k.N), k.Run)
}

// thousands is a number with a comma before its last three digits.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

// cells are the figures of a row: how many samples, their medians, and the
// ratios of wall and CPU time to plx's.
func cells(r *report, row *row) []string {
	m := row.median()
	figures := []string{fmt.Sprint(len(row.Samples)), seconds(m.Wall), seconds(m.CPU), fmt.Sprintf("%.1f", float64(m.Peak)/(1<<20))}
	k := row.key
	k.Tool = plxTool
	if plx, ok := r.measured(k); ok && row.Tool != plxTool {
		return append(figures, ratio(m.Wall, plx.Wall), ratio(m.CPU, plx.CPU))
	}
	return append(figures, "", "")
}

// seconds has three digits that count, but no more than milliseconds.
func seconds(s float64) string {
	switch {
	case s >= 100:
		return fmt.Sprintf("%.0f", s)
	case s >= 10:
		return fmt.Sprintf("%.1f", s)
	case s >= 1:
		return fmt.Sprintf("%.2f", s)
	}
	return fmt.Sprintf("%.3f", s)
}

func ratio(a, b float64) string {
	if b == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", a/b)
}
