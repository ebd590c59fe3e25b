package main

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"plx/internal/match"
	"plx/internal/plan"
	"plx/internal/query"
	"plx/internal/store"
)

type findFlags struct {
	config        []string
	where         string
	newer, older  string
	root          string
	kept, garbage bool
	table, asJSON bool
}

func (a *app) findCmd() *cobra.Command {
	var f findFlags
	cmd := &cobra.Command{
		Use:   "find [flags] [NAME|STAGE|REF…]",
		Short: "Find realizations in the store",
		Long: `Prints the realizations in the store for which all that is asked for holds, the
newest first: of any project, planned or not. NAME is that of the stage, without
sweep points and modules; * and ? in it stand for anything. A stage of a module,
points of a sweep, and references are found, too, as the current plan has them.

On a terminal, and with --long, it prints a table as plx runs does; else a
reference on each line.`,
		Example: `  plx find 'train*' --config lr=0.1 --newer-than 7d
  plx find 'train[lr=0.1]'
  plx find --where 'metrics.acc > 0.9' --long
  plx find --root paper-figures
  plx find --garbage --older-than 30d | xargs plx rm`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.find(cmd.Context(), f, args) },
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.config, "config", "c", nil, "with this value in its config, `key=value`; may be repeated")
	flags.StringVarP(&f.where, "where", "w", "", "for which the `condition` of a matcher holds")
	flags.StringVar(&f.newer, "newer-than", "", "made within the last `age`, as in 12h or 30d")
	flags.StringVar(&f.older, "older-than", "", "made longer than `age` ago")
	flags.StringVar(&f.root, "root", "", "kept by the root of this `name`, as plx root ls has it, or path")
	flags.BoolVar(&f.kept, "kept", false, "kept from plx gc by anything")
	flags.BoolVar(&f.garbage, "garbage", false, "kept by nothing: what plx gc would remove")
	flags.BoolVarP(&f.table, "long", "l", false, "print a table")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) find(ctx context.Context, f findFlags, names []string) error {
	q, err := f.search()
	if err != nil {
		return err
	}
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	if err := findNames(s, &q, names); err != nil {
		return err
	}
	s.ReadOnce()
	spareCollections()
	q.Values = lensValues{s}
	if q.Kind != query.AnyKept {
		if q.Kept, err = s.KeptBy(ctx, f.root); err != nil {
			return err
		}
	}
	found, err := q.Find(ctx, s)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		a.say("nothing in the store is like that")
	}
	if f.asJSON || f.table || a.width() > 0 && len(found) > 0 {
		return a.findTable(s, found, f)
	}
	for _, m := range found {
		if err := a.result(m.Ref.String()); err != nil {
			return err
		}
	}
	return nil
}

// search returns what the flags ask for.
func (f findFlags) search() (query.Search, error) {
	q := query.Search{Config: make(map[string]string)}
	if f.garbage && (f.kept || f.root != "") {
		return q, &usageError{"--garbage is what nothing keeps: it excludes --kept and --root"}
	}
	for _, text := range f.config {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return q, &usageError{fmt.Sprintf("--config %s: want --config key=value", text)}
		}
		q.Config[key] = value
	}
	if f.where != "" {
		w, err := match.ParseWhere(f.where)
		if err != nil {
			return q, &usageError{"--" + err.Error()}
		}
		q.Where = &w
	}
	if f.root != "" || f.kept {
		q.Kind = query.OnlyKept
	} else if f.garbage {
		q.Kind = query.NotKept
	}
	return q, f.ages(&q)
}

// findNames reads the arguments: the names of derivations, with * and ? in them,
// or else what any command takes.
func findNames(s *store.Store, q *query.Search, args []string) error {
	q.DRefs, q.RRefs = make(map[store.DRef]bool), make(map[store.RRef]bool)
	refs, err := s.Derivations()
	if err != nil {
		return err
	}
	for _, arg := range args {
		isNamed := func(ref store.DRef) bool { ok, _ := path.Match(arg, ref.Name()); return ok }
		if strings.ContainsAny(arg, "*?") && !strings.Contains(arg, "[") || slices.ContainsFunc(refs, isNamed) {
			q.Names = append(q.Names, arg)
			continue
		}
		sel, err := selected(s, arg)
		if err != nil && statusOf(err) == exitNotFound && !strings.ContainsAny(arg, "[:.") {
			q.Names = append(q.Names, arg) // nothing in the store has that name
			continue
		}
		if err != nil {
			return err
		}
		if !sel.rref.IsZero() {
			q.RRefs[sel.rref] = true
			continue
		}
		for _, stage := range sel.stages {
			q.DRefs[stage.Ref] = true
		}
	}
	return nil
}

// ages reads --newer-than and --older-than.
func (f findFlags) ages(q *query.Search) error {
	for _, age := range []struct {
		flag, text string
		since      *time.Time
	}{{"--newer-than", f.newer, &q.Newer}, {"--older-than", f.older, &q.Older}} {
		if age.text == "" {
			continue
		}
		d, err := plan.ParseDuration(age.text)
		if err != nil {
			return &usageError{age.flag + ": " + err.Error()}
		}
		*age.since = time.Now().Add(-d)
	}
	return nil
}

// findTable prints what was found as plx runs does.
func (a *app) findTable(s *store.Store, found []store.Made, f findFlags) error {
	r := query.Reader{Store: s, Values: lensValues{s}, Damaged: func(err error) { a.tell("%v", err) }}
	refs := make([]store.RRef, len(found))
	for i, m := range found {
		refs[i] = m.Ref
	}
	runs := r.RunsOf(refs)
	columns := []column{fixedColumn("rref"), fixedColumn("stage")}
	for _, key := range query.ConfigNames(runs) {
		columns = append(columns, configColumn(runs, key))
	}
	for _, name := range query.MetricNames(runs) {
		columns = append(columns, metricColumn(name))
	}
	for _, name := range []string{"run", "took", "size", "made"} {
		columns = append(columns, fixedColumn(name))
	}
	return a.printRuns(runs, columns, runsFlags{json: f.asJSON})
}
