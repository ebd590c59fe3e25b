package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"plx/internal/store"
	"plx/internal/ui"
)

// width returns how many cells a line on stdout may have; 0: any number,
// for it is no terminal.
func (a *app) width() int {
	f, ok := a.stdout.(*os.File)
	if !ok || !isTerminal(a.stdout) {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}

// resultTable prints a table.
func (a *app) resultTable(t ui.Table) error { return a.result(t.Lines(a.width())...) }

// shortLen is how many characters of a hash a table shows: of a million, hardly
// two begin so.
const shortLen = 10

// short returns the beginning of a reference, which stands for it.
func short[T store.DRef | store.RRef](ref T) string {
	text := fmt.Sprint(ref)
	return text[:min(len(text), len("rref:")+shortLen)]
}

// moment writes a time for people.
func moment(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }
