package main

import (
	"encoding/csv"
	"strconv"
	"strings"
	"time"

	"plx/internal/query"
	"plx/internal/ui"
)

// runsCSV prints values in full: times in seconds, sizes in bytes.
func (a *app) runsCSV(runs []query.Run, columns []column) error {
	w := csv.NewWriter(a.stdout)
	var head []string
	for _, c := range columns {
		name := map[string]string{"#": "chosen", "took": "took_seconds", "cpu": "cpu_seconds", "memory": "max_rss_bytes", "size": "bytes"}[c.name]
		if name == "" {
			name = c.name
		}
		head = append(head, name)
	}
	if err := w.Write(head); err != nil {
		return err
	}
	for _, r := range runs {
		var row []string
		for _, c := range columns {
			row = append(row, full(c.value(r)))
		}
		if err := w.Write(row); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// full writes a value for programs.
func full(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case time.Duration:
		return strconv.FormatFloat(v.Seconds(), 'f', -1, 64)
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	}
	return plain(v)
}

type realizedJSON struct {
	RRef    string         `json:"rref"`
	DRef    string         `json:"dref"`
	Stage   string         `json:"stage"`
	Chosen  int            `json:"chosen"`
	Run     int            `json:"run"`
	Made    time.Time      `json:"made"`
	Took    float64        `json:"took_seconds"`
	CPU     float64        `json:"cpu_seconds"`
	Memory  int64          `json:"max_rss_bytes"`
	Bytes   int64          `json:"bytes"`
	Host    string         `json:"host"`
	By      string         `json:"by"`
	Tree    string         `json:"tree"`
	Adopted string         `json:"adopted"`
	Hand    bool           `json:"hand"`
	Config  map[string]any `json:"config"`
	Metrics map[string]any `json:"metrics"`
}

// runsJSON prints all of each run, whatever the columns.
func (a *app) runsJSON(runs []query.Run, columns []column) error {
	names, docs := []string{}, []realizedJSON{}
	for _, c := range columns {
		names = append(names, c.name)
	}
	for _, r := range runs {
		doc := realizedJSON{
			RRef: r.Ref.String(), DRef: r.Ref.DRef().String(), Stage: r.Stage, Chosen: r.Chosen, Run: r.Number, Made: r.Made.UTC(),
			Took: r.Took.Seconds(), CPU: r.CPU.Seconds(), Memory: r.Memory, Bytes: r.Bytes, Host: r.Host, By: r.By, Tree: r.Tree.String(),
			Hand: r.Hand, Config: plainValues(r.Config), Metrics: plainValues(r.Metrics),
		}
		if !r.Adopted.IsZero() {
			doc.Adopted = r.Adopted.String()
		}
		docs = append(docs, doc)
	}
	return a.resultJSON(map[string]any{"columns": names, "runs": docs})
}

// plainValues returns values as JSON has them: a date is a string.
func plainValues(values map[string]any) map[string]any {
	list := make(map[string]any, len(values))
	for key, v := range values {
		if date, ok := v.(interface{ String() string }); ok {
			v = date.String()
		}
		list[key] = v
	}
	return list
}

// markdown returns the table as Markdown has it.
func markdown(t ui.Table) []string {
	var head, rule []string
	for _, name := range t.Heads {
		name, right := strings.CutPrefix(name, ">")
		head = append(head, escaped(name))
		if right {
			rule = append(rule, "---:")
		} else {
			rule = append(rule, "---")
		}
	}
	lines := []string{markdownRow(head), markdownRow(rule)}
	for _, row := range t.Rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = escaped(cell)
		}
		lines = append(lines, markdownRow(cells))
	}
	return lines
}

func markdownRow(cells []string) string { return "| " + strings.Join(cells, " | ") + " |" }

// escaped returns a cell that doesn't end at a bar.
func escaped(cell string) string { return strings.ReplaceAll(cell, "|", `\|`) }
