package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"plx/internal/ui"
)

// A colorMode says when there are colours: --color, or else $NO_COLOR and
// $CLICOLOR_FORCE, as no-color.org and bixense.com/clicolors have them.
type colorMode string

// The modes.
const (
	colorAuto   colorMode = "auto" // on a terminal that has them
	colorAlways colorMode = "always"
	colorNever  colorMode = "never"
)

var colorModes = []colorMode{colorAuto, colorAlways, colorNever}

func (m *colorMode) String() string { return string(*m) }
func (m *colorMode) Type() string   { return "when" }

// Set reads the flag.
func (m *colorMode) Set(text string) error {
	if !slices.Contains(colorModes, colorMode(text)) {
		return fmt.Errorf("want one of %v", colorModes)
	}
	*m = colorMode(text)
	return nil
}

// resolved is auto only where nobody has asked for anything.
func (m colorMode) resolved() colorMode {
	force := os.Getenv("CLICOLOR_FORCE")
	switch {
	case m != "":
		return m
	case os.Getenv("NO_COLOR") != "":
		return colorNever
	case force != "" && force != "0":
		return colorAlways
	}
	return colorAuto
}

// paints reports whether what is written to a stream has colours.
func (a *app) paints(w io.Writer) bool {
	switch a.color.resolved() {
	case colorAlways:
		return true
	case colorNever:
		return false
	}
	if _, drawn := w.(*ui.Screen); drawn {
		return true
	}
	f, ok := w.(*os.File)
	return ok && isTerminal(f) && !isPlain()
}

// isPlain reports whether the environment is that of no person at a terminal.
func isPlain() bool {
	switch os.Getenv("TERM") {
	case "", "dumb":
		return true
	}
	switch os.Getenv("CI") {
	case "", "0", "false":
		return false
	}
	return true
}

// painted paints a text that goes to a stream, if that has colours.
func (a *app) painted(w io.Writer, colour ui.Colour, text string) string {
	if !a.paints(w) {
		return text
	}
	return ui.Paint(colour, text)
}

// paintDiff paints lines that tell how something differs.
func (a *app) paintDiff(lines []string) []string {
	if !a.paints(a.stdout) {
		return lines
	}
	for i, line := range lines {
		switch text := strings.TrimLeft(line, " "); {
		case strings.HasPrefix(text, "@@ "):
			lines[i] = ui.Paint(ui.Cyan, line)
		case strings.HasPrefix(text, "-"):
			lines[i] = ui.Paint(ui.Red, line)
		case strings.HasPrefix(text, "+"):
			lines[i] = ui.Paint(ui.Green, line)
		}
	}
	return lines
}
