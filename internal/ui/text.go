package ui

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/clipperhouse/displaywidth"
)

// sequences are what programs write to do something to a terminal: set colours,
// move the cursor, set the title.
var sequences = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|[\\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\\\)?|[ -/]+[0-~]|[0-OQ-WYZ=>\\\\`-~])")
})

// Clean returns a line of a log so that it does nothing to a terminal but show:
// without colours, and without what a carriage return wrote over.
func Clean(line string) string {
	if strings.IndexByte(line, 0x1b) >= 0 {
		line = sequences().ReplaceAllString(line, "")
	}
	line = strings.TrimRight(line, "\r")
	return strings.Map(func(r rune) rune {
		if r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, line[strings.LastIndexByte(line, '\r')+1:])
}

// Size writes a number of bytes for people.
func Size(n int64) string {
	const unit = 1024
	switch {
	case n == 1:
		return "1 byte"
	case n < unit:
		return fmt.Sprintf("%d bytes", n)
	}
	f, i := float64(n)/unit, 0
	for f >= unit && i < 4 {
		f, i = f/unit, i+1
	}
	return fmt.Sprintf("%.1f %ciB", f, "KMGTP"[i])
}

// clock writes a time as clocks do.
func clock(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// cells measures text that may have colours.
var cells = displaywidth.Options{ControlSequences: true}

// Width returns how many cells of a terminal a text takes.
func Width(text string) int { return cells.String(text) }

// signs are the characters with which something is drawn.
type signs struct{ done, reused, failed, dot, cut, rule string }

// newSigns returns those that the terminal can show.
func newSigns() signs {
	if HasUTF8() {
		return signs{"✓", "=", "✗", " · ", "…", "─"}
	}
	return signs{"+", "=", "x", ", ", "~", "-"}
}

// HasUTF8 reports whether the terminal is said to show UTF-8.
func HasUTF8() bool {
	locale := os.Getenv("LC_ALL")
	if locale == "" {
		locale = os.Getenv("LC_CTYPE")
	}
	if locale == "" {
		locale = os.Getenv("LANG")
	}
	locale = strings.ToLower(locale)
	return strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
}

// fit cuts a text to so many cells.
func (s signs) fit(text string, n int) string {
	if n <= 0 {
		return ""
	}
	return cells.TruncateString(text, n, s.cut)
}

// pad cuts or fills a text to so many cells.
func (s signs) pad(text string, n int) string {
	text = s.fit(text, n)
	return text + strings.Repeat(" ", max(0, n-Width(text)))
}

// A Colour is what a terminal is told so that text looks so.
type Colour string

// The colours, all of which every terminal has.
const (
	Bold   Colour = "\x1b[1m"
	Dim    Colour = "\x1b[2m"
	Red    Colour = "\x1b[31m"
	Green  Colour = "\x1b[32m"
	Yellow Colour = "\x1b[33m"
	Cyan   Colour = "\x1b[36m"
	reset         = "\x1b[m"
)

// Paint returns a text in a colour; "": in none.
func Paint(colour Colour, text string) string {
	if text == "" || colour == "" {
		return text
	}
	return string(colour) + text + reset
}
