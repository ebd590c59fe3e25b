package main

// What an argument of a query names: a reference, or a stage of the current
// plan, with what its matcher chose.

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"plx/internal/plan"
	"plx/internal/realize"
	"plx/internal/store"
)

// A subject is what an argument names. It has a derivation, and realizations
// if any were named or chosen.
type subject struct {
	stage *plan.Stage // nil for a reference
	dref  store.DRef
	rrefs []store.RRef
}

// named returns what the argument names. A stage comes without realizations.
func named(s *store.Store, arg string) (subject, error) {
	switch {
	case strings.HasPrefix(arg, "dref:"):
		ref, err := store.ParseDRef(arg)
		if err != nil {
			return subject{}, &usageError{err.Error()}
		}
		return subject{dref: ref}, nil
	case strings.HasPrefix(arg, "rref:"):
		ref, err := store.ParseRRef(arg)
		if err != nil {
			return subject{}, &usageError{err.Error()}
		}
		return subject{dref: ref.DRef(), rrefs: []store.RRef{ref}}, nil
	}
	c, err := currentPlan(s)
	if err != nil {
		return subject{}, err
	}
	stage, err := c.Find(arg)
	if err != nil {
		return subject{}, notPlanned(err)
	}
	return subject{stage: stage, dref: stage.Ref}, nil
}

// notPlanned says that a name is not that of a stage in the current plan, which
// may have fewer stages than its file.
func notPlanned(err error) error {
	var missing *plan.NotFoundError
	if !errors.As(err, &missing) {
		return err
	}
	if missing.Err != nil {
		return &notFoundError{missing.Err.Error()}
	}
	text := fmt.Sprintf("the current plan, of %s, has no stage %q", missing.File, missing.Name)
	if missing.Near != "" {
		return &notFoundError{fmt.Sprintf("%s; did you mean %q? (plx ls lists those that it has)", text, missing.Near)}
	}
	return &notFoundError{fmt.Sprintf("%s (plx ls lists those that it has; plx instantiate %s %s makes a plan with it)", text, missing.File, missing.Name)}
}

// chosen returns what the argument names, with the realizations that the
// matcher chose: an error if there are none.
func (a *app) chosen(ctx context.Context, s *store.Store, arg string) (subject, error) {
	sub, err := named(s, arg)
	if err != nil || len(sub.rrefs) > 0 {
		return sub, err
	}
	c, err := closureOf(s, sub)
	if err != nil {
		return sub, err
	}
	z := &realize.Realizer{Store: s, Values: lensValues{s}, Observe: (&progress{app: a}).observe}
	sub.rrefs, err = z.Chosen(ctx, c, c.Lookup(sub.dref))
	return sub, err
}

// closureOf returns the current plan for a stage of it, and for a reference
// what that needs.
func closureOf(s *store.Store, sub subject) (*plan.Closure, error) {
	if sub.stage != nil {
		return currentPlan(s)
	}
	return plan.FromRefs(s, []store.DRef{sub.dref})
}

// one returns the only realization of a subject.
func (sub subject) one(arg string) (store.RRef, error) {
	if len(sub.rrefs) == 1 {
		return sub.rrefs[0], nil
	}
	return store.RRef{}, &usageError{fmt.Sprintf("%s has %d realizations: say which, by its reference (plx ls %s lists them)", arg, len(sub.rrefs), arg)}
}
