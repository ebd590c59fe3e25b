package ui

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"plx/internal/builder/host"
)

// A pty is a terminal, and what a person sees of it.
type pty struct {
	master, slave *os.File
	mu            sync.Mutex
	all           strings.Builder
}

// openPTY returns a terminal of a size.
func openPTY(t *testing.T, columns, rows int) *pty {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	unix.SetNonblock(fd, true)
	p := &pty{master: os.NewFile(uintptr(fd), "/dev/ptmx")}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if p.slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Skip("no terminals here: ", err)
	}
	p.resize(t, columns, rows)
	t.Cleanup(func() { p.master.Close(); p.slave.Close() })
	go func() {
		data := make([]byte, 4096)
		for {
			n, err := p.master.Read(data)
			p.mu.Lock()
			p.all.Write(data[:n])
			p.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return p
}

func (p *pty) resize(t *testing.T, columns, rows int) {
	t.Helper()
	size := unix.Winsize{Col: uint16(columns), Row: uint16(rows)}
	if err := unix.IoctlSetWinsize(int(p.slave.Fd()), unix.TIOCSWINSZ, &size); err != nil {
		t.Fatal(err)
	}
}

// sees returns what is on a terminal of the size that was written to: all rows,
// those that have scrolled away first.
func (p *pty) sees(columns, rows int) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return emulate(p.all.String(), columns, rows)
}

// until waits until a terminal shows something.
func (p *pty) until(t *testing.T, columns, rows int, what string, ok func(rows []string) bool) {
	t.Helper()
	var seen []string
	for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(5 * time.Millisecond) {
		if seen = p.sees(columns, rows); ok(seen) {
			return
		}
	}
	t.Fatalf("%s: it doesn't happen. The terminal:\n%s", what, strings.Join(seen, "\n"))
}

// emulate is a terminal that knows what a [Screen] writes, and nothing else. It
// returns all rows that there have been.
func emulate(text string, columns, rows int) []string {
	var grid, kept []string
	grid = []string{""}
	top, row, column := 0, 0, 0
	put := func(r rune, cells int) {
		if column+cells > columns {
			row, column = row+1, 0
		}
		for row >= len(grid) {
			grid = append(grid, "")
		}
		line := []rune(grid[row])
		for len(line) <= column {
			line = append(line, ' ')
		}
		line[column] = r
		grid[row] = string(line)
		for i := 1; i < cells; i++ { // the rest of a wide character
			line = append(line[:column+i], append([]rune{0}, line[min(column+i, len(line)):]...)...)
			grid[row] = string(line)
		}
		column += cells
	}
	for text != "" {
		switch {
		case text[0] == '\r':
			column, text = 0, text[1:]
		case text[0] == '\n':
			row, text = row+1, text[1:]
			for row >= len(grid) {
				grid = append(grid, "")
			}
		case strings.HasPrefix(text, "\x1b["):
			end := 2 + strings.IndexFunc(text[2:], func(r rune) bool { return r >= '@' })
			if end < 2 { // the rest is on its way
				return grid
			}
			argument, command := text[2:end], text[end]
			text = text[end+1:]
			switch command {
			case 'A':
				n := 1
				fmt.Sscan(argument, &n)
				row = max(row-n, top)
			case 'J':
				grid = grid[:row+1]
				grid[row] = string([]rune(grid[row])[:min(column, len([]rune(grid[row])))])
			case 'K':
				grid[row] = string([]rune(grid[row])[:min(column, len([]rune(grid[row])))])
			case 'H':
				row, column = top, 0
			case 'h', 'l':
				if argument == "?1049" && command == 'h' {
					kept = slices.Clone(grid)
				} else if argument == "?1049" {
					grid, row, column = kept, len(kept)-1, len([]rune(kept[len(kept)-1]))
				}
			case 'm':
			default:
				panic("a terminal is not told " + argument + string(command))
			}
		default:
			r, n := utf8.DecodeRuneInString(text)
			put(r, Width(string(r)))
			text = text[n:]
		}
		top = max(top, row-rows+1)
	}
	for i, line := range grid {
		grid[i] = strings.TrimRight(strings.ReplaceAll(line, "\x00", ""), " ")
	}
	return grid
}

// fixed is a view of lines.
type fixed struct {
	mu    sync.Mutex
	lines []string
	whole bool
	typed string
}

func (f *fixed) Lines(columns, rows int) ([]string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines []string
	for _, line := range f.lines[:min(rows, len(f.lines))] {
		lines = append(lines, newSigns().fit(line, columns))
	}
	return lines, f.whole
}

func (f *fixed) Key(key byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.typed += string(key)
}

func (f *fixed) set(whole bool, lines ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines, f.whole = lines, whole
}

// TestScreenKeeps: whatever is drawn, what was written stays, all of it, in
// order, and once; and of what was drawn nothing is left.
func TestScreenKeeps(t *testing.T) {
	t.Setenv("LC_ALL", "C.UTF-8")
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 1))
		columns, rows := 5+rng.IntN(80), 2+rng.IntN(12)
		p := openPTY(t, columns, rows)
		view := &fixed{}
		s := &Screen{out: p.slave, tty: newTTY(p.slave, nil, false), view: view, stop: make(chan struct{})}
		var want []string
		for i := range 50 {
			for range rng.IntN(3) {
				line := fmt.Sprintf("%d %sw", i, strings.Repeat("w", rng.IntN(max(columns-4, 1))))
				line = strings.TrimRight(line[:min(len(line), columns)], " ")
				want = append(want, line)
				fmt.Fprintln(s, line)
			}
			var lines []string
			for range rng.IntN(2 * rows) {
				lines = append(lines, strings.Repeat("漢x", rng.IntN(columns))+"|")
			}
			view.set(len(lines) > 0 && rng.IntN(5) == 0, lines...)
			s.frame()
		}
		s.Close()
		fmt.Fprintln(s, "end")
		want = append(want, "end", "")
		p.until(t, columns, rows, fmt.Sprintf("seed %d: the end", seed), func(seen []string) bool {
			return len(seen) > 1 && seen[len(seen)-2] == "end"
		})
		if got := p.sees(columns, rows); !slices.Equal(got, want) {
			t.Fatalf("seed %d, %d×%d: got\n%s\nwant\n%s", seed, columns, rows, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// TestScreenKeys: keys are read as they are typed, and the terminal is as it was
// afterwards.
func TestScreenKeys(t *testing.T) {
	p := openPTY(t, 80, 24)
	before, err := unix.IoctlGetTermios(int(p.slave.Fd()), host.GetTermios)
	if err != nil {
		t.Fatal(err)
	}
	view := &fixed{lines: []string{"here"}}
	s := Open(p.slave, p.slave, p.slave, true)
	s.Show(view)
	p.until(t, 80, 24, "it is drawn", func(seen []string) bool { return slices.Contains(seen, "here") })
	p.master.WriteString("vn\x1b[C")
	p.until(t, 80, 24, "keys are read", func([]string) bool {
		view.mu.Lock()
		defer view.mu.Unlock()
		return view.typed == "vnC"
	})
	s.Close()
	after, err := unix.IoctlGetTermios(int(p.slave.Fd()), host.GetTermios)
	if err != nil || *after != *before {
		t.Errorf("the mode is %+v, was %+v, %v", after, before, err)
	}
}

// TestScreenNarrower: lines of a terminal that has become narrower take more
// rows, and all of them go.
func TestScreenNarrower(t *testing.T) {
	s := &Screen{lines: []string{strings.Repeat("x", 79), "y", strings.Repeat("漢", 30)}}
	var b strings.Builder
	s.back(&b, 40)
	if want := "\r\x1b[4A\x1b[J"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}
