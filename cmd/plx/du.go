package main

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"plx/internal/store"
	"plx/internal/ui"
)

type duFlags struct{ all, closure, byName, json bool }

func (a *app) duCmd() *cobra.Command {
	var f duFlags
	cmd := &cobra.Command{
		Use:   "du [flags] [STAGE|REF…]",
		Short: "Tell how much room results take",
		Long: `Tells what the stages of the current plan take in the store, the largest first,
or what is named: a stage or a dref with all its realizations and sources, an
rref alone.

OWN is what nothing else has: what would be free without it. SHARED is what
something else in the store has, too, for equal results are kept once. With
arguments, or --closure, CLOSURE is all that it is made from, and itself.

With --all all of the store is told, by names; so it is where there is no plan.`,
		Example: `  plx du
  plx du --closure report
  plx du --all`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.du(cmd.Context(), f, args) },
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.all, "all", "a", false, "tell of all that is in the store, by names")
	flags.BoolVarP(&f.closure, "closure", "c", false, "tell what it is made from, too")
	flags.BoolVar(&f.byName, "by-name", false, "sort by names, not by sizes")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

type duJSON struct {
	Name         string `json:"name"`
	Ref          string `json:"ref"`
	Realizations int    `json:"realizations"`
	Own          int64  `json:"own_bytes"`
	Shared       int64  `json:"shared_bytes"`
	Closure      int64  `json:"closure_bytes"`
}

func (a *app) du(ctx context.Context, f duFlags, args []string) error {
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	docs, groups, err := measured(s, f, args)
	if err != nil {
		return err
	}
	closures := f.closure || len(args) > 0
	shares, all, err := s.DU(ctx, groups, closures)
	if err != nil {
		return err
	}
	for i, share := range shares {
		d := &docs[i]
		d.Realizations, d.Own, d.Shared, d.Closure = share.Realizations, share.Own, share.Shared, share.Closure
	}
	slices.SortStableFunc(docs, func(x, y duJSON) int {
		if f.byName {
			return cmp.Compare(x.Name, y.Name)
		}
		return cmp.Compare(y.Own+y.Shared, x.Own+x.Shared)
	})
	if f.json {
		return a.resultJSON(map[string]any{"sizes": docs, "store_bytes": all})
	}
	a.say("the store has %s in all", size(all))
	return a.resultTable(duTable(docs, closures))
}

func duTable(docs []duJSON, closures bool) ui.Table {
	t := ui.Table{Heads: []string{">OWN", ">SHARED"}}
	if closures {
		t.Heads = append(t.Heads, ">CLOSURE")
	}
	t.Heads = append(t.Heads, ">RESULTS", "NAME")
	for _, d := range docs {
		row := []string{sizeText(d.Own), sizeText(d.Shared)}
		if closures {
			row = append(row, sizeText(d.Closure))
		}
		t.Add(append(row, strconv.Itoa(d.Realizations), d.Name)...)
	}
	return t
}

// measured returns what is to be measured: what is named, the stages of the
// current plan, or all names in the store.
func measured(s *store.Store, f duFlags, args []string) ([]duJSON, [][]store.Object, error) {
	docs, groups := []duJSON{}, [][]store.Object(nil)
	add := func(name string, o store.Object) {
		docs = append(docs, duJSON{Name: name, Ref: o.String()})
		groups = append(groups, []store.Object{o})
	}
	for _, arg := range args {
		sel, err := selected(s, arg)
		if err != nil {
			return nil, nil, err
		}
		for _, stage := range sel.stages {
			name := arg
			if len(sel.stages) > 1 {
				name = stage.Name
			}
			add(name, store.Object{DRef: stage.Ref, RRef: sel.rref})
		}
	}
	if len(args) > 0 {
		return docs, groups, nil
	}
	if c, err := currentPlan(s); err == nil && !f.all {
		had := make(map[store.DRef]bool)
		for _, stage := range c.Stages() {
			if !had[stage.Ref] {
				had[stage.Ref] = true
				add(stage.Name, store.Object{DRef: stage.Ref})
			}
		}
		return docs, groups, nil
	}
	return byNames(s)
}

// byNames returns all derivations in the store, by their names.
func byNames(s *store.Store) ([]duJSON, [][]store.Object, error) {
	refs, err := s.Derivations()
	docs, groups, at := []duJSON{}, [][]store.Object(nil), make(map[string]int)
	for _, ref := range refs {
		i, ok := at[ref.Name()]
		if !ok {
			i = len(groups)
			at[ref.Name()] = i
			docs, groups = append(docs, duJSON{Name: ref.Name()}), append(groups, nil)
		}
		groups[i] = append(groups[i], store.Object{DRef: ref})
	}
	return docs, groups, err
}
