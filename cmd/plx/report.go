package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"plx/internal/plan"
	"plx/internal/realize"
	"plx/internal/report"
	"plx/internal/store"
)

// reportLimit is how many bytes of files and logs a page has that is one file:
// a mail program takes it, and a browser opens it at once.
const reportLimit = 24 << 20

type reportFlags struct {
	out  string
	json bool
}

func (a *app) reportCmd() *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use:   "report [flags] -o FILE.html|DIR/ [STAGE|DREF|RREF…]",
		Short: "Make a page to look at results, for any browser",
		Long: `Makes a page of the stages of the current plan, or of those named, of what they
need, and of all of their results: the graph, tables of runs to sort and to
filter, plots, pictures side by side, comparisons of runs, and where each result
comes from. It is one file, which opens in a browser without plx, without a
server and without the network. Nothing is run for it.

Logs, tables, texts and pictures are in it as long as they are no more than
24 MiB together, those of chosen results first. A directory (a name that ends in
/, or one that is there) has all of them: open DIR/index.html.`,
		Example: `  plx report -o report.html
  plx report 'train[*]' -o sweep.html
  plx report -o report/`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.report(cmd.Context(), f, args) },
	}
	cmd.Flags().StringVarP(&f.out, "output", "o", "", "write the page to `file`, or to a directory; - is stdout")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON: all that the page shows, but for the contents of files")
	return cmd
}

func (a *app) report(ctx context.Context, f reportFlags, args []string) error {
	if f.out == "" && !f.json {
		return &usageError{"say where to write the page: plx report -o report.html"}
	}
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	s.ReadOnce()
	dir, limit := isDir(f.out), int64(reportLimit)
	switch {
	case f.json:
		limit = 0
	case dir:
		limit = math.MaxInt64
	}
	src, err := a.reportSource(ctx, s, args, limit)
	if err != nil {
		return err
	}
	r, err := report.Collect(ctx, src)
	if err != nil {
		return err
	}
	if f.json {
		return a.resultJSON(r)
	}
	if files, bytes := r.Left(); files > 0 {
		a.say("left out of the page: %s (%s): plx report -o DIR/ has all", count(files, "file"), size(bytes))
	}
	switch {
	case f.out == "-":
		_, err = r.WriteTo(a.stdout)
		return err
	case dir:
		err = r.WriteDir(f.out)
		f.out = filepath.Join(f.out, "index.html")
	default:
		err = r.WriteFile(f.out)
	}
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return a.result(f.out)
}

// isDir tells whether a page is to be a directory.
func isDir(path string) bool {
	info, err := os.Stat(path)
	return strings.HasSuffix(path, "/") || err == nil && info.IsDir()
}

// reportSource returns what a page or a drawing is made of.
func (a *app) reportSource(ctx context.Context, s *store.Store, args []string, limit int64) (report.Source, error) {
	src := report.Source{Store: s, Values: lensValues{s}, Made: time.Now(), Version: version(), Limit: limit}
	var err error
	if src.Closure, err = reported(s, args); err != nil {
		return src, err
	}
	if record, err := plan.Newest("."); err == nil && src.Closure.FromFile() {
		src.File, src.Params = record.File(), record.Params()
	}
	z := &realize.Realizer{Store: s, Values: lensValues{s}, Observe: (&progress{app: a}).observe}
	src.Standings, err = z.Standings(ctx, src.Closure)
	return src, err
}

// reported returns the closure of what the arguments name: stages and sets of
// the current plan, or references. Without any it is all of the plan.
func reported(s *store.Store, args []string) (*plan.Closure, error) {
	if len(args) == 0 {
		return currentPlan(s)
	}
	c, stages, err := closureFor(s, args)
	if err != nil {
		return nil, err
	}
	return c.Below(stages...), nil
}
