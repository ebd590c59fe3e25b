package main

import (
	"context"
	"fmt"

	"plx/internal/plan"
	"plx/internal/query"
	"plx/internal/store"
)

// whyPath tells through which inputs one thing depends on another.
func (a *app) whyPath(ctx context.Context, s *store.Store, f whyFlags, from, to string) error {
	sub, err := named(s, from)
	if err != nil {
		return err
	}
	if len(sub.rrefs) > 0 {
		return a.whyResult(ctx, s, f, sub.rrefs[0], to)
	}
	c, err := closureOf(s, sub)
	if err != nil {
		return err
	}
	ends, err := stagesNamed(s, c, to)
	if err != nil {
		return err
	}
	w := query.StageWays(c, sub.dref, ends)
	if w.Count == 0 && len(ends) > 0 && query.StageWays(c, ends[0], []store.DRef{sub.dref}).Count > 0 {
		a.say("it is the other way round: %s depends on %s", to, from)
	}
	return printWays(a, f, from, to, sub.dref, w, func(ref store.DRef) string { return c.Lookup(ref).Name })
}

// stagesNamed returns the derivations of the closure that the argument names.
func stagesNamed(s *store.Store, c *plan.Closure, arg string) ([]store.DRef, error) {
	var refs []store.DRef
	if !hasKind(arg) {
		if stages, err := c.Select(arg); err == nil {
			for _, stage := range stages {
				refs = append(refs, stage.Ref)
			}
			return refs, nil
		}
	}
	sub, err := named(s, arg)
	if err != nil || c.Lookup(sub.dref) == nil {
		return nil, err
	}
	return []store.DRef{sub.dref}, nil
}

// whyResult tells through which inputs a realization was built from another, or
// from any of a derivation.
func (a *app) whyResult(ctx context.Context, s *store.Store, f whyFlags, from store.RRef, to string) error {
	sub, err := named(s, to)
	if err != nil {
		return err
	}
	w, err := query.ResultWays(s, from, func(ref store.RRef) bool {
		if len(sub.rrefs) > 0 {
			return ref == sub.rrefs[0]
		}
		return ref.DRef() == sub.dref
	})
	if err != nil {
		return err
	}
	return printWays(a, f, from.String(), to, from, w, store.RRef.String)
}

type waysJSON struct {
	Ways  [][]wayStepJSON `json:"ways"`
	Count uint64          `json:"count"`
}

type wayStepJSON struct {
	Input string `json:"input"`
	To    string `json:"to"`
}

// printWays prints the shortest way, or all.
func printWays[N comparable](a *app, f whyFlags, from, to string, start N, w query.Ways[N], name func(N) string) error {
	doc := waysJSON{Ways: [][]wayStepJSON{}, Count: w.Count}
	print := func(way []query.Step[N]) error {
		steps := []wayStepJSON{}
		for _, step := range way {
			steps = append(steps, wayStepJSON{step.Input, name(step.To)})
		}
		if f.json {
			doc.Ways = append(doc.Ways, steps)
			return nil
		}
		lines := []string{name(start)}
		for _, step := range steps {
			lines = append(lines, fmt.Sprintf("-> %s (input %s)", step.To, step.Input))
		}
		return a.result(lines...)
	}
	if f.all {
		for way := range w.All() {
			if err := print(way); err != nil {
				return err
			}
		}
	} else if w.Count > 0 {
		if err := print(w.Shortest); err != nil {
			return err
		}
	}
	switch {
	case f.json:
		return a.resultJSON(doc)
	case w.Count == 0:
		a.say("%s does not depend on %s", from, to)
	case w.Count > 1 && !f.all:
		a.say("%s: --all prints them", moreWays(w.Count-1))
	}
	return nil
}

func moreWays(n uint64) string {
	switch {
	case n >= query.ManyWays-1:
		return "and very many more ways"
	case n == 1:
		return "and 1 more way"
	}
	return fmt.Sprintf("and %d more ways", n)
}
