package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"plx/internal/plan"
)

type instantiateFlags struct {
	params []string
	json   bool
}

func (a *app) instantiateCmd() *cobra.Command {
	var f instantiateFlags
	cmd := &cobra.Command{
		Use:   "instantiate [flags] [FILE] [STAGE…]",
		Short: "Turn a stage file into derivations, and print those of the targets",
		Long: `Reads a stage file, checks all of it, and writes its derivations to the store:
what is to be done, each named by a hash of its whole description. Nothing is
run. The references of the targets are printed, one a line, in order.

FILE ends in .toml or has a / in it. Without FILE, it is that of the last plan
in this directory, or stage.toml. Without STAGE, the targets are the stages with
default = true, or else those that no other stage depends on. A STAGE may be one
of a module (base.train), a group, a sweep, or some of its points: train[lr=0.1].`,
		Example: `  plx instantiate stage.toml
  plx instantiate stage.toml anneal -p maxiter=1000`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.instantiate(cmd.Context(), f, args)
		},
	}
	paramFlag(cmd, &f.params)
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON: the targets, and all stages with their references")
	return cmd
}

// paramFlag adds -p.
func paramFlag(cmd *cobra.Command, params *[]string) {
	cmd.Flags().StringArrayVarP(params, "param", "p", nil, "set a parameter of the stage file, `name=value`; may be repeated")
}

func (a *app) instantiate(ctx context.Context, f instantiateFlags, args []string) error {
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	if !f.json {
		if answer := a.recall(s, args, f.params, false, ""); answer != nil {
			_, err := fmt.Fprint(a.stdout, answer.Refs)
			return err
		}
	}
	c, err := a.requested(ctx, s, realizeFlags{params: f.params}, args, a.closure)
	if err != nil {
		return err
	}
	if !f.json { // else there may be an answer that has results, too
		a.keep(s, c.Answer(), a.storeWatch.Basis(nil, c.Sources(), nil), "")
	}
	if f.json {
		return a.resultJSON(planJSON{stageJSONs(c.Targets()), stageJSONs(c.Stages())})
	}
	for _, t := range c.Targets() {
		if err := a.result(t.Ref.String()); err != nil {
			return err
		}
	}
	return nil
}

type planJSON struct {
	Targets []stageJSON `json:"targets"`
	Stages  []stageJSON `json:"stages"`
}

type stageJSON struct {
	Stage string `json:"stage"`
	DRef  string `json:"dref"`
}

func stageJSONs(stages []*plan.Stage) []stageJSON {
	list := make([]stageJSON, len(stages))
	for i, s := range stages {
		list[i] = stageJSON{s.Name, s.Ref.String()}
	}
	return list
}
