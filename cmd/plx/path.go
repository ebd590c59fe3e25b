package main

import (
	"context"

	"github.com/spf13/cobra"

	"plx/internal/lens"
)

func (a *app) pathCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "path [flags] STAGE[.OUTPUT]|RREF[.OUTPUT]",
		Short: "Print where a result, or a file of it, is",
		Long: `Prints where the files of a result, or of one of its outputs, are: several lines
if the stage's matcher chose several results. What is there is read-only, and
stays until plx gc finds that nothing needs it.`,
		Example: `  cd "$(plx path report)"
  open "$(plx path plot.plot)"`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.path(cmd.Context(), args[0], asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) path(ctx context.Context, arg string, asJSON bool) error {
	first, targets, err := a.follow(ctx, arg, true)
	if err != nil {
		return err
	}
	paths := make([]string, len(targets))
	for i, t := range targets {
		if paths[i], err = t.Path(); err != nil {
			return unrealized(first, err)
		}
	}
	if asJSON {
		return a.resultJSON(map[string]any{"paths": paths})
	}
	return a.result(paths...)
}

// contents is the form in which plx cat writes.
func contents() lens.Form {
	form, err := lens.ParseForm("contents")
	if err != nil {
		panic(err)
	}
	return form
}
