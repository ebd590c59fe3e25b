package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"plx/internal/store"
)

type rmFlags struct{ force, yes, json bool }

func (a *app) rmCmd() *cobra.Command {
	var f rmFlags
	cmd := &cobra.Command{
		Use:   "rm [flags] RREF|DREF|STAGE…",
		Short: "Remove realizations from the store",
		Long: `Removes realizations, so that matchers no longer find them. What another
realization is built from, or a link or root names, is refused, and named; so is
what a running plx may build on.
The files go with the next plx gc.

A stage, a sweep, some points of it, or a dref stands for all of its
realizations: then plx asks first, if it is on a terminal.

With --force it is removed all the same. What was built from it stays, and can be
used; only what it was built from can no longer be looked at.`,
		Example: `  plx rm rref:…
  plx rm 'train[lr=0.1]'`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.rm(cmd.Context(), f, args) },
	}
	cmd.Flags().BoolVar(&f.force, "force", false, "remove what is in use, too")
	cmd.Flags().BoolVarP(&f.yes, "yes", "y", false, "don't ask")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func (a *app) rm(ctx context.Context, f rmFlags, args []string) error {
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	refs, each, err := realizations(s, args)
	if err != nil {
		return err
	}
	if len(refs) == 0 {
		return &notFoundError{fmt.Sprintf("rm %s: there are no realizations", strings.Join(args, " "))}
	}
	if !each && !f.yes && isTerminal(a.stdin) {
		question := "remove " + count(len(refs), "realization") + "?"
		if ok, err := a.ask(ctx, texts(refs), question); err != nil || !ok {
			return err
		}
	}
	err = s.Remove(ctx, refs, store.RemoveOptions{Force: f.force, Waiting: func() { a.say("waiting for other plx processes to let go of the store") }})
	var inUse *store.InUseError
	switch {
	case errors.As(err, &inUse) && inUse.Running:
		return fmt.Errorf("%w: wait until it ends", err)
	case inUse != nil:
		return fmt.Errorf("%w: name them all, or use --force", err)
	}
	if err != nil {
		return err
	}
	if f.json {
		return a.resultJSON(map[string]any{"removed": texts(refs)})
	}
	return a.result(texts(refs)...)
}
