package main

import (
	"fmt"
	"path/filepath"
	"time"
)

// The sizes of the works that only plx does.
const (
	fewRuns     = 10
	manyRuns    = 1000
	sweepAxis   = 100 // values of each of two axes
	sweepPoints = sweepAxis * sweepAxis
)

// matching measures choosing the best 10 realizations of few and of many.
func (b *bench) matching() error {
	sizes := map[*contender]int{}
	var all []*contender
	for _, n := range []int{fewRuns, manyRuns} {
		c := &contender{tool: tool{name: plxTool}, dir: filepath.Join(b.options.dir, fmt.Sprint("matching-", n))}
		if err := plxProject(c.dir, matchingFile(n)); err != nil {
			return err
		}
		sizes[c] = n
		all = append(all, c)
	}
	time.Sleep(settle)
	realize := func(run string) turn {
		return func(c *contender, _ int) error {
			k := key{Work: "matching", Shape: "best 10", N: sizes[c], Run: run}
			return b.sample(c, k, b.plxTrial(c.dir, "realize", "--sandbox=off", "-j2", "stage.toml").cmd)
		}
	}
	if err := b.inTurn(1, all, realize(firstBuild)); err != nil {
		return err
	}
	time.Sleep(settle)
	warm := func(c *contender, _ int) error {
		_, err := b.plxTrial(c.dir, "realize", "--sandbox=off", "-j2", "stage.toml").cmd.run(b.ctx, time.Hour)
		return err
	}
	if err := b.inTurn(1, all, warm); err != nil {
		return err
	}
	return b.inTurn(b.rounds, all, realize(nothingChanged))
}

// matchingFile is a stage that is run n times, and the best 10 are wanted.
func matchingFile(n int) string {
	return fmt.Sprintf(`[stage.train]
outputs  = { metrics = "metrics.json" }
metrics  = ["metrics"]
runs     = %d
max-runs = %d
match    = { best = 10, by = "metrics.score" }
run      = 'echo "{\"score\": $PLX_RUN}" > "$metrics"'
`, n, n)
}

// sweep measures a stage for each point of a matrix.
func (b *bench) sweep() error {
	dir := filepath.Join(b.options.dir, "sweep")
	if err := plxProject(dir, sweepFile()); err != nil {
		return err
	}
	time.Sleep(settle)
	k := key{Work: "sweep", Shape: "matrix", N: sweepPoints}
	fresh := b.plxTrial(dir, "instantiate", "stage.toml").after(b.clearing(dir, "store", ".plx"))
	build := b.plxTrial(dir, "realize", "--sandbox=off", "-j2", "stage.toml").after(b.clearing(dir, "store", ".plx"))
	build.cold = true
	build.once = true
	for _, step := range []struct {
		run   string
		trial trial
	}{
		{"instantiate", fresh},
		{"instantiate again", b.plxTrial(dir, "instantiate", "stage.toml")},
		{firstBuild, build},
		{nothingChanged, b.plxTrial(dir, "realize", "--sandbox=off", "-j2", "stage.toml")},
	} {
		k.Run = step.run
		if err := b.trials(k, step.trial); err != nil {
			return err
		}
	}
	return nil
}

// sweepFile has a matrix of two axes.
func sweepFile() string {
	values := "0"
	for i := 1; i < sweepAxis; i++ {
		values += fmt.Sprint(", ", i)
	}
	return fmt.Sprintf(`[stage.point]
matrix  = { x = [%s], y = [%s] }
outputs = { o = "o" }
run     = 'echo "$x $y" > "$o"'
`, values, values)
}
