package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"plx/internal/lens"
	"plx/internal/match"
	"plx/internal/realize"
	"plx/internal/store"
)

type lensFlags struct {
	as   string
	json bool
}

func (a *app) lensCmd() *cobra.Command {
	var f lensFlags
	cmd := &cobra.Command{
		Use:   "lens [flags] START[.NAME…]",
		Short: "Follow a path to a value or a file",
		Long: `Follows a dotted path. It starts at a stage of the current plan, or at a
reference, and each name leads on: an input to what it was built from, an output
to its file, a config key to its value; a name after a directory to a file in
it, and after a JSON, TOML or CSV file into what that holds.

A list of realizations is indexed from 1, or spread with [*]; arrays inside files
count from 0. A name with other characters than letters, digits, _ and - is
quoted, and the whole lens then from the shell.

Without --as, a value is printed as text, a file or directory as its path, and a
realization or derivation as its reference.

In a build there is no START: the path begins with one of the stage's own
inputs, outputs or config keys, and sees what the command may see.`,
		Example: `  plx lens anneal.config.maxiter
  plx lens 'anneal[1].result.fun'
  plx lens plot.runs[*].trace --as path
  plx lens start.values.a          # in a build`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.lens(cmd.Context(), f, args[0]) },
	}
	cmd.Flags().StringVar(&f.as, "as", "", "print it as `form`: value, path, dref, rref, contents or json")
	cmd.Flags().BoolVar(&f.json, "json", false, "the same as --as json")
	return cmd
}

func (a *app) lens(ctx context.Context, f lensFlags, arg string) error {
	if f.json && f.as != "" && f.as != "json" {
		return &usageError{"--json and --as " + f.as + " exclude each other"}
	}
	if f.json {
		f.as = "json"
	}
	form, err := lens.ParseForm(f.as)
	if err != nil {
		return &usageError{err.Error()}
	}
	first, targets, err := a.follow(ctx, arg, false)
	if err != nil {
		return err
	}
	for _, t := range targets {
		if err := t.Write(a.stdout, form); err != nil {
			return unrealized(first, err)
		}
	}
	return nil
}

// unrealized says what to run, if err is that something is not realized.
func unrealized(start string, err error) error {
	var unmet *realize.MatchError
	switch {
	case errors.Is(err, lens.ErrUnrealized):
	case errors.As(err, &unmet) && unmet.Choice.Lacking > 0 && len(unmet.Choice.Left) == 0:
	default:
		return err
	}
	return &notFoundError{fmt.Sprintf("%s is not realized yet: run plx realize %s", start, start)}
}

// splitLens returns START and what follows it. The name of a stage may have
// dots and brackets: base.train[lr=0.1].
func splitLens(s *store.Store, arg string) (start, path string) {
	if c, err := currentPlan(s); err == nil && !hasKind(arg) {
		if start, rest, ok := c.Cut(arg); ok {
			return start, strings.TrimPrefix(rest, ".")
		}
	}
	if i := strings.IndexAny(arg, ".["); i >= 0 {
		return arg[:i], strings.TrimPrefix(arg[i:], ".")
	}
	return arg, ""
}

// follow returns where the argument begins, and what it leads to: in a build,
// from the build. A dref stands for its derivation, or, where files are wanted,
// for what its matcher chose.
func (a *app) follow(ctx context.Context, arg string, files bool) (first string, targets []lens.Target, err error) {
	if description := os.Getenv("PLX_BUILD"); description != "" {
		targets, err = followInBuild(description, arg)
		return "", targets, err
	}
	s, err := a.openStore()
	if err != nil {
		return "", nil, err
	}
	defer s.Close()
	first, rest := splitLens(s, arg)
	path, err := lens.Parse(rest)
	if err != nil {
		return first, nil, &usageError{err.Error()}
	}
	sub, err := a.lensStart(ctx, s, first, files)
	if err != nil {
		return first, nil, err
	}
	if len(sub.rrefs) == 0 {
		targets, err := lens.Derivations(s, sub.dref).Follow(path)
		return first, targets, unrealized(first, err)
	}
	targets, err = lens.Realizations(s, sub.rrefs...).Follow(path)
	if is[*lens.NameError](err) && len(sub.rrefs) > 1 {
		// What all realizations have in common needs no index.
		if common, err := lens.Derivations(s, sub.dref).Follow(path); err == nil {
			return first, common, nil
		}
	}
	return first, targets, err
}

func followInBuild(description, arg string) ([]lens.Target, error) {
	data, err := os.ReadFile(description)
	if err != nil {
		return nil, fmt.Errorf("$PLX_BUILD: %w", err)
	}
	start, err := lens.Build(data)
	if err != nil {
		return nil, err
	}
	path, err := lens.Parse(arg)
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	return start.Follow(path)
}

// lensStart returns where a lens begins. A stage that is not realized is its
// derivation: its config and inputs can be seen.
func (a *app) lensStart(ctx context.Context, s *store.Store, first string, files bool) (subject, error) {
	sub, err := named(s, first)
	if err != nil || len(sub.rrefs) > 0 || sub.stage == nil && !files {
		return sub, err
	}
	all, err := a.chosen(ctx, s, first)
	if err != nil && statusOf(err) != exitNotFound {
		return sub, err
	}
	sub.rrefs = all.rrefs
	return sub, nil
}

// lensValues follows the lenses of matchers, which begin at an output.
type lensValues struct{ store *store.Store }

// Value returns what the lens leads to. The error is [match.ErrNoValue] if the
// realization has no such value.
func (v lensValues) Value(ref store.RRef, text string) (any, error) {
	path, err := lens.Parse(text)
	if err != nil {
		return nil, err
	}
	targets, err := lens.Realizations(v.store, ref).Follow(path)
	if err != nil {
		return nil, noValue(err)
	}
	if len(targets) != 1 {
		return nil, fmt.Errorf("%s leads to %d values: %w", text, len(targets), match.ErrNoValue)
	}
	value, err := targets[0].Value()
	return value, noValue(err)
}

// noValue marks what only says that there is no such value.
func noValue(err error) error {
	if is[*lens.NameError](err) || is[*lens.ContentError](err) {
		return fmt.Errorf("%w: %w", match.ErrNoValue, err)
	}
	return err
}
