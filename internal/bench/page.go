package main

import (
	_ "embed"
	"strings"
	"text/template"
)

//go:embed page.md
var pageText string

// A pageBar is a bar, as the page shows it.
type pageBar struct {
	verdict
	Text, CPUText string
}

// A pageSection is what was measured of one thing, as the page shows it.
type pageSection struct {
	Heading string
	Rows    []string // cells, joined
	Out     []string // why tools are left out
}

// page is the text of docs/benchmarks.md.
func page(r *report) (string, error) {
	t, err := template.New("page.md").Parse(pageText)
	if err != nil {
		return "", err
	}
	var bars []pageBar
	for _, v := range r.Bars {
		bars = append(bars, pageBar{v, v.measured(), v.byCPU()})
	}
	var text strings.Builder
	err = t.Execute(&text, map[string]any{
		"Machine":     r.Machine,
		"Bars":        bars,
		"Sections":    pageSections(r),
		"SmallFiles":  thousands(manySmallFiles),
		"DeadResults": thousands(deadResults),
		"Packages":    "Debian has make, ninja-build, tup (with fuse3), nix-bin, snakemake, python3-doit, bubblewrap, b3sum, rsync and zstd",
	})
	return strings.TrimRight(text.String(), "\n") + "\n", err
}

func pageSections(r *report) []pageSection {
	var all []pageSection
	for _, rows := range r.sections() {
		s := pageSection{Heading: heading(rows[0].key)}
		for _, row := range rows {
			if len(row.Samples) > 0 {
				s.Rows = append(s.Rows, strings.Join(append([]string{row.Tool}, cells(r, row)...), " | "))
			}
			if row.Out != "" {
				s.Out = append(s.Out, leftOut(row))
			}
		}
		all = append(all, s)
	}
	return all
}
