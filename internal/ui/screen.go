package ui

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// frameTime is how often a screen is drawn at most: ten times a second looks
// alive, and costs next to nothing.
const frameTime = 100 * time.Millisecond

// A View is what changes on a screen.
type View interface {
	// Lines returns what is to be drawn, at most height lines of at most width
	// cells, and whether they are to have the whole screen for themselves.
	Lines(width, height int) (lines []string, whole bool)

	// Key is told what was typed.
	Key(key byte)
}

// A Screen draws on a terminal, from the first frame after it was opened until
// it is closed.
type Screen struct {
	mu    sync.Mutex
	out   io.Writer
	tty   *tty
	view  View
	text  bytes.Buffer // that is to stay, and is not drawn yet
	lines []string     // that are drawn
	width int          // of the terminal when they were
	whole bool         // they have the whole screen
	still bool         // nothing is drawn: the screen is paused, or closed

	stop    chan struct{}
	stopped sync.WaitGroup
}

// Open returns a screen on the terminal, to which out writes. With keys it
// reads from the terminal in.
func Open(out io.Writer, terminal, in *os.File, keys bool) *Screen {
	s := &Screen{out: out, tty: newTTY(terminal, in, keys), stop: make(chan struct{})}
	s.stopped.Go(s.draw)
	return s
}

// HasKeys reports whether it reads what is typed.
func (s *Screen) HasKeys() bool { return s.tty.keys }

// Show draws a view from now on; nil: none.
func (s *Screen) Show(v View) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view = v
}

// Write writes text that stays, above what is drawn.
func (s *Screen) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lines == nil || s.still {
		if s.text.Len() == 0 {
			return s.out.Write(text)
		}
	}
	return s.text.Write(text)
}

// draw draws until the screen is closed.
func (s *Screen) draw() {
	ticks := time.NewTicker(frameTime)
	defer ticks.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-ticks.C:
			s.frame()
		}
	}
}

// frame draws once.
func (s *Screen) frame() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.still || !s.tty.foreground() {
		s.leave()
		return
	}
	var lines []string
	columns, rows := s.tty.size()
	whole := false
	if s.view != nil {
		lines, whole = s.view.Lines(columns-1, max(rows-1, 1))
	}
	if lines != nil && s.tty.begin() {
		s.stopped.Go(s.read)
	}
	if whole == s.whole && columns == s.width && slices.Equal(lines, s.lines) && (s.text.Len() == 0 || whole) {
		return
	}
	var b strings.Builder
	b.WriteString(beginFrame)
	s.swap(&b, columns, whole)
	if whole {
		drawWhole(&b, lines)
	} else {
		s.back(&b, columns)
		s.stay(&b)
		b.WriteString(strings.Join(lines, "\r\n"))
	}
	b.WriteString(endFrame)
	io.WriteString(s.out, b.String()) // a terminal that is gone ends plx by a signal
	s.lines, s.width = lines, columns
}

// What a terminal is told. Those that don't know of frames pass over them.
const (
	beginFrame = "\x1b[?2026h"
	endFrame   = "\x1b[?2026l"
	eraseBelow = "\x1b[J"
	eraseRight = "\x1b[K"
	home       = "\x1b[H"
	enterWhole = "\x1b[?1049h"
	leaveWhole = "\x1b[?1049l"
)

// swap goes to the other of a terminal's two screens, if that is wanted. What
// is on the one is there still when it comes back.
func (s *Screen) swap(b *strings.Builder, columns int, whole bool) {
	switch {
	case whole && !s.whole:
		s.back(b, columns)
		b.WriteString(enterWhole)
	case s.whole && !whole:
		b.WriteString(leaveWhole)
	default:
		return
	}
	s.whole, s.lines = whole, nil
}

// drawWhole draws the whole of a screen.
func drawWhole(b *strings.Builder, lines []string) {
	b.WriteString(home)
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(line + eraseRight)
	}
	b.WriteString(eraseBelow)
}

// back erases what is drawn. In a terminal that has become narrower, its lines
// take more rows than they did.
func (s *Screen) back(b *strings.Builder, columns int) {
	if len(s.lines) == 0 {
		return
	}
	rows := 0
	for _, line := range s.lines {
		rows += max(1, (Width(line)+columns-1)/columns)
	}
	b.WriteByte('\r')
	if rows > 1 {
		fmt.Fprintf(b, "\x1b[%dA", rows-1)
	}
	b.WriteString(eraseBelow)
}

// stay writes the text that stays.
func (s *Screen) stay(b *strings.Builder) {
	if s.text.Len() == 0 {
		return
	}
	b.Write(s.text.Bytes())
	if !bytes.HasSuffix(s.text.Bytes(), []byte("\n")) {
		b.WriteByte('\n')
	}
	s.text.Reset()
}

// leave erases what is drawn, and gives the terminal back. In the background it
// is not plx's to erase.
func (s *Screen) leave() {
	var b strings.Builder
	if s.tty.foreground() {
		columns, _ := s.tty.size()
		s.swap(&b, columns, false)
		s.back(&b, columns)
	}
	s.whole, s.lines = false, nil
	s.stay(&b)
	if b.Len() > 0 {
		io.WriteString(s.out, b.String())
	}
	s.tty.end()
}

// read tells the view of what is typed.
func (s *Screen) read() {
	for {
		keys, ok := s.tty.read()
		if !ok {
			return
		}
		s.mu.Lock()
		for _, key := range keys {
			if s.view != nil {
				s.view.Key(key)
			}
		}
		s.mu.Unlock()
		s.frame()
	}
}

// Pause gives the terminal back, until resume is called.
func (s *Screen) Pause() (resume func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.still = true
	s.leave()
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.still = false
	}
}

// Close gives the terminal back for good. What is written later goes there
// without more.
func (s *Screen) Close() {
	s.Pause()
	close(s.stop)
	s.tty.close()
	s.stopped.Wait()
}
