package main

// What an argument names, in every command that takes a stage or a reference:
//
//   - a stage of the current plan, a group, a sweep, or some of its points;
//
//   - a dref or an rref, or the beginning of one;
//
//   - where no stage has that name, the beginning of a hash without its kind.
//
// A command that can do nothing with one of these says what it takes.

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// A selection is what an argument names: stages of the current plan, or the
// derivation of a reference, with what that needs.
type selection struct {
	closure *plan.Closure
	stages  []*plan.Stage // at least one
	rref    store.RRef    // the realization that is named, if one is
}

// selected returns what the argument names.
func selected(s *store.Store, arg string) (selection, error) {
	if !hasKind(arg) {
		c, err := currentPlan(s)
		if err == nil {
			if stages, err := c.Select(arg); err == nil {
				return selection{closure: c, stages: stages}, nil
			}
		}
	}
	sub, err := named(s, arg)
	if err != nil {
		return selection{}, err
	}
	sel := selection{}
	if len(sub.rrefs) > 0 {
		sel.rref = sub.rrefs[0]
	}
	if c, err := currentPlan(s); err == nil && c.Lookup(sub.dref) != nil { // which knows its name
		sel.closure, sel.stages = c, []*plan.Stage{c.Lookup(sub.dref)}
		return sel, nil
	}
	if sel.closure, err = plan.FromRefs(s, []store.DRef{sub.dref}); err != nil {
		return selection{}, err
	}
	sel.stages = sel.closure.Targets()
	return sel, nil
}

// stagesOf returns the stages of a closure that arguments name. A reference
// stands for its derivation; one that is not in the closure is an error.
func stagesOf(s *store.Store, c *plan.Closure, args []string) ([]*plan.Stage, error) {
	var all []*plan.Stage
	for _, arg := range args {
		stages, err := c.Select(arg)
		if err != nil {
			o, ok, wrong := referred(s, arg)
			if wrong != nil {
				return nil, wrong
			}
			if !ok {
				return nil, notPlanned(err)
			}
			stage := c.Lookup(o.DRef)
			if stage == nil {
				return nil, &notFoundError{fmt.Sprintf("%s: no stage of the plan stands for it (plx ls lists them)", arg)}
			}
			stages = []*plan.Stage{stage}
		}
		all = append(all, stages...)
	}
	return all, nil
}

// closureFor returns the closure of what arguments name, with their stages: of
// the current plan where all are in it, and else of references alone.
func closureFor(s *store.Store, args []string) (*plan.Closure, []*plan.Stage, error) {
	c, planErr := currentPlan(s)
	if planErr == nil {
		stages, err := stagesOf(s, c, args)
		if err == nil || !slices.ContainsFunc(args, hasKind) && !slices.ContainsFunc(args, store.IsAbbreviation) {
			return c, stages, err
		}
	}
	var refs []store.DRef
	for _, arg := range args {
		sub, err := named(s, arg)
		if err != nil {
			return nil, nil, err
		}
		refs = append(refs, sub.dref)
	}
	if refs == nil {
		return nil, nil, planErr
	}
	c, err := plan.FromRefs(s, refs)
	if err != nil {
		return nil, nil, err
	}
	return c, c.Targets(), nil
}

// stageOf returns the stage of a closure that the argument names, or, for a dref
// that is not in it, that of what the dref needs. A result can't stand for it.
// Without a closure, for which err says why, there are only drefs.
func stageOf(s *store.Store, c *plan.Closure, err error, arg string) (*plan.Closure, *plan.Stage, error) {
	if err == nil {
		stage, missing := c.Find(arg)
		if missing == nil {
			return c, stage, nil
		}
		err = notPlanned(missing)
	}
	o, ok, wrong := referred(s, arg)
	switch {
	case wrong != nil:
		return nil, nil, wrong
	case !ok:
		return nil, nil, err
	case !o.RRef.IsZero():
		return nil, nil, wantsStage(arg, o)
	}
	if c != nil {
		if stage := c.Lookup(o.DRef); stage != nil {
			return c, stage, nil
		}
	}
	if c, err = plan.FromRefs(s, []store.DRef{o.DRef}); err != nil {
		return nil, nil, err
	}
	return c, c.Targets()[0], nil
}

// wantsStage says that a result is named where something is to be done.
func wantsStage(arg string, o store.Object) error {
	return &usageError{fmt.Sprintf("%s is a realization: name its stage, or its dref, %s", arg, o.DRef)}
}

// referred returns what an argument refers to, if it is a reference, or the
// beginning of one.
func referred(s *store.Store, arg string) (store.Object, bool, error) {
	if !hasKind(arg) {
		return abbreviated(s, arg)
	}
	o, err := reference(s, arg)
	return o, err == nil, err
}

// realizations returns the realizations that arguments name: of stages and drefs
// all that there are. It tells whether all were named by themselves.
func realizations(s *store.Store, args []string) (refs []store.RRef, each bool, err error) {
	each = true
	for _, arg := range args {
		if ref, err := store.ParseRRef(arg); err == nil {
			refs = append(refs, ref)
			continue
		}
		sub, err := selected(s, arg)
		if err != nil {
			return nil, false, err
		}
		if !sub.rref.IsZero() {
			refs = append(refs, sub.rref)
			continue
		}
		each = false
		for _, stage := range sub.stages {
			all, err := s.Realizations(stage.Ref)
			if err != nil {
				return nil, false, err
			}
			refs = append(refs, all...)
		}
	}
	return refs, each, nil
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
