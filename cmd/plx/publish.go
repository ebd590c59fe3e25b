package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"plx/internal/publish"
	"plx/internal/realize"
	"plx/internal/store"
)

type publishFlags struct {
	name   string
	by     string
	dryRun bool
	json   bool
}

func (a *app) publishCmd() *cobra.Command {
	var f publishFlags
	cmd := &cobra.Command{
		Use:   "publish [flags] STAGE… DIR",
		Short: "Lay out results under names for people",
		Long: `Brings the outputs of stages of the current plan, of the realizations that their
matchers chose, to a directory, under names for people. The names are printed,
one a line.

--name says how they are named: {stage}, without modules' sets; {point}, the
stage's point of a sweep, as lr=0.1,depth=2; {n}, the number among those that the
matcher chose; {run}; {output}, with the ending that the file has; and each key
of the stage's config, as {lr}. A / makes a directory. Without --name it is
{stage}/{point}/{n}/{output}, without what isn't there or is always 1.

The directory gets an index.json and an index.csv: for each name the stage, its
config, the numbers of its metrics, and the reference of the realization. What is
there already is replaced if the index says that it was published there and it
is as it was then; else it is left alone, and is an error. So are two outputs
that would have the same name. Each file appears when it is whole.

With --by symlink the names lead into the store, where plx gc removes what no
root keeps: plx gc --keep DIR keeps what links in DIR lead to.`,
		Example: `  plx publish report results
  plx publish 'train[*]' results --name '{lr}/{depth}-{output}'
  plx publish plot . --name 'figures/{output}' --by symlink`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.publish(cmd.Context(), f, args[:len(args)-1], args[len(args)-1])
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.name, "name", "", "name outputs by `template`, as in {stage}-{lr}/{output}")
	flags.StringVar(&f.by, "by", publish.Copy, "bring them there by `copy`, reflink (an error where the file system can't) or symlink")
	flags.BoolVarP(&f.dryRun, "dry-run", "n", false, "write nothing: print the names")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func (a *app) publish(ctx context.Context, f publishFlags, stages []string, dir string) error {
	if ways := []string{publish.Copy, publish.Reflink, publish.Symlink}; !slices.Contains(ways, f.by) {
		return &usageError{fmt.Sprintf("--by %s: want %s", f.by, strings.Join(ways, ", "))}
	}
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	if err := a.hold(ctx, s); err != nil { // what is published stays until it is
		return err
	}
	results, err := a.publishable(ctx, s, stages)
	if err != nil {
		return err
	}
	items, err := publish.Items(s, results, f.name)
	if err != nil {
		return &usageError{"publish: " + err.Error()}
	}
	var entries []publish.Entry
	if !f.dryRun {
		if entries, err = publish.Publish(ctx, dir, f.by, items); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
	}
	if f.json {
		return a.resultJSON(map[string]any{"published": append([]publish.Entry{}, entries...), "names": publish.Names(items)})
	}
	return a.result(publish.Names(items)...)
}

// publishable returns what the arguments name, of stages what was chosen.
func (a *app) publishable(ctx context.Context, s *store.Store, args []string) ([]publish.Result, error) {
	z := &realize.Realizer{Store: s, Values: lensValues{s}, Observe: (&progress{app: a}).observe}
	var results []publish.Result
	for _, arg := range args {
		sel, err := selected(s, arg)
		if err != nil {
			return nil, err
		}
		for _, stage := range sel.stages {
			refs := []store.RRef{sel.rref}
			if sel.rref.IsZero() {
				if refs, err = z.Chosen(ctx, sel.closure, stage); err != nil {
					return nil, unrealized(stage.Name, err)
				}
			}
			for i, ref := range refs {
				r, err := s.Realization(ref)
				if err != nil {
					return nil, err
				}
				results = append(results, publish.Result{Stage: stage, Number: i + 1, Of: len(refs), Realization: r})
			}
		}
	}
	return results, nil
}
