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

// named returns what the argument names: a reference, a stage of the current
// plan, or, if there is no such stage, what a hash stands for of which it is the
// beginning. A stage comes without realizations.
func named(s *store.Store, arg string) (subject, error) {
	if hasKind(arg) {
		o, err := reference(s, arg)
		return subjectOf(o), err
	}
	c, err := currentPlan(s)
	if err == nil {
		var stage *plan.Stage
		if stage, err = c.Find(arg); err == nil {
			return subject{stage: stage, dref: stage.Ref}, nil
		}
		err = notPlanned(err)
	}
	if o, ok, abbrErr := abbreviated(s, arg); ok || abbrErr != nil {
		return subjectOf(o), abbrErr
	}
	return subject{}, err
}

func subjectOf(o store.Object) subject {
	sub := subject{dref: o.DRef}
	if !o.RRef.IsZero() {
		sub.rrefs = []store.RRef{o.RRef}
	}
	return sub
}

// hasKind tells a reference, or its beginning, from a name.
func hasKind(arg string) bool {
	return strings.HasPrefix(arg, "dref:") || strings.HasPrefix(arg, "rref:")
}

// reference returns what a reference names, which may be the beginning of one.
// What it names need not be there if it is whole.
func reference(s *store.Store, arg string) (store.Object, error) {
	if store.IsAbbreviation(arg) {
		return s.Abbreviated(arg)
	}
	if strings.HasPrefix(arg, "rref:") {
		ref, err := store.ParseRRef(arg)
		if err != nil {
			return store.Object{}, &usageError{err.Error()}
		}
		return store.Object{DRef: ref.DRef(), RRef: ref}, nil
	}
	ref, err := store.ParseDRef(arg)
	if err != nil {
		return store.Object{}, &usageError{err.Error()}
	}
	return store.Object{DRef: ref}, nil
}

// abbreviated returns what a hash stands for of which the argument is the
// beginning, if there is one. That there are several is an error.
func abbreviated(s *store.Store, arg string) (store.Object, bool, error) {
	if !store.IsAbbreviation(arg) {
		return store.Object{}, false, nil
	}
	o, err := s.Abbreviated(arg)
	if errors.Is(err, store.ErrNotExist) {
		return o, false, nil
	}
	return o, err == nil, err
}

// realizations returns what arguments name that must be realizations.
func realizations(s *store.Store, args []string) ([]store.RRef, error) {
	var refs []store.RRef
	for _, arg := range args {
		o, ok, err := abbreviated(s, arg)
		if err == nil && !ok {
			if _, err := store.ParseRRef(arg); err != nil && !hasKind(arg) {
				return nil, &usageError{err.Error()}
			}
			o, err = reference(s, arg)
		}
		if err != nil {
			return nil, err
		}
		if o.RRef.IsZero() {
			return nil, &usageError{fmt.Sprintf("%s is a derivation: name its realizations (plx ls %s lists them)", arg, arg)}
		}
		refs = append(refs, o.RRef)
	}
	return refs, nil
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
