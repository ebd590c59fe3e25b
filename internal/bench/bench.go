package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// budget is how long a tool may take for the rounds of a thing: one that
	// has taken longer does no more of them.
	budget = 40 * time.Second
	// settle is for how long a file must have been left alone for tools that
	// compare times to trust its time.
	settle = 2100 * time.Millisecond
)

// A bench measures.
type bench struct {
	options
	ctx    context.Context
	report *report
	stderr io.Writer
	start  time.Time
	paths  map[string]string // of the programs
	moved  int               // how much is done with: see aside
}

// allWorks are the works, in the order in which they are measured: what gc is
// measured on is deleted, so that is the last.
var allWorks = []string{"stages", "matching", "sweep", "data"}

// measureAll measures what the options ask for.
func measureAll(ctx context.Context, o options, stderr io.Writer) (*report, error) {
	dir, err := os.MkdirTemp(o.dir, "plx-bench-")
	if err != nil {
		return nil, err
	}
	defer remove(dir)
	b := &bench{options: o, ctx: ctx, stderr: stderr, start: time.Now(), paths: make(map[string]string)}
	b.options.dir = dir
	b.report = &report{Machine: thisMachine(dir)}
	if err := b.findPlx(); err != nil {
		return nil, err
	}
	for _, w := range allWorks {
		if !slices.Contains(o.works, w) {
			continue
		}
		if err := b.work(w); err != nil {
			return nil, fmt.Errorf("%s: %w", w, err)
		}
	}
	b.say("all is measured; what was made for it is removed")
	return b.report, nil
}

func (b *bench) work(name string) error {
	switch name {
	case "stages":
		return b.stages()
	case "data":
		return b.data()
	case "matching":
		return b.matching()
	case "sweep":
		return b.sweep()
	}
	panic("bench: no work " + name)
}

// findPlx builds plx, if no path was given.
func (b *bench) findPlx() error {
	path := b.plx
	if path == "" {
		path = filepath.Join(b.options.dir, "plx")
		build := exec.CommandContext(b.ctx, "go", "build", "-o", path, "./cmd/plx")
		build.Env = append(os.Environ(), "CGO_ENABLED=0") // as the README says: without libraries to be linked at each start
		build.Stderr = b.stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("go build ./cmd/plx: %v", err)
		}
	}
	var err error
	if b.paths[plxTool], err = filepath.Abs(path); err != nil {
		return err
	}
	b.paths[plxSandboxed] = b.paths[plxTool]
	b.found(toolVersion{Tool: plxTool, Version: versionOf(path, plxVersion)})
	if b.other == "" {
		return nil
	}
	b.paths[otherTool], err = filepath.Abs(b.other)
	b.found(toolVersion{Tool: otherTool, Version: versionOf(b.other, plxVersion)})
	return err
}

// found notes a tool, and says if it isn't there.
func (b *bench) found(v toolVersion) {
	b.report.Machine.Tools = append(b.report.Machine.Tools, v)
	if v.Out != "" {
		b.say("%s is left out: %s", v.Tool, v.Out)
	}
}

// wanted says whether the tool is to be measured.
func (b *bench) wanted(tool string) bool {
	return len(b.tools) == 0 || slices.Contains(b.tools, tool)
}

// say tells the person who waits what is done.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.stderr, "%6s  %s\n", sinceStart(b.start), fmt.Sprintf(format, args...))
}

// environment is what a tool gets: of this process's own the path only.
func (b *bench) environment(dir string, more ...string) []string {
	path := slices.DeleteFunc(os.Environ(), func(v string) bool { return !strings.HasPrefix(v, "PATH=") })
	return slices.Concat(path, []string{"HOME=" + dir, "TMPDIR=" + dir, "LANG=C.UTF-8"}, more)
}

// A contender is a tool at work on something, in a directory of its own.
type contender struct {
	tool
	dir   string
	wrote string  // the text of its source
	spent float64 // seconds of the samples of these rounds
	out   bool    // it takes too long, or can't
}

// A turn is what a contender does in a round.
type turn func(c *contender, round int) error

// inTurn runs the contenders in turn, for so many rounds, each of which another
// begins. A contender that has spent its budget does no further round.
func (b *bench) inTurn(rounds int, contenders []*contender, turns ...turn) error {
	for _, c := range contenders {
		c.spent = 0
	}
	for round := range rounds {
		first := round % max(len(contenders), 1)
		in := slices.Concat(contenders[first:], contenders[:first])
		in = slices.DeleteFunc(in, func(c *contender) bool { return c.spent > budget.Seconds() })
		for _, turn := range turns {
			for _, c := range in {
				if c.out {
					continue
				}
				if err := turn(c, round); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// sample measures a command for the contender. If it doesn't work, or takes
// too long, the contender is out.
func (b *bench) sample(c *contender, k key, cmd command) error {
	k.Tool = c.name
	row := b.report.row(k)
	s, err := cmd.run(b.ctx, b.limitOf(c))
	if err != nil {
		return b.leave(c, k, err)
	}
	row.Samples = append(row.Samples, s)
	c.spent += s.Wall
	if len(row.Samples) == 1 {
		b.say("%s: %s: %.3f s", heading(k), c.name, s.Wall)
	}
	return nil
}

// limitOf is how long a run may take. What plx takes is told, however long.
func (b *bench) limitOf(c *contender) time.Duration {
	if c.name == plxTool {
		return time.Hour
	}
	return b.limit
}

// leave takes the contender out. What is wrong with plx is an error; with
// another tool, it is told.
func (b *bench) leave(c *contender, k key, err error) error {
	if c.name == plxTool {
		return err
	}
	if c.left != "" {
		b.shell(c.dir, "", c.left).cmd.run(context.Background(), time.Minute)
	}
	if b.ctx.Err() != nil {
		return b.ctx.Err()
	}
	k.Tool, c.out = c.name, true
	b.report.row(k).Out = err.Error()
	b.say("%s: %s is left out: %v", heading(k), c.name, err)
	return nil
}

// aside moves what is done with out of the way. Nothing that has many files is
// deleted before all is measured: for minutes after that some file systems take
// longer to make a file, the more the more were deleted (ext4 passes over each
// of them when it looks for a free inode), and what is measured next would pay
// for it.
func (b *bench) aside(path string) error {
	dir := filepath.Join(b.options.dir, "done-with")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	b.moved++
	err := os.Rename(path, filepath.Join(dir, strconv.Itoa(b.moved)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// remove removes a directory, in which there may be directories that can't be
// written.
func remove(dir string) error {
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			os.Chmod(path, 0o777)
		}
		return nil
	})
	return os.RemoveAll(dir)
}

// sync writes to disk what was written before, so that what is measured next
// doesn't wait for it.
func sync() { syscall.Sync() }
