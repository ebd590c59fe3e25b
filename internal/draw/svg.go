package draw

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// marks are what a box shows of its state besides the colour.
var marks = map[string]string{
	"done":    "✓", // what is there is what is wanted
	"part":    "◐", // of several, some are done
	"open":    "○", // to be made
	"failed":  "✗",
	"running": "▶",
	"":        "",
}

// style draws in the colours of the reader's scheme. The report has the same
// classes.
const style = `
svg { --back: #fff; --box: #f6f8fa; --line: #57606a; --text: #1f2328; --faint: #57606a;
 --done: #1a7f37; --part: #9a6700; --open: #57606a; --failed: #cf222e; --running: #0969da }
@media (prefers-color-scheme: dark) { svg { --back: #0d1117; --box: #161b22; --line: #8b949e; --text: #e6edf3; --faint: #9198a1;
 --done: #3fb950; --part: #d29922; --open: #8b949e; --failed: #f85149; --running: #58a6ff } }
.back { fill: var(--back) }
text { font: 13px system-ui, "Segoe UI", "DejaVu Sans", Helvetica, Arial, sans-serif; fill: var(--text) }
.note { font-size: 11px; fill: var(--faint) }
.box, .under { fill: var(--box); stroke: var(--line); stroke-opacity: .6 }
.line { fill: none; stroke: var(--line); stroke-opacity: .55; stroke-width: 1.3 }
.bar { fill: var(--open) } .mark { fill: var(--open); font-weight: bold }
.done .bar, .done .mark { fill: var(--done) } .part .bar, .part .mark { fill: var(--part) }
.failed .bar, .failed .mark { fill: var(--failed) } .running .bar, .running .mark { fill: var(--running) }
`

// SVG returns the picture of the graph, laid out by [Lay]. It needs nothing
// else to be looked at.
func SVG(nodes []Node, d Drawing) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" role="img">`, d.Width, d.Height, d.Width, d.Height)
	fmt.Fprintf(&b, "\n<title>Graph of stages</title>\n<style>%s</style>\n", style)
	b.WriteString(`<rect class="back" width="100%" height="100%"/>` + "\n")
	for _, l := range d.Lines {
		fmt.Fprintf(&b, `<path class="line" d="%s"/>`+"\n", l.Path)
	}
	for i, n := range nodes {
		box(&b, n, d.Boxes[i])
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// box writes one box, with what is behind it if it stands for several.
func box(b *strings.Builder, n Node, at Box) {
	fmt.Fprintf(b, `<g class="node %s" transform="translate(%g %g)">`, n.State, at.X, at.Y)
	if n.Title != "" {
		fmt.Fprintf(b, "<title>%s</title>", escaped(n.Title))
	}
	if n.Stack {
		fmt.Fprintf(b, `<rect class="under" x="5" y="5" width="%g" height="%g" rx="6"/>`, at.W, at.H)
	}
	fmt.Fprintf(b, `<rect class="box" width="%g" height="%g" rx="6"/>`, at.W, at.H)
	if n.State != "" {
		fmt.Fprintf(b, `<rect class="bar" x="0" y="8" width="4" height="%g" rx="2"/>`, at.H-16)
		fmt.Fprintf(b, `<text class="mark" x="%g" y="18" text-anchor="end">%s</text>`, at.W-10, marks[n.State])
	}
	y := 18.0
	if n.Note == "" {
		y = at.H/2 + 5
	}
	fmt.Fprintf(b, `<text x="14" y="%g">%s</text>`, y, escaped(shortened(n.Name)))
	if n.Note != "" {
		fmt.Fprintf(b, `<text class="note" x="14" y="35">%s</text>`, escaped(n.Note))
	}
	b.WriteString("</g>\n")
}

// escaped returns a text as XML has it.
func escaped(text string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(text)); err != nil {
		panic("draw: " + err.Error()) // a Builder takes everything
	}
	return b.String()
}
