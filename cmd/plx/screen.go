package main

import (
	"os"

	"golang.org/x/sys/unix"

	"plx/internal/ui"
)

// drawable returns the terminal on which something may be drawn: stderr, unless
// somebody wants plain lines.
func (a *app) drawable() *os.File {
	f, ok := a.stderr.(*os.File)
	if !ok || a.quiet || a.color.resolved() == colorNever || isPlain() {
		return nil
	}
	if _, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err != nil {
		return nil
	}
	return f
}

// draw draws on a terminal until done is called, and may read keys. What is told
// meanwhile stays above what is drawn.
func (a *app) draw(terminal *os.File, keys bool) (s *ui.Screen, done func()) {
	in, _ := a.stdin.(*os.File)
	before := a.stderr
	s = ui.Open(before, terminal, in, keys && isTerminal(in) && !isPipe(a.stdout))
	a.stderr = s
	a.screen.Store(s)
	return s, func() {
		a.screen.Store(nil)
		s.Close()
		a.stderr = before
	}
}

// isPipe reports whether something reads what is written to a stream. It may
// read keys as well: less does.
func isPipe(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeNamedPipe != 0
}
