// Command bench measures plx side by side with the tools that people would
// pick instead, doing the same work, and holds it to its bars.
//
// It makes the same work for each tool, runs the tools in turn (A B A B …) and
// prints medians of wall time, CPU time and peak memory, with their ratios to
// plx's. A tool that is not installed is left out with a word. What is measured,
// and how, docs/benchmarks.md says, which this command writes.
//
// It knows plx as its users do: as a binary that it builds and runs.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 3 && os.Args[1] == measureArg {
		os.Exit(measureMain(os.Args[2], os.Args[3:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	met, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	case !met:
		os.Exit(1)
	}
}

// options are what the flags say.
type options struct {
	works, shapes, tools []string
	run                  []string
	sizes                []int
	rounds               int
	limit                time.Duration
	bars                 bool
	json, doc, dir       string
	plx, other           string
	runs                 []string
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	var works, shapes, tools, sizes, run string
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprintln(stderr, "usage: go run ./internal/bench [flags] [RUN.json…]\n\nMeasures, or, given the JSON of earlier runs, prints what they gave.")
		f.PrintDefaults()
	}
	f.StringVar(&works, "work", strings.Join(allWorks, ","), "measure these `works`")
	f.StringVar(&shapes, "shape", chain+","+fanOut, "measure stages in these `shapes`")
	f.StringVar(&run, "run", strings.Join(stageRuns, ","), "measure these `runs` of stages")
	f.StringVar(&sizes, "n", "100,1000,10000", "measure so many stages: `numbers`")
	f.StringVar(&tools, "tools", "", "measure these `tools` only (default all that are installed)")
	f.IntVar(&o.rounds, "rounds", 5, "run each tool `n` times, or fewer if it takes long")
	f.DurationVar(&o.limit, "limit", 120*time.Second, "leave out a tool where a run of it takes longer than `time`")
	f.BoolVar(&o.bars, "bars", false, "print the table of bars too; exit with status 1 if one is missed")
	f.StringVar(&o.json, "json", "", "write what was measured to `file`")
	f.StringVar(&o.doc, "doc", "", "write the page docs/benchmarks.md to `file`")
	f.StringVar(&o.dir, "dir", "", "work in a new directory below `dir` (default the system's for temporary files)")
	f.StringVar(&o.plx, "plx", "", "measure the plx at `path` (default: build ./cmd/plx)")
	f.StringVar(&o.other, "other", "", "measure another plx beside it: the one at `path`")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.works, o.shapes, o.runs = split(works), split(shapes), f.Args()
	o.tools, o.run = split(tools), split(run)
	for _, s := range split(sizes) {
		n, err := strconv.Atoi(s)
		if err != nil || n < 2 {
			return o, fmt.Errorf("-n %s: a number of stages from 2", s)
		}
		o.sizes = append(o.sizes, n)
	}
	slices.Sort(o.sizes)
	return o, o.check()
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
}

// check finds words that mean nothing.
func (o *options) check() error {
	if err := known("-work", o.works, allWorks); err != nil {
		return err
	}
	if err := known("-shape", o.shapes, []string{chain, fanOut}); err != nil {
		return err
	}
	if err := known("-run", o.run, stageRuns); err != nil {
		return err
	}
	if o.rounds < 1 {
		return fmt.Errorf("-rounds %d: at least 1", o.rounds)
	}
	return known("-tools", o.tools, toolNames())
}

func known(flag string, words, all []string) error {
	for _, w := range words {
		if !slices.Contains(all, w) {
			return fmt.Errorf("%s %s: there are %s", flag, w, strings.Join(all, ", "))
		}
	}
	return nil
}

// run measures, or reads what was measured, and prints it. It says whether all
// bars are met that were asked for.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (met bool, err error) {
	o, err := parseOptions(args, stderr)
	if err != nil {
		return false, err
	}
	var r *report
	if len(o.runs) > 0 {
		r, err = readReports(o.runs)
	} else {
		r, err = measureAll(ctx, o, stderr)
	}
	if err != nil {
		return false, err
	}
	r.Bars = judge(r, bars())
	if err := writeFiles(r, o); err != nil {
		return false, err
	}
	printTable(stdout, r)
	if !o.bars {
		return true, nil
	}
	printBars(stdout, r.Bars)
	return !slices.ContainsFunc(r.Bars, verdict.missed), nil
}

func writeFiles(r *report, o options) error {
	if o.json != "" {
		if err := r.write(o.json); err != nil {
			return err
		}
	}
	if o.doc != "" {
		text, err := page(r)
		if err != nil {
			return err
		}
		return os.WriteFile(o.doc, []byte(text), 0o666)
	}
	return nil
}
