package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"plx/internal/graph"
	"plx/internal/plan"
	"plx/internal/realize"
	"plx/internal/report"
	"plx/internal/store"
	"plx/internal/ui"
)

type graphFlags struct{ svg, dot, mermaid, ascii, unfold, realizations, json bool }

func (a *app) graphCmd() *cobra.Command {
	var f graphFlags
	cmd := &cobra.Command{
		Use:   "graph [flags] [STAGE|REF…]",
		Short: "Draw what depends on what",
		Long: `Draws the stages of the current plan, or, where there is none yet, of stage.toml;
or those that the named ones depend on, with what there is of each: done; to
build; open, which depends on what is to be built; or failed. A line leads down
from each stage to those that depend on it. The points of a sweep are one, with
their number. A graph that would need too many lines beside each other is written
as a list.

With --realizations the realizations are drawn that matchers have chosen, with
what they were built from.

With --svg it is the picture that plx report has, laid out from left to right
without Graphviz: each box tells how far a stage is, how many results there are
of it, and how long they took.`,
		Example: `  plx graph
  plx graph report --unfold
  plx graph --svg > graph.svg
  plx graph --dot | dot -Tpdf > graph.pdf
  plx graph --mermaid >> README.md`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.graph(cmd.Context(), f, args) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.svg, "svg", false, "write a picture")
	flags.BoolVar(&f.dot, "dot", false, "write it for Graphviz")
	flags.BoolVar(&f.mermaid, "mermaid", false, "write it for Mermaid")
	flags.BoolVar(&f.ascii, "ascii", false, "draw it in ASCII")
	flags.BoolVar(&f.unfold, "unfold", false, "draw each point of a sweep")
	flags.BoolVar(&f.realizations, "realizations", false, "draw realizations, not stages")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func (a *app) graph(ctx context.Context, f graphFlags, args []string) error {
	forms := 0
	for _, is := range []bool{f.svg, f.dot, f.mermaid, f.ascii, f.json} {
		if is {
			forms++
		}
	}
	if forms > 1 {
		return &usageError{"of --svg, --dot, --mermaid, --ascii and --json one can be given"}
	}
	if f.svg && f.realizations {
		return &usageError{"--svg draws stages; --realizations goes with --dot, --mermaid, --ascii and --json"}
	}
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	s.ReadOnce()
	if f.svg {
		return a.graphSVG(ctx, s, f, args)
	}
	sources := s.Preview()
	c, err := drawnStages(ctx, s, args, sources)
	if err != nil {
		return err
	}
	var g graph.Graph
	if f.realizations {
		var refs []store.RRef
		if refs, err = a.drawnRefs(ctx, s, c, args); err == nil {
			g, err = graph.Realizations(s, refs, c)
		}
	} else {
		g, err = a.stageGraph(ctx, s, c, sources, f.unfold)
	}
	if err != nil {
		return err
	}
	return a.printGraph(g, f)
}

// graphSVG prints the picture that plx report has.
func (a *app) graphSVG(ctx context.Context, s *store.Store, f graphFlags, args []string) error {
	src, err := a.reportSource(ctx, s, args, 0)
	if err != nil {
		return err
	}
	text, err := report.SVG(ctx, src, f.unfold)
	if err != nil {
		return err
	}
	return a.result(strings.TrimSuffix(text, "\n"))
}

// drawnStages returns the closure of what the arguments name, and where nothing
// was planned yet that of the stage file here.
func drawnStages(ctx context.Context, s *store.Store, args []string, sources *store.Preview) (*plan.Closure, error) {
	if _, err := plan.Newest("."); errors.Is(err, fs.ErrNotExist) && !slices.ContainsFunc(args, hasKind) {
		if _, err := os.Stat(defaultFile); err == nil {
			return preview(ctx, s, request{file: defaultFile, targets: args}, sources)
		}
	}
	return reported(s, args)
}

// drawnRefs returns the realizations that are drawn with what they were built
// from: those that are named, or chosen for what is.
func (a *app) drawnRefs(ctx context.Context, s *store.Store, c *plan.Closure, args []string) ([]store.RRef, error) {
	if len(args) == 0 {
		return a.chosenOf(ctx, s, c, c.Targets())
	}
	var all []store.RRef
	for _, arg := range args {
		refs, err := a.chosenOfAll(ctx, s, arg)
		if err != nil {
			return nil, err
		}
		all = append(all, refs...)
	}
	return all, nil
}

// stageGraph returns the graph of stages, with what there is of each.
func (a *app) stageGraph(ctx context.Context, s *store.Store, c *plan.Closure, sources *store.Preview, unfold bool) (graph.Graph, error) {
	z := &realize.Realizer{Store: s, Values: lensValues{s}, Observe: (&progress{app: a}).observe}
	forecasts, err := z.DryRun(ctx, c, sources)
	if err != nil {
		return graph.Graph{}, err
	}
	verdicts := make(map[store.DRef]realize.Verdict, len(forecasts))
	for _, f := range forecasts {
		verdicts[f.Stage.Ref] = f.Verdict
	}
	return graph.Stages(c, func(stage *plan.Stage) graph.Status {
		switch verdicts[stage.Ref] {
		case realize.MayBuild:
			return graph.Open
		case realize.WillBuild:
			if _, err := os.Stat(s.FailedLogPath(stage.Ref)); !errors.Is(err, fs.ErrNotExist) {
				return graph.Failed
			}
			return graph.Missing
		}
		return graph.Done
	}, unfold), nil
}

type nodeJSON struct {
	Name    string         `json:"name"`
	Points  int            `json:"points"`
	Status  string         `json:"status"`
	Count   map[string]int `json:"count"`
	Depends []string       `json:"depends"`
}

func (a *app) printGraph(g graph.Graph, f graphFlags) error {
	switch {
	case f.dot:
		return a.result(g.DOT()...)
	case f.mermaid:
		return a.result(g.Mermaid()...)
	case f.ascii || !f.json && !ui.HasUTF8():
		return a.result(g.Text(graph.ASCII())...)
	case !f.json:
		return a.result(g.Text(graph.Unicode())...)
	}
	docs := []nodeJSON{}
	for _, n := range g.Nodes {
		doc := nodeJSON{n.Name, n.Points, string(n.Status()), make(map[string]int), []string{}}
		for status, count := range n.Count {
			doc.Count[string(status)] = count
		}
		for _, dep := range n.Deps {
			doc.Depends = append(doc.Depends, g.Nodes[dep].Name)
		}
		docs = append(docs, doc)
	}
	return a.resultJSON(map[string]any{"nodes": docs})
}
