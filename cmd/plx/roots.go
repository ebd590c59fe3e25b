package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"plx/internal/store"
)

// rootsCmd is plx root.
func (a *app) rootsCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "root add|rm|ls",
		Short: "Say what plx gc must keep",
		Long: `A root keeps a realization or a derivation from being collected by plx gc, with
all that it was built from. Projects and the links of plx realize -o are roots by
themselves; plx root add makes others, for results that are to outlive them.`,
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, args []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.rootAddCmd(), a.rootRmCmd(), a.rootLsCmd())
	return cmd
}

func (a *app) rootAddCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "add [flags] REF [NAME]",
		Short: "Keep a realization or a derivation",
		Long: `Keeps what a reference names until plx root rm NAME. Without NAME it is made
from the reference. The name is printed.

A realization is kept with what it was built from, but without the other
realizations of its derivation; a derivation with all of its realizations.`,
		Example: "  plx root add $(plx realize stage.toml) paper-figures",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.rootAdd(cmd.Context(), args[0], strings.Join(args[1:], ""), asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) rootAdd(ctx context.Context, ref, name string, asJSON bool) error {
	if isReference(name) {
		return &usageError{fmt.Sprintf("root %q: a name is wanted here; add references one at a time", name)}
	}
	if strings.HasPrefix(name, ".") || strings.Contains(name, "/") {
		return &usageError{fmt.Sprintf("root %q: want a name without / that doesn't begin with a dot", name)}
	}
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	if err := a.hold(ctx, s); err != nil {
		return err
	}
	if ref, err = objectOf(s, ref); err != nil {
		return err
	}
	if name, err = s.AddRoot(name, ref); err != nil {
		return err
	}
	if asJSON {
		return a.resultJSON(map[string]string{"name": name, "ref": ref})
	}
	return a.result(name)
}

func isReference(text string) bool {
	_, notDRef := store.ParseDRef(text)
	_, notRRef := store.ParseRRef(text)
	return notDRef == nil || notRRef == nil
}

func (a *app) rootRmCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "rm [flags] NAME…",
		Short:   "Remove roots; what they kept stays until plx gc",
		Example: `  plx root rm paper-figures`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.rootRm(cmd.Context(), args, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) rootRm(ctx context.Context, names []string, asJSON bool) error {
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	if err := a.hold(ctx, s); err != nil {
		return err
	}
	for _, name := range names {
		if err := s.RemoveRoot(name); err != nil {
			return err
		}
	}
	if asJSON {
		return a.resultJSON(map[string]any{"removed": names})
	}
	return a.result(names...)
}

func (a *app) rootLsCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ls [flags]",
		Short: "List the roots, each with what it keeps",
		Long: `Lists the roots, each with what it leads to: a reference, the link that -o made,
or the directory of a project's plans. One that leads nowhere any more is marked
(gone), keeps nothing, and goes with the next plx gc.`,
		Example: `  plx root ls
  plx root ls --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return a.rootLs(asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

type rootJSON struct {
	Name   string   `json:"name"`
	Target string   `json:"target"`
	DRefs  []string `json:"drefs"`
	RRefs  []string `json:"rrefs"`
	Stale  bool     `json:"stale"`
}

func (a *app) rootLs(asJSON bool) error {
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	roots, err := s.Roots()
	if err != nil {
		return err
	}
	docs := []rootJSON{}
	for _, r := range roots {
		docs = append(docs, rootJSON{r.Name, r.Target, texts(r.DRefs), texts(r.RRefs), r.Stale})
	}
	if asJSON {
		return a.resultJSON(map[string]any{"roots": docs})
	}
	for _, doc := range docs {
		line := doc.Name + " " + doc.Target
		if doc.Stale {
			line += " (gone)"
		}
		if err := a.result(line); err != nil {
			return err
		}
	}
	return nil
}
