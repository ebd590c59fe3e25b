package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"plx/internal/store"
)

type gcFlags struct {
	keep   []string
	dryRun bool
	yes    bool
	json   bool
}

func (a *app) gcCmd() *cobra.Command {
	var f gcFlags
	cmd := &cobra.Command{
		Use:   "gc [flags]",
		Short: "Remove from the store what nothing needs",
		Long: `Removes what no root reaches. Roots are the plans of each project directory that
still exists (.plx, beside its stage file), the links made with -o, what
plx root add names, and symlinks into the store below directories given with
--keep.

It runs beside builds: what a running plx refers to stays.

A plan keeps its derivations, with all their realizations. A realization keeps
what it was built from, but not the other realizations of its derivation.

The directories of failed builds, and what killed processes left, go as well.

What goes is printed, one a line. On a terminal plx asks first.`,
		Example: `  plx gc --dry-run
  plx gc --keep ~/results`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return a.gc(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&f.keep, "keep", nil, "keep what symlinks below `dir` lead to; may be repeated")
	flags.BoolVarP(&f.dryRun, "dry-run", "n", false, "remove nothing: print what would go")
	flags.BoolVarP(&f.yes, "yes", "y", false, "don't ask")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func (a *app) gc(ctx context.Context, f gcFlags) error {
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	o := store.GCOptions{Keep: f.keep, DryRun: f.dryRun, Waiting: func() { a.say("waiting for other plx processes to let go of the store") }}
	if !f.yes && !f.dryRun && isTerminal(a.stdin) {
		if ok, err := a.confirm(ctx, s, o); err != nil || !ok {
			return err
		}
	}
	g, err := s.GC(ctx, o)
	if err != nil {
		return err
	}
	return a.printGarbage(g, f)
}

// confirm shows what would go, and asks. Meanwhile others may use the store.
func (a *app) confirm(ctx context.Context, s *store.Store, o store.GCOptions) (bool, error) {
	o.DryRun = true
	g, err := s.GC(ctx, o)
	if err != nil || g.Empty() {
		return true, err
	}
	for _, what := range append(append(texts(g.Realizations), texts(g.Derivations)...), g.Work...) {
		fmt.Fprintln(a.stderr, what)
	}
	fmt.Fprintf(a.stderr, "plx: remove %s? [y/N] ", garbageText(g))
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(a.stdin).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done(): // the goroutine ends with the process
		fmt.Fprintln(a.stderr)
		return false, context.Cause(ctx)
	case text := <-answer:
		if text == "y" || text == "yes" {
			return true, nil
		}
		a.say("nothing removed")
		return false, nil
	}
}

// isTerminal reports whether there may be somebody to ask: /dev/null, which is
// a character device too, answers nothing.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

func garbageText(g store.Garbage) string {
	text := fmt.Sprintf("%s, %s, %s",
		count(len(g.Realizations), "realization"), count(len(g.Derivations), "derivation"), count(len(g.Trees), "tree"))
	if len(g.Work) > 0 {
		text += ", what " + count(len(g.Work), "build") + " left"
	}
	return text + ": " + size(g.Bytes)
}

type gcJSON struct {
	DryRun       bool     `json:"dry_run"`
	Realizations []string `json:"realizations"`
	Derivations  []string `json:"derivations"`
	Trees        []string `json:"trees"`
	Work         []string `json:"work"`
	Bytes        int64    `json:"bytes"`
	Kept         int      `json:"kept_realizations"`
}

func (a *app) printGarbage(g store.Garbage, f gcFlags) error {
	for _, err := range g.Damaged {
		a.tell("kept, and to be looked at: %v", err)
	}
	doc := gcJSON{DryRun: f.dryRun, Realizations: texts(g.Realizations), Derivations: texts(g.Derivations), Trees: texts(g.Trees), Work: append([]string{}, g.Work...), Bytes: g.Bytes, Kept: g.Kept}
	if f.json {
		return a.resultJSON(doc)
	}
	if err := a.result(append(append(doc.Realizations, doc.Derivations...), g.Work...)...); err != nil {
		return err
	}
	what := "removed"
	if f.dryRun {
		what = "would remove"
	}
	a.say("%s %s; %s kept", what, garbageText(g), count(g.Kept, "realization"))
	return nil
}

// texts returns the texts of references.
func texts[T fmt.Stringer](refs []T) []string {
	list := make([]string, len(refs))
	for i, ref := range refs {
		list[i] = ref.String()
	}
	return list
}
