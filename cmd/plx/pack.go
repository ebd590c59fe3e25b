package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"plx/internal/plan"
	"plx/internal/realize"
	"plx/internal/store"
)

type packFlags struct {
	out    string
	dryRun bool
	json   bool
}

func (a *app) packCmd() *cobra.Command {
	var f packFlags
	cmd := &cobra.Command{
		Use:   "pack [flags] RREF|DREF|STAGE…",
		Short: "Write results, and what they are made from, into an archive",
		Long: `Writes an archive that plx unpack adds to another store: realizations (of a
stage or a dref those that its matcher chooses), all realizations that they were
built from, with their logs, and the derivations and sources of all of them, so
that they can be made again there.

The archive goes to stdout, or to a file with -o. It is the same bytes each time,
whoever packs it and wherever. It is a tar file, compressed with zstd: where
there is no plx, tar extracts the files of results.

To copy results from one machine to another, pipe plx pack to plx unpack.`,
		Example: `  plx pack report > report.plx
  plx pack report -o report.plx
  plx pack 'train[*]' | ssh host plx unpack
  plx pack --dry-run report`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.pack(cmd.Context(), f, args) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.out, "output", "o", "", "write the archive to `file`")
	flags.BoolVarP(&f.dryRun, "dry-run", "n", false, "write nothing: print what would be packed")
	flags.BoolVar(&f.json, "json", false, "print JSON (with -o or --dry-run)")
	return cmd
}

func (a *app) pack(ctx context.Context, f packFlags, args []string) error {
	switch {
	case f.dryRun || f.out != "":
	case f.json:
		return &usageError{"pack --json: the archive goes to stdout; write it to a file with -o"}
	case isTerminal(a.stdout):
		return &usageError{"pack: stdout is a terminal: write the archive to a file with -o, or pipe it to plx unpack"}
	}
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	if !f.dryRun {
		if err := a.hold(ctx, s); err != nil {
			return err
		}
	}
	var targets []store.RRef
	for _, arg := range args {
		refs, err := a.chosenOfAll(ctx, s, arg)
		if err != nil {
			return err
		}
		targets = append(targets, refs...)
	}
	l, err := s.Listing(ctx, targets)
	if err != nil {
		return err
	}
	if f.dryRun {
		return a.printListing(l, f.json)
	}
	unwatch := a.meter(s)
	n, err := a.writeArchive(ctx, s, l, f.out)
	unwatch()
	if err != nil {
		return err
	}
	a.say("packed %s; %s in the archive", listingText(l), size(n))
	if f.json {
		return a.resultJSON(newListingJSON(l))
	}
	return nil
}

// chosenOfAll returns what was chosen for a reference, a stage, or each stage
// of a group, sweep or set.
func (a *app) chosenOfAll(ctx context.Context, s *store.Store, arg string) ([]store.RRef, error) {
	sel, err := selected(s, arg)
	switch {
	case err != nil:
		return nil, err
	case !sel.rref.IsZero():
		return []store.RRef{sel.rref}, nil
	}
	return a.chosenOf(ctx, s, sel.closure, sel.stages)
}

func (a *app) chosenOf(ctx context.Context, s *store.Store, c *plan.Closure, stages []*plan.Stage) ([]store.RRef, error) {
	z := &realize.Realizer{Store: s, Values: lensValues{s}, Observe: (&progress{app: a}).observe}
	var all []store.RRef
	for _, stage := range stages {
		refs, err := z.Chosen(ctx, c, stage)
		if err != nil {
			return nil, err
		}
		all = append(all, refs...)
	}
	return all, nil
}

// writeArchive writes the archive to stdout or to a file, and returns its size
// in bytes. A file appears when it is whole.
func (a *app) writeArchive(ctx context.Context, s *store.Store, l store.Listing, path string) (int64, error) {
	if path == "" {
		return s.Pack(ctx, a.stdout, l)
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // a device, or a pipe
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return 0, err
		}
		n, err := s.Pack(ctx, f, l)
		return n, errors.Join(err, f.Close())
	}
	f, err := os.OpenFile(filepath.Join(filepath.Dir(path), ".plx-"+rand.Text()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return 0, fmt.Errorf("write %s: %w", path, errors.Unwrap(err))
	}
	n, err := s.Pack(ctx, f, l)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return n, errors.Join(err, os.Remove(f.Name()))
	}
	return n, nil
}

func listingText(l store.Listing) string {
	return fmt.Sprintf("%s, %s, %s: %s",
		count(len(l.Realizations()), "realization"), count(len(l.Derivations()), "derivation"), count(len(l.Trees()), "tree"), size(l.Bytes()))
}

type listingJSON struct {
	Targets      []string `json:"targets"`
	Realizations []string `json:"realizations"`
	Derivations  []string `json:"derivations"`
	Trees        []string `json:"trees"`
	Bytes        int64    `json:"bytes"`
}

func newListingJSON(l store.Listing) listingJSON {
	return listingJSON{texts(l.Targets), texts(l.Realizations()), texts(l.Derivations()), texts(l.Trees()), l.Bytes()}
}

// printListing prints what is in an archive, or would be.
func (a *app) printListing(l store.Listing, asJSON bool) error {
	doc := newListingJSON(l)
	if asJSON {
		return a.resultJSON(doc)
	}
	if err := a.result(append(doc.Realizations, doc.Derivations...)...); err != nil {
		return err
	}
	a.say("%s", listingText(l))
	return nil
}
