package ui

import (
	"fmt"
	"strings"
	"time"

	"plx/internal/realize"
)

// Lines draws the runs that are under way, and how far all of it is; or the log
// of one run.
func (l *Live) Lines(width, height int) (lines []string, whole bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.follow != nil {
		return l.logLines(width, height), true
	}
	shown := l.running[:min(len(l.running), height-1)]
	if len(shown) > 0 {
		l.forward.begin()
	}
	column := l.nameColumn(shown, width)
	for _, r := range shown {
		lines = append(lines, l.runLine(r, column, width))
	}
	return append(lines, l.bottom(width, len(l.running)-len(shown))), false
}

// nameColumn returns how many cells names get: as many as the longest has, but
// no more than two fifths of a wide terminal.
func (l *Live) nameColumn(shown []*run, columns int) int {
	longest := 8
	for _, r := range shown {
		longest = max(longest, Width(r.stage.Name)+Width(r.suffix()))
	}
	most := max(columns*2/5, 24)
	return max(min(longest, most, columns-logColumn), 1)
}

// logColumn is how many cells the time takes, with what separates it.
const logColumn = 9

// suffix tells a run from others of its stage.
func (r *run) suffix() string {
	switch {
	case r.waits || r.stage.Runs < 2 && r.number < 2:
		return ""
	case r.number > r.stage.Runs:
		return fmt.Sprintf(" run %d", r.number)
	}
	return fmt.Sprintf(" %d/%d", r.number, r.stage.Runs)
}

// runLine draws a run: its name, how long it has taken, how long that took
// before, and the last line of its log.
func (l *Live) runLine(r *run, column, columns int) string {
	name, suffix := r.stage.Name, r.suffix()
	if room := column - Width(suffix); room >= 4 {
		name = l.signs.fit(name, room) + suffix
	}
	name = Paint(Bold, l.signs.pad(name, column))
	line := "  " + name + fmt.Sprintf(" %6s", clock(l.now().Sub(r.began)))
	if columns < 50 {
		return l.signs.fit(line, columns)
	}
	expected := ""
	if r.expected = l.forward.of(r.stage); r.expected >= time.Second {
		expected = "of ~" + clock(r.expected)
	}
	said := r.what
	if said == "" {
		said = r.log.look()
	}
	return l.signs.fit(line+" "+Paint(Dim, fmt.Sprintf("%-8s", expected))+"  "+Paint(Dim, said), columns)
}

// bottom draws how far all of it is.
func (l *Live) bottom(columns, hidden int) string {
	text := Paint(Bold, fmt.Sprintf("%d/%d done", l.total-len(l.left), l.total))
	running := len(l.running)
	parts := []struct {
		n      int
		what   string
		colour Colour
	}{
		{l.count[realize.Failed], "failed", Red},
		{running, "running", ""},
		{l.count[realize.Built] + l.count[realize.Repeated] + l.count[realize.Checked], "built", Green},
		{l.count[realize.Adopted], "adopted", Yellow},
		{l.count[realize.Reused], "reused", Cyan},
		{l.count[realize.Skipped], "skipped", Yellow},
	}
	for _, p := range parts {
		if p.n == 0 {
			continue
		}
		part := fmt.Sprintf("%d %s", p.n, p.what)
		if p.what == "running" && hidden > 0 {
			part += fmt.Sprintf(" (%d not shown)", hidden)
		}
		text += l.signs.dot + Paint(p.colour, part)
	}
	if left := l.forward.left(l.left, l.running, l.now()); left >= time.Second {
		text += l.signs.dot + "~" + clock(left) + " left"
	}
	hint := "v: logs"
	if room := columns - Width(text) - len(hint); l.keys && running > 0 && room >= 2 {
		text += strings.Repeat(" ", room) + Paint(Dim, hint)
	}
	return l.signs.fit(text, columns)
}

// logLines draws the log of the run that is followed.
func (l *Live) logLines(columns, height int) []string {
	r := l.follow
	state := r.ended
	if state == "" {
		state = clock(l.now().Sub(r.began))
	}
	head := r.stage.Name + r.suffix() + l.signs.dot + state
	if r.what != "" {
		head += l.signs.dot + r.what
	}
	keys := "n next" + l.signs.dot + "p previous" + l.signs.dot + "q back"
	if columns < 50 {
		keys = "n" + l.signs.dot + "p" + l.signs.dot + "q"
	}
	head = l.signs.fit(head, columns-Width(keys)-4)
	lines := []string{Paint(Bold, head)}
	if room := columns - Width(head) - Width(keys) - 2; room > 0 {
		lines[0] += " " + Paint(Dim, strings.Repeat(l.signs.rule, room)+" "+keys)
	}
	for _, line := range r.log.lines(height - 1) {
		lines = append(lines, l.signs.fit(line, columns))
	}
	return lines
}
