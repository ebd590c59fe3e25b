package graph

import (
	"fmt"
	"strings"
)

// colour returns that of a status: light enough for black text.
func colour(s Status) string {
	switch s {
	case Failed:
		return "#f4a6a0"
	case Missing:
		return "#ffe08a"
	case Open:
		return "#e8e8e8"
	}
	return "#b7e1b0"
}

// DOT writes the graph for Graphviz.
func (g Graph) DOT() []string {
	lines := []string{
		"digraph plx {",
		"  rankdir=LR;",
		`  node [shape=box, style="rounded,filled", fontname="sans-serif"];`,
	}
	for i, n := range g.Nodes {
		lines = append(lines, fmt.Sprintf(`  n%d [label="%s\n%s", fillcolor="%s"];`, i, escapeDOT(n.Label()), n.Text(), colour(n.Status())))
	}
	for i, n := range g.Nodes {
		for _, dep := range n.Deps {
			lines = append(lines, fmt.Sprintf("  n%d -> n%d;", dep, i))
		}
	}
	return append(lines, "}")
}

func escapeDOT(text string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text)
}

// Mermaid writes the graph for Mermaid, which GitHub and GitLab draw.
func (g Graph) Mermaid() []string {
	lines := []string{"flowchart LR"}
	for i, n := range g.Nodes {
		lines = append(lines, fmt.Sprintf(`  n%d["%s<br>%s"]:::%s`, i, escapeMermaid(n.Label()), n.Text(), class(n.Status())))
	}
	for i, n := range g.Nodes {
		for _, dep := range n.Deps {
			lines = append(lines, fmt.Sprintf("  n%d --> n%d", dep, i))
		}
	}
	for _, s := range statuses {
		lines = append(lines, fmt.Sprintf("  classDef %s fill:%s,color:#000", class(s), colour(s)))
	}
	return lines
}

func class(s Status) string { return strings.ReplaceAll(string(s), " ", "") }

// escapeMermaid writes what would end a text, or be taken for markup, by its
// code.
func escapeMermaid(text string) string {
	return strings.NewReplacer("#", "#35;", `"`, "#quot;", "<", "#lt;", ">", "#gt;").Replace(text)
}
