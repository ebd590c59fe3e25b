package ui

import (
	"bytes"
	"os"
	"strings"
)

// A grown is a log that grows. It is opened when it is first looked at: that of
// a stage that takes no time never is.
type grown struct {
	path string
	file *os.File
	size int64  // when it was last looked at
	last string // its last line then
}

// look returns the last line that has something in it.
func (g *grown) look() string {
	if !g.open() {
		return ""
	}
	info, err := g.file.Stat()
	if err != nil || info.Size() == g.size {
		return g.last
	}
	g.size = info.Size()
	const most = 4096 // bytes: as much of a line as anybody sees
	lines := lastLines(g.file, g.size, most)
	for i := len(lines) - 1; i >= 0; i-- {
		if line := strings.TrimSpace(Clean(lines[i])); line != "" {
			g.last = strings.ReplaceAll(line, "\t", " ")
			break
		}
	}
	return g.last
}

// lines returns the last n lines.
func (g *grown) lines(n int) []string {
	if !g.open() {
		return nil
	}
	info, err := g.file.Stat()
	if err != nil {
		return nil
	}
	const most = 128 << 10 // bytes: more than a screen holds
	lines := lastLines(g.file, info.Size(), most)
	lines = lines[max(0, len(lines)-n):]
	for i, line := range lines {
		lines[i] = strings.ReplaceAll(Clean(line), "\t", "    ")
	}
	return lines
}

func (g *grown) open() bool {
	if g.file == nil && g.path != "" {
		g.file, _ = os.Open(g.path)
	}
	return g.file != nil
}

func (g *grown) close() {
	if g.file != nil {
		g.file.Close()
		g.file = nil
	}
	g.path = ""
}

// lastLines returns the lines in the last bytes of a file of the size.
func lastLines(f *os.File, size, most int64) []string {
	data := make([]byte, min(size, most))
	n, _ := f.ReadAt(data, max(0, size-most))
	data = bytes.TrimRight(data[:n], "\n")
	if len(data) == 0 {
		return nil
	}
	lines := strings.Split(string(data), "\n")
	if size > most && len(lines) > 1 {
		lines = lines[1:] // but for the rest of one
	}
	return lines
}
