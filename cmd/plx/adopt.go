package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"plx/internal/realize"
	"plx/internal/store"
)

type adoptFlags struct {
	sandbox string
	json    bool
}

func (a *app) adoptCmd() *cobra.Command {
	var f adoptFlags
	cmd := &cobra.Command{
		Use:   "adopt [flags] STAGE|DREF DIR",
		Short: "Take a directory as a result of a stage",
		Long: `Makes a copy of a directory a realization of a stage of the current plan, as if
the stage's command had left it in $out: a result made by hand, or elsewhere.
What the stage depends on must have been realized. The copy is held to the
stage's promises and its check; DIR stays as it is. The reference of the
realization is printed, and plx show says that it was made by hand.

It has a run number of its own, and is found by matchers like any other: with
"latest", which is the default, what depends on the stage is built on it next.`,
		Example: `  plx adopt train ~/from-the-cluster/model`,
		Args:    cobra.ExactArgs(2),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.adopt(cmd.Context(), f, args[0], args[1]) },
	}
	sandboxFlag(cmd, &f.sandbox)
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func (a *app) adopt(ctx context.Context, f adoptFlags, arg, dir string) error {
	if _, err := os.Stat(dir); err != nil {
		return &notFoundError{err.Error()}
	}
	box, err := a.newSandbox(f.sandbox)
	if err != nil {
		return err
	}
	defer box.Close()
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	c, err := a.recordedHeld(ctx, s, request{frozen: true})
	c, stage, err := stageOf(s, c, err, arg)
	if err != nil {
		return err
	}
	z, err := a.realizer(s, c, realizeFlags{jobs: 1}, nil, &progress{app: a})
	if err != nil {
		return err
	}
	z.Run = a.runner(box, c)
	if z.Bin, box.Program, err = binDir(s); err != nil {
		return err
	}
	r, existed, err := z.Adopt(ctx, c, stage, dir)
	if err != nil {
		return err
	}
	if err := s.Sync(); err != nil {
		return err
	}
	if existed {
		a.say("%s: such a result was there already", stage.Name)
	}
	return a.printKept(s, realize.Result{Stage: stage, Chosen: []store.RRef{r.Ref}}, f.json)
}

// printKept prints the realization that a person has made of a stage.
func (a *app) printKept(s *store.Store, r realize.Result, asJSON bool) error {
	ref := r.Chosen[0]
	if !asJSON {
		return a.result(ref.String())
	}
	return a.resultJSON(map[string]string{
		"stage": r.Stage.Name, "dref": r.Stage.Ref.String(), "rref": ref.String(), "path": s.OutPath(ref),
	})
}
