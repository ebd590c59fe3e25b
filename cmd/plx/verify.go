package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"plx/internal/store"
)

type verifyFlags struct{ quick, json bool }

func (a *app) verifyCmd() *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use:   "verify [flags] [STAGE|DREF|RREF|TREE…]",
		Short: "Check that the store holds what it says",
		Long: `Reads all that is in the store, and compares it with the hashes that it is named
by: files, permissions and times of results and sources, records, derivations,
links, the index. With arguments, only these, with what they were made from. What
is wrong is printed, one a line, with the file that it is about. The exit status
is 4 if anything is.

With --quick no file of a result is read: what is missing, or has another size,
mode or time, is found in a fraction of the time, but not a file that holds
something else of the same size.

Other processes may use the store meanwhile.`,
		Example: `  plx verify
  plx verify --quick train`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.verify(cmd.Context(), f, args) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.quick, "quick", false, "don't read files of results: look at their sizes only")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func (a *app) verify(ctx context.Context, f verifyFlags, args []string) error {
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	o, err := verifyOptions(s, args)
	if err != nil {
		return err
	}
	o.Quick, o.Waiting = f.quick, func() { a.say("waiting for plx gc to end") }
	r, err := s.Verify(ctx, o)
	if err != nil {
		return err
	}
	if err := a.printReport(r, f); err != nil {
		return err
	}
	if len(r.Damage) == 0 {
		return nil
	}
	return &store.DamageError{Path: s.Dir(), Err: errors.New(count(len(r.Damage), "damage"))}
}

// verifyOptions reads the arguments: stages, references and hashes of trees.
func verifyOptions(s *store.Store, args []string) (store.VerifyOptions, error) {
	var o store.VerifyOptions
	for _, arg := range args {
		if tree, err := store.ParseHash(arg); err == nil {
			o.Trees = append(o.Trees, tree)
			continue
		}
		sub, err := named(s, arg)
		if err != nil {
			return o, err
		}
		if len(sub.rrefs) > 0 {
			o.RRefs = append(o.RRefs, sub.rrefs...)
		} else {
			o.DRefs = append(o.DRefs, sub.dref)
		}
	}
	return o, nil
}

type damageJSON struct {
	Path    string   `json:"path"`
	Kind    string   `json:"kind"`
	Text    string   `json:"text"`
	Objects []string `json:"objects"`
}

type verifyJSON struct {
	Damage       []damageJSON `json:"damage"`
	Quick        bool         `json:"quick"`
	Realizations int          `json:"realizations"`
	Derivations  int          `json:"derivations"`
	Trees        int          `json:"trees"`
	Files        int64        `json:"files"`
	Bytes        int64        `json:"bytes"`
}

func (a *app) printReport(r store.Report, f verifyFlags) error {
	if f.json {
		doc := verifyJSON{Damage: []damageJSON{}, Quick: f.quick, Realizations: r.Realizations, Derivations: r.Derivations, Trees: r.Trees, Files: r.Files, Bytes: r.Bytes}
		for _, d := range r.Damage {
			doc.Damage = append(doc.Damage, damageJSON{d.Path, string(d.Kind), d.Text, d.Objects()})
		}
		return a.resultJSON(doc)
	}
	for _, d := range r.Damage {
		if err := a.result(d.String()); err != nil {
			return err
		}
	}
	how := "read"
	if f.quick {
		how = "not read"
	}
	a.say("looked at %s, %s, %s: %s, of which the files were %s", count(r.Realizations, "realization"), count(r.Derivations, "derivation"), count(r.Trees, "tree"), fmt.Sprintf("%s in %d files and directories", size(r.Bytes), r.Files), how)
	return nil
}
