package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"plx/internal/match"
	"plx/internal/plan"
	"plx/internal/query"
	"plx/internal/realize"
	"plx/internal/store"
	"plx/internal/ui"
)

type runsFlags struct {
	all, reverse        bool
	where, sort         string
	columns             []string
	csv, markdown, json bool
}

func (a *app) runsCmd() *cobra.Command {
	var f runsFlags
	cmd := &cobra.Command{
		Use:   "runs [flags] [STAGE|DREF…]",
		Short: "Compare the realizations of stages in a table",
		Long: `Prints a table of the realizations of stages, or of all points of a sweep: which
of them the stage's matcher chose and in what place, the config in which they
differ, metrics, how long they took, their size, and when they were made. The
chosen ones come first, then the newest. Metrics are the numbers in the outputs
that the stage names in metrics, and what its matcher ranks by; those in tables
have dots in their names. Without arguments, the table has all stages of the
current plan that name metrics, or else its targets.

With --all also those of earlier versions of the stage, as long as they are in
the store: of every derivation of that name.

--where takes the condition of a matcher, in which lenses lead on from the
realization: 'model.loss < 0.1 and lr == 0.01'. Columns are named as in the head
of the table, in any case. There are more than it shows by itself: dref, tree,
cpu, memory, host, by, adopted, and all config keys.`,
		Example: `  plx runs fit
  plx runs 'train[*]' --sort acc --reverse
  plx runs fit --all --where 'model.loss < 0.13' --columns rref,rate,model.loss
  plx runs 'train[*]' --csv > runs.csv`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.runs(cmd.Context(), f, args) },
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.all, "all", "a", false, "also realizations of earlier versions of the stage")
	flags.StringVarP(&f.where, "where", "w", "", "only those for which the `condition` holds")
	flags.StringVarP(&f.sort, "sort", "s", "", "sort by a `column`, the least first")
	flags.BoolVarP(&f.reverse, "reverse", "r", false, "with --sort, the greatest first")
	flags.StringSliceVarP(&f.columns, "columns", "c", nil, "show these `columns`, separated by commas")
	flags.BoolVar(&f.csv, "csv", false, "print CSV, with values in full")
	flags.BoolVar(&f.markdown, "md", false, "print a table in Markdown")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func (a *app) runs(ctx context.Context, f runsFlags, args []string) error {
	if f.csv && f.markdown || f.csv && f.json || f.markdown && f.json {
		return &usageError{"--csv, --md and --json exclude each other"}
	}
	var where *match.Where
	if f.where != "" {
		w, err := match.ParseWhere(f.where)
		if err != nil {
			return &usageError{"--" + err.Error()}
		}
		where = &w
	}
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	s.ReadOnce()
	spareCollections()
	named, ranks, err := a.runsOf(ctx, s, f, args)
	if err != nil {
		return err
	}
	refused := "" // why the last was left out
	r := query.Reader{Store: s, Ranks: ranks, Where: where, Values: lensValues{s}, Damaged: func(err error) { a.tell("%v", err) }}
	r.Refused = func(ref store.RRef, why string) { refused = fmt.Sprintf("%s: %s", short(ref), why) }
	runs, err := r.Runs(ctx, named)
	if err != nil {
		return err
	}
	if len(runs) == 0 {
		a.sayNoRuns(refused)
	}
	columns, err := runColumns(runs, f, len(named) > 1 || f.all || len(args) == 0)
	if err != nil {
		return err
	}
	if err := sortRuns(runs, f); err != nil {
		return err
	}
	return a.printRuns(runs, columns, f)
}

// runsOf returns the derivations that the arguments name, and which of their
// realizations are chosen.
func (a *app) runsOf(ctx context.Context, s *store.Store, f runsFlags, args []string) ([]query.Named, map[store.RRef]int, error) {
	var all []query.Named
	ranks := make(map[store.RRef]int)
	known := make(map[store.DRef]bool)
	add := func(stage *plan.Stage) {
		if !known[stage.Ref] {
			known[stage.Ref] = true
			all = append(all, query.Named{Stage: stage.Name, Ref: stage.Ref, Match: stage.Match})
		}
	}
	z := &realize.Realizer{Store: s, Values: lensValues{s}, Observe: (&progress{app: a}).observe}
	if len(args) == 0 {
		var err error
		if args, err = measuredStages(s); err != nil {
			return nil, nil, err
		}
	}
	for _, arg := range args {
		sel, err := selected(s, arg)
		if err != nil {
			return nil, nil, err
		}
		if err := readAhead(s, sel.stages); err != nil {
			return nil, nil, err
		}
		more, err := z.Ranks(ctx, sel.closure, sel.stages)
		if err != nil {
			return nil, nil, err
		}
		for ref, rank := range more {
			ranks[ref] = rank
		}
		for _, stage := range sel.stages {
			add(stage)
		}
	}
	if !f.all {
		return all, ranks, nil
	}
	names := make(map[string]match.Matcher)
	for _, n := range all {
		names[n.Ref.Name()] = n.Match
	}
	refs, err := s.Derivations()
	for _, ref := range refs {
		if m, wanted := names[ref.Name()]; wanted && !known[ref] {
			all = append(all, query.Named{Stage: ref.Name(), Ref: ref, Match: m})
		}
	}
	return all, ranks, err
}

// measuredStages returns the names of the stages of the current plan that name
// metrics, or else of its targets.
func measuredStages(s *store.Store) ([]string, error) {
	c, err := currentPlan(s)
	if err != nil {
		return nil, err
	}
	var names []string
	had := make(map[string]bool)
	add := func(stage *plan.Stage) {
		name, _, swept := strings.Cut(stage.Name, "[")
		if swept {
			name += "[*]"
		}
		if !had[name] {
			had[name] = true
			names = append(names, name)
		}
	}
	for _, stage := range c.Stages() {
		if len(stage.Derivation.Metrics) > 0 {
			add(stage)
		}
	}
	if names == nil {
		for _, stage := range c.Targets() {
			add(stage)
		}
	}
	return names, nil
}

// readAhead reads the records of stages.
func readAhead(s *store.Store, stages []*plan.Stage) error {
	var all []store.RRef
	for _, stage := range stages {
		refs, err := s.Realizations(stage.Ref)
		if err != nil {
			return err
		}
		all = append(all, refs...)
	}
	s.ReadAhead(all)
	return nil
}

func sortRuns(runs []query.Run, f runsFlags) error {
	if f.sort == "" {
		if f.reverse {
			slices.Reverse(runs)
		}
		return nil
	}
	c, err := columnOf(runs, f.sort)
	if err != nil {
		return err
	}
	slices.SortStableFunc(runs, func(a, b query.Run) int {
		x, y := c.value(a), c.value(b)
		if f.reverse && x != nil && y != nil { // what has no value stays last
			return query.Compare(y, x)
		}
		return query.Compare(x, y)
	})
	return nil
}

// sayNoRuns says that the table is empty, and why.
func (a *app) sayNoRuns(refused string) {
	if refused == "" {
		a.say("there are no realizations: plx realize makes them")
	} else {
		a.say("the condition holds for none: as of %s", refused)
	}
}

func (a *app) printRuns(runs []query.Run, columns []column, f runsFlags) error {
	switch {
	case f.json:
		return a.runsJSON(runs, columns)
	case f.csv:
		return a.runsCSV(runs, columns)
	case f.markdown:
		return a.result(markdown(runsTable(runs, columns))...)
	}
	if len(runs) == 0 {
		return nil
	}
	return a.resultTable(runsTable(runs, columns))
}

func runsTable(runs []query.Run, columns []column) ui.Table {
	var t ui.Table
	rows := make([][]string, len(runs))
	for _, c := range columns {
		right := c.right
		for i, r := range runs {
			v := c.value(r)
			right = right || isNumber(v)
			rows[i] = append(rows[i], c.cell(v))
		}
		t.Heads = append(t.Heads, heading(c.name, right))
	}
	t.Rows = rows
	return t
}

func isNumber(v any) bool {
	switch v.(type) {
	case int, int64, float64:
		return true
	}
	return false
}

// heading writes the name of a column: those that plx names in capitals.
func heading(name string, right bool) string {
	if slices.ContainsFunc(fixedColumns, func(c column) bool { return c.name == name }) {
		name = strings.ToUpper(name)
	}
	if right {
		return ">" + name
	}
	return name
}

func (c column) cell(v any) string {
	switch {
	case v == nil:
		return ""
	case c.text != nil:
		return c.text(v)
	}
	return cell(v)
}
