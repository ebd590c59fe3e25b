package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// The runs of the work of stages, in the order in which they are measured.
const (
	firstBuild     = "first build"
	nothingChanged = "nothing changed"
	sourceChanged  = "source changed"
	changedBack    = "changed back"
	sourceTouched  = "source touched"
	commentChanged = "comment changed"
)

// stageRuns are all of them.
var stageRuns = []string{firstBuild, nothingChanged, sourceChanged, changedBack, sourceTouched, commentChanged}

// stages measures the work of stages, in each shape and size.
func (b *bench) stages() error {
	var found []tool
	for _, t := range stageTools() {
		if b.wanted(t.name) && b.locate(t) {
			found = append(found, t)
		}
	}
	for _, shape := range b.shapes {
		gone := make(map[string]string)
		for _, n := range b.sizes {
			if err := b.stagesOf(work{shape, n}, found, gone); err != nil {
				return err
			}
		}
	}
	return nil
}

// locate looks for the tool's programs.
func (b *bench) locate(t tool) bool {
	if t.program == plxTool {
		return b.paths[t.name] != ""
	}
	path, v := find(t.name, t.program, t.version)
	if t.needs != "" && path != "" {
		_, v = find(t.name, t.needs, t.version)
	}
	b.paths[t.name] = path
	b.found(v)
	return v.Out == ""
}

// quickRounds is how much more often runs are measured that find nothing to do:
// they are short, and what else the machine does shows in them.
const quickRounds = 3

// A stageWork is a work of stages that is measured.
type stageWork struct {
	*bench
	work
	all  []*contender
	gone map[string]string // the tools that were given up at a smaller size, with the reason
}

// stagesOf measures one shape and size.
func (b *bench) stagesOf(w work, tools []tool, gone map[string]string) error {
	dir := filepath.Join(b.options.dir, w.shape+"-"+strconv.Itoa(w.n))
	s := &stageWork{bench: b, work: w, gone: gone}
	for _, t := range tools {
		if why := gone[t.name]; why != "" {
			b.report.row(s.key(firstBuild, t.name)).Out = why
			continue
		}
		s.all = append(s.all, &contender{tool: t, dir: filepath.Join(dir, t.name)})
	}
	if err := s.warm(); err != nil {
		return err
	}
	if err := b.inTurn(b.rounds, s.all, s.first); err != nil {
		return err
	}
	if err := b.inTurn(1, s.all, s.check); err != nil {
		return err
	}
	s.giveUp()
	time.Sleep(settle)
	if err := b.inTurn(quickRounds*b.rounds, s.all, s.unchanged); err != nil {
		return err
	}
	if err := b.inTurn(b.rounds, s.all, s.edits()...); err != nil {
		return err
	}
	return b.inTurn(1, s.all, s.check)
}

// edits are the turns of a round in which the source is edited.
func (s *stageWork) edits() []turn {
	steps := []struct {
		run  string
		turn turn
	}{
		{sourceChanged, s.changed}, {changedBack, s.changedBack}, {sourceTouched, s.touched}, {commentChanged, s.commented},
	}
	var turns []turn
	for _, step := range steps {
		// Nothing is changed back that wasn't changed.
		if s.measures(step.run) || step.run == sourceChanged && s.measures(changedBack) {
			turns = append(turns, step.turn)
		}
	}
	return turns
}

// measures says whether the run is to be measured.
func (s *stageWork) measures(run string) bool { return slices.Contains(s.run, run) }

func (s *stageWork) key(run, tool string) key {
	return key{Work: "stages", Shape: s.shape, N: s.n, Run: run, Tool: tool}
}

// warm lets each tool build a few stages, so that the first of them to be
// measured finds its program in memory, as the others do.
func (s *stageWork) warm() error {
	for _, c := range s.all {
		if err := s.begin(c, work{s.shape, 10}); err != nil {
			return err
		}
		if _, err := s.command(c).run(s.ctx, s.limitOf(c)); err != nil {
			if err := s.leave(c, s.key(firstBuild, ""), err); err != nil {
				return err
			}
		}
	}
	return s.ctx.Err()
}

// begin makes a new directory for the contender, with the work in it.
func (s *stageWork) begin(c *contender, w work) error {
	if err := s.aside(c.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(c.dir, 0o777); err != nil {
		return err
	}
	for name, text := range c.files(w) {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o666); err != nil {
			return err
		}
	}
	if err := s.edit(c, "as it was", "as it was"); err != nil || c.init == "" {
		return err
	}
	_, err := s.script(c, c.init).run(s.ctx, time.Hour)
	return err
}

// edit writes the source.
func (s *stageWork) edit(c *contender, text, comment string) error {
	c.wrote = text
	return os.WriteFile(filepath.Join(c.dir, sourceFile), []byte(source(text, comment)), 0o666)
}

// command makes what isn't there.
func (s *stageWork) command(c *contender) command {
	return command{
		args: append([]string{s.paths[c.name]}, c.args...),
		dir:  c.dir,
		env:  s.environment(c.dir, c.env(c.dir)...),
	}
}

// script is a shell's, which finds the program as $0, and the number of the
// last stage as $1.
func (s *stageWork) script(c *contender, text string) command {
	cmd := s.command(c)
	cmd.args = []string{"/bin/sh", "-c", text, cmd.args[0], strconv.Itoa(s.n)}
	return cmd
}

func (s *stageWork) first(c *contender, round int) error {
	if round > 0 && !s.measures(firstBuild) {
		return nil
	}
	if err := s.begin(c, s.work); err != nil {
		return err
	}
	sync()
	return s.sample(c, s.key(firstBuild, c.name), s.command(c))
}

// giveUp takes out the tools that can't do more than a first build, and those
// that would take too long at ten times the size.
func (s *stageWork) giveUp() {
	for _, c := range s.all {
		row := s.report.row(s.key(firstBuild, c.name))
		switch {
		case c.out:
			s.gone[c.name] = row.Out
		case 10*row.median().Wall > s.limit.Seconds() && c.program != plxTool:
			s.gone[c.name] = fmt.Sprintf("would take over %v: it took %s s for %s", s.limit, seconds(row.median().Wall), thousands(s.n))
		}
		c.out = c.out || c.once
	}
}

func (s *stageWork) unchanged(c *contender, round int) error {
	if !s.measures(nothingChanged) {
		return nil
	}
	if round == 0 {
		if _, err := s.command(c).run(s.ctx, s.limitOf(c)); err != nil {
			return s.leave(c, s.key(nothingChanged, ""), err)
		}
	}
	return s.sample(c, s.key(nothingChanged, c.name), s.command(c))
}

// changed gives the source a text that it never had.
func (s *stageWork) changed(c *contender, round int) error {
	if err := s.edit(c, "changed "+strconv.Itoa(round), "as it was"); err != nil {
		return err
	}
	return s.sample(c, s.key(sourceChanged, c.name), s.command(c))
}

func (s *stageWork) changedBack(c *contender, _ int) error {
	if err := s.edit(c, "as it was", "as it was"); err != nil {
		return err
	}
	return s.sample(c, s.key(changedBack, c.name), s.command(c))
}

// touched gives the source another time.
func (s *stageWork) touched(c *contender, _ int) error {
	now := time.Now()
	if err := os.Chtimes(filepath.Join(c.dir, sourceFile), now, now); err != nil {
		return err
	}
	return s.sample(c, s.key(sourceTouched, c.name), s.command(c))
}

// commented gives the source a comment that it never had: the first stage
// makes of it what it made before.
func (s *stageWork) commented(c *contender, round int) error {
	if err := s.edit(c, "as it was", "changed "+strconv.Itoa(round)); err != nil {
		return err
	}
	return s.sample(c, s.key(commentChanged, c.name), s.command(c))
}

// check compares what the last stage made with what it should be: a tool that
// doesn't do the work is not measured.
func (s *stageWork) check(c *contender, _ int) error {
	script := c.result
	if script == "" {
		script = `cat "o$1"`
	}
	cmd := s.script(c, script)
	cmd.out = filepath.Join(c.dir, "result")
	if _, err := cmd.run(s.ctx, time.Hour); err != nil {
		return err
	}
	got, err := os.ReadFile(cmd.out)
	if err != nil {
		return err
	}
	if want := fmt.Sprintf("s%d %s\n", s.n, c.wrote); string(got) != want {
		return fmt.Errorf("%s: stage %d made %q, not %q", c.name, s.n, got, want)
	}
	return nil
}
