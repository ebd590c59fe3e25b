package realize

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"plx/internal/store"
)

// find is step 2. With adopt it makes what answers the action key its own.
func (t *task) find(ctx context.Context, adopt bool) error {
	foreign, err := t.foreign()
	if err != nil || !adopt {
		return err
	}
	for _, r := range foreign {
		if err := t.adopt(ctx, r); err != nil {
			return err
		}
	}
	if t.adopted != nil {
		t.g.observe(Event{Kind: Adopted, Stage: t.stage, Refs: t.adopted, Saved: t.saved})
	}
	return nil
}

// foreign finds the candidates by derivation and context, and returns what
// answers the action key besides, each tree once: the newest.
func (t *task) foreign() ([]store.Realization, error) {
	var err error
	if t.found, err = t.own(); err != nil {
		return nil, err
	}
	have := make(map[store.Hash]bool)
	for _, r := range t.found {
		have[r.Tree] = true
	}
	answers, err := t.g.Store.RealizationsOf(t.key)
	if err != nil || len(answers) == 0 {
		return nil, err
	}
	unwanted, err := t.g.Store.Unwanted(t.key)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(answers, func(a, b store.Realization) int { return b.Made.Compare(a.Made) })
	var foreign []store.Realization
	for _, r := range answers {
		if have[r.Tree] || unwanted[r.Tree] {
			continue
		}
		if !t.g.Store.HasTree(r.Tree) { // it may come back
			t.g.eventful.Store(true)
			continue
		}
		have[r.Tree] = true
		foreign = append(foreign, r)
	}
	return foreign, nil
}

// own returns the realizations of the derivation in the context that answer
// the action key. A damaged record is no candidate.
func (t *task) own() ([]store.Realization, error) {
	refs, err := t.g.Store.Realizations(t.stage.Ref)
	if err != nil {
		return nil, err
	}
	var own []store.Realization
	for _, ref := range refs {
		r, err := t.g.Store.Realization(ref)
		var damage *store.DamageError
		if errors.Is(err, store.ErrNotExist) || errors.As(err, &damage) {
			t.g.observe(Event{Kind: Warned, Stage: t.stage, Err: err})
			continue
		}
		if err != nil {
			return nil, err
		}
		if r.Answers(t.key) && maps.EqualFunc(r.Context, t.context, slices.Equal) && t.sound(r) {
			own = append(own, r)
		}
	}
	return own, nil
}

// sound reports whether the tree of a realization is there.
func (t *task) sound(r store.Realization) bool {
	if t.g.Store.HasTree(r.Tree) {
		return true
	}
	if _, told := t.g.gone.LoadOrStore(r.Tree, true); told { // several may have it
		return false
	}
	err := fmt.Errorf("%v: its tree %s is gone", r.Ref, t.g.Store.TreePath(r.Tree))
	t.g.observe(Event{Kind: Warned, Stage: t.stage, Err: err})
	return false
}
