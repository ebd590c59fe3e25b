package realize

import (
	"errors"
	"time"

	"plx/internal/match"
	"plx/internal/store"
)

// exhausted is for a command that gives the same each time.
func (t *task) exhausted(m match.Matcher, c match.Choice) error {
	e := t.unsatisfied(m, c, "building again made nothing new")
	e.Repeats = true
	return e
}

func (t *task) unsatisfied(m match.Matcher, c match.Choice, why string) *MatchError {
	return &MatchError{
		Stage: t.stage.Name, Ref: t.stage.Ref, Matcher: m, Found: len(t.found),
		Built: t.built, Choice: c, Err: errors.New(why),
	}
}

// took returns how long it took to make a realization.
func took(r store.Realization) time.Duration { return max(r.Stopped.Sub(r.Started), 0) }

// report says what was chosen, and takes note that it is used.
func (t *task) report() error {
	for ref := range t.results {
		if err := t.g.Store.Touch(ref); err != nil {
			return err
		}
	}
	for _, m := range t.demands {
		t.tellChoice(Choice{Matcher: m, Choice: t.choices[demandKey(m)]})
	}
	if t.built > 0 || t.adopted != nil {
		return nil // each has been reported
	}
	chosen := t.chosen()
	var saved time.Duration
	for _, ref := range chosen {
		saved += took(t.results[ref])
	}
	t.g.observe(Event{Kind: Reused, Stage: t.stage, Refs: chosen, Saved: saved})
	return nil
}

// tellChoice observes a choice, if anybody wants to know of it.
func (t *task) tellChoice(c Choice) {
	if t.g.TellChoices {
		t.g.observe(Event{Kind: Chose, Stage: t.stage, Refs: c.Chosen, Choice: &c})
	}
}
