package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"plx/internal/plan"
	"plx/internal/realize"
	"plx/internal/store"
)

type verifyFlags struct{ quick, repair, json bool }

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

With --repair what can be mended is: permissions, times, links, manifests and the
index are set right; sources are taken in again, by the plans of the projects
that use the store; results are made again, by the same command from the same
inputs with the same $PLX_RUN, and downloads repeated. What comes out must be the
same, or else the result is lost, and realize makes another when it is wanted.
What is damaged is kept until plx gc, in the store's tmp. What could not be
mended is printed, and the status is 4 if there is any.

Other processes may use the store meanwhile.`,
		Example: `  plx verify
  plx verify --repair
  plx verify --quick train`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.verify(cmd.Context(), f, args) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.quick, "quick", false, "don't read files of results: look at their sizes only")
	flags.BoolVar(&f.repair, "repair", false, "mend what can be mended, and print what can't")
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
	unwatch := a.meter(s)
	r, err := s.Verify(ctx, o)
	unwatch()
	if err != nil {
		return err
	}
	if f.repair && len(r.Damage) > 0 {
		if r.Damage, err = a.repair(ctx, s, r.Damage); err != nil {
			return err
		}
	}
	if err := a.printReport(r, f); err != nil || len(r.Damage) == 0 {
		return err
	}
	text := count(len(r.Damage), "damage")
	if !f.repair {
		text += ": plx verify --repair mends what it can"
	}
	return &store.DamageError{Path: s.Dir(), Err: errors.New(text)}
}

// repair mends what it can, and returns what is damaged still.
func (a *app) repair(ctx context.Context, s *store.Store, found []store.Damage) ([]store.Damage, error) {
	if err := a.hold(ctx, s); err != nil {
		return found, err
	}
	box, err := a.newSandbox("")
	if err != nil {
		return found, err
	}
	defer box.Close()
	z := &realize.Realizer{
		Store:   s,
		Run:     a.runner(box, nil),
		Fetch:   fetcher,
		Values:  lensValues{s},
		Observe: (&progress{app: a}).observe,
		Options: realize.Options{LookupEnv: os.LookupEnv, Origin: origin()},
	}
	if z.Bin, box.Program, err = binDir(s); err != nil {
		return found, err
	}
	return s.Repair(ctx, found, store.RepairOptions{
		Remake: func(ctx context.Context, r store.Realization) error {
			c, err := planOf(s, r.Ref.DRef())
			if err != nil {
				return err
			}
			return z.Remake(ctx, c, r)
		},
		Sources: func(ctx context.Context) error { return takeIn(ctx, s) },
		Tell:    func(text string) { a.say("%s", text) },
	})
}

// projects returns the directories of the projects that use the store.
func projects(s *store.Store) ([]string, error) {
	roots, err := s.Roots()
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, r := range roots {
		if filepath.Base(r.Target) == ".plx" && !r.Stale {
			dirs = append(dirs, filepath.Dir(r.Target))
		}
	}
	return dirs, nil
}

// planOf returns the last plan of a project that has the derivation, and
// without one what the derivation itself tells.
func planOf(s *store.Store, ref store.DRef) (*plan.Closure, error) {
	dirs, err := projects(s)
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		record, err := plan.Newest(dir)
		if err != nil {
			continue
		}
		if c, err := record.Closure(s); err == nil && c.Lookup(ref) != nil {
			return c, nil
		}
	}
	return plan.FromRefs(s, []store.DRef{ref})
}

// takeIn instantiates the last plan of each project that uses the store, so
// that sources and derivations that are lost are there again, unless the
// project has others now.
func takeIn(ctx context.Context, s *store.Store) error {
	dirs, err := projects(s)
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range dirs {
		if err := takeInProject(ctx, s, dir); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", dir, err))
		}
	}
	return errors.Join(errs...)
}

func takeInProject(ctx context.Context, s *store.Store, dir string) error {
	record, err := plan.Newest(dir)
	if err != nil {
		return err
	}
	file, err := readFile(request{file: record.File(), params: record.Params()})
	if err != nil {
		return err
	}
	c, err := file.Instantiate(ctx, s, record.Targets())
	if err != nil {
		return err
	}
	return s.AddDerivations(c.Derivations())
}

// verifyOptions reads the arguments: stages, references and hashes of trees.
func verifyOptions(s *store.Store, args []string) (store.VerifyOptions, error) {
	var o store.VerifyOptions
	for _, arg := range args {
		sel, err := selected(s, arg)
		if tree, notHash := store.ParseHash(arg); notHash == nil && statusOf(err) == exitNotFound {
			o.Trees = append(o.Trees, tree)
			continue
		}
		if err != nil {
			return o, err
		}
		if !sel.rref.IsZero() {
			o.RRefs = append(o.RRefs, sel.rref)
			continue
		}
		for _, stage := range sel.stages {
			o.DRefs = append(o.DRefs, stage.Ref)
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
