package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"plx/internal/plan"
	"plx/internal/store"
)

type gcFlags struct {
	keep      []string
	olderThan string
	maxSize   string
	keepLast  int
	dryRun    bool
	yes       bool
	json      bool
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

--keep-last makes more garbage: of a derivation that a plan or plx root add names
only the newest realizations are kept, whatever a matcher would choose; so are
those that something kept was built from, that a link or plx root add names, or
that a running plx may build on.

--older-than and --max-size let less of it go: only what was not used lately, and
of that what was used longest ago, until the store is small enough. With both,
what was used lately stays, however large the store is. A result is used when plx
realize chooses it, or what was built from it.

What goes is printed, one a line. On a terminal plx asks first. --dry-run also
tells what keeps the rest: each root with how much it keeps, and how much of that
nothing else does. plx why --alive tells it of one result.`,
		Example: `  plx gc --dry-run
  plx gc --keep ~/results
  plx gc --older-than 30d --max-size 100GB
  plx gc --keep-last 3`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.gc(cmd.Context(), f, cmd.Flags().Changed("keep-last"))
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&f.keep, "keep", nil, "keep what symlinks below `dir` lead to; may be repeated")
	flags.StringVar(&f.olderThan, "older-than", "", "remove only what was last used longer than `age` ago, as in 12h or 30d")
	flags.StringVar(&f.maxSize, "max-size", "", "remove only until the store is no larger than `size`, as in 100GB")
	flags.IntVar(&f.keepLast, "keep-last", 0, "keep only the newest `n` realizations of a derivation, if nothing else keeps more")
	flags.BoolVarP(&f.dryRun, "dry-run", "n", false, "remove nothing: print what would go")
	flags.BoolVarP(&f.yes, "yes", "y", false, "don't ask")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

// options returns what the flags say.
func (f gcFlags) options(a *app, last bool) (o store.GCOptions, err error) {
	o = store.GCOptions{Keep: f.keep, KeepLast: f.keepLast, DryRun: f.dryRun, Waiting: func() { a.say("waiting for other plx processes to let go of the store") }}
	if last && f.keepLast < 1 {
		return o, &usageError{fmt.Sprintf("--keep-last %d: want at least 1", f.keepLast)}
	}
	if f.olderThan != "" {
		if o.OlderThan, err = plan.ParseDuration(f.olderThan); err != nil {
			return o, &usageError{"--older-than: " + err.Error()}
		}
	}
	if f.maxSize != "" {
		if o.MaxSize, err = plan.ParseSize(f.maxSize); err != nil {
			return o, &usageError{"--max-size: " + err.Error()}
		}
	}
	return o, nil
}

func (a *app) gc(ctx context.Context, f gcFlags, last bool) error {
	o, err := f.options(a, last)
	if err != nil {
		return err
	}
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	if !f.yes && !f.dryRun && isTerminal(a.stdin) {
		if ok, err := a.confirm(ctx, s, o); err != nil || !ok {
			return err
		}
	}
	o.Explain = f.dryRun
	unwatch := a.meter(s)
	g, err := s.GC(ctx, o)
	unwatch()
	if err != nil {
		return err
	}
	return a.printGarbage(g, f, o)
}

// confirm shows what would go, and asks. Meanwhile others may use the store.
func (a *app) confirm(ctx context.Context, s *store.Store, o store.GCOptions) (bool, error) {
	o.DryRun = true
	unwatch := a.meter(s)
	g, err := s.GC(ctx, o)
	unwatch()
	if err != nil || g.Empty() {
		return true, err
	}
	going := append(append(texts(g.Realizations), texts(g.Derivations)...), g.Work...)
	return a.ask(ctx, going, "remove "+garbageText(g)+"?")
}

// ask shows what would go, and asks.
func (a *app) ask(ctx context.Context, going []string, question string) (bool, error) {
	for _, what := range going {
		fmt.Fprintln(a.stderr, what)
	}
	fmt.Fprintf(a.stderr, "plx: %s [y/N] ", question)
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
	DryRun       bool         `json:"dry_run"`
	Realizations []string     `json:"realizations"`
	Derivations  []string     `json:"derivations"`
	Trees        []string     `json:"trees"`
	Work         []string     `json:"work"`
	Bytes        int64        `json:"bytes"`
	Kept         int          `json:"kept_realizations"`
	Spared       int          `json:"spared_realizations"`
	Keepers      []keptByJSON `json:"keepers,omitempty"`
}

type keptByJSON struct {
	keeperJSON
	Bytes        int64    `json:"bytes"`
	Alone        int64    `json:"alone_bytes"`
	Realizations []string `json:"realizations"`
}

type keeperJSON struct {
	Kind   string `json:"kind"`
	Root   string `json:"root"`
	Target string `json:"target"`
}

func (a *app) printGarbage(g store.Garbage, f gcFlags, o store.GCOptions) error {
	for _, err := range g.Damaged {
		a.tell("kept, and to be looked at: %v", err)
	}
	if o.MaxSize > 0 && g.Left > o.MaxSize {
		a.tellTooLarge(g, f)
	}
	doc := gcJSON{DryRun: f.dryRun, Realizations: texts(g.Realizations), Derivations: texts(g.Derivations), Trees: texts(g.Trees), Work: append([]string{}, g.Work...), Bytes: g.Bytes, Kept: g.Kept, Spared: g.Spared}
	for _, k := range g.Keepers {
		doc.Keepers = append(doc.Keepers, keptByJSON{keeperJSON{k.Kind, k.Name, k.Target}, k.Bytes, k.Alone, texts(k.Realizations)})
	}
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
	spared := ""
	if g.Spared > 0 {
		spared = fmt.Sprintf(", %d of which nothing needs", g.Spared)
	}
	a.say("%s %s; %s kept%s", what, garbageText(g), count(g.Kept, "realization"), spared)
	a.sayKeepers(g.Keepers)
	return nil
}

// tellTooLarge says what to do about a store that is larger than it should be.
func (a *app) tellTooLarge(g store.Garbage, f gcFlags) {
	what := "what is left is kept by roots, or by a running plx: plx gc --dry-run tells which and how much"
	if g.Spared > 0 {
		what = fmt.Sprintf("what is left is kept by roots, or was used within %s: give a smaller --older-than", f.olderThan)
	}
	a.tell("the store has %s, which is more than %s: %s", size(g.Left), f.maxSize, what)
}

// keepersShown is how many roots --dry-run tells of without -v: those that
// keep most.
const keepersShown = 10

// sayKeepers tells what keeps the rest.
func (a *app) sayKeepers(ks []store.Kept) {
	shown := ks
	if !a.verbose && len(ks) > keepersShown {
		shown = ks[:keepersShown]
	}
	for _, k := range shown {
		a.say("%s keeps %s: %s, %s of it alone", keeperText(k.Keeper), count(len(k.Realizations), "realization"), size(k.Bytes), size(k.Alone))
	}
	if len(shown) < len(ks) {
		a.say("and %d more keep something: -v tells of all", len(ks)-len(shown))
	}
}

// keeperText says what keeps something.
func keeperText(k store.Keeper) string {
	switch k.Kind {
	case store.KeepsProject:
		return "project " + k.Target
	case store.KeepsLink:
		return "link " + k.Target
	case store.KeepsDir:
		return "--keep " + k.Target
	case store.KeepsProcess:
		return "process " + k.Target
	case store.KeepsDamage:
		return "a damaged record"
	}
	return "root " + k.Name
}

// texts returns the texts of references.
func texts[T fmt.Stringer](refs []T) []string {
	list := make([]string, len(refs))
	for i, ref := range refs {
		list[i] = ref.String()
	}
	return list
}
