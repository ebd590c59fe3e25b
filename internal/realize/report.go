package realize

import (
	"errors"
	"fmt"
	"time"

	"plx/internal/builder"
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
	t.warnOfWalls(chosen)
	t.g.observe(Event{Kind: Reused, Stage: t.stage, Refs: chosen, Saved: saved})
	return nil
}

// warnOfWalls warns of results that were made with less isolation than is
// demanded now. They are results all the same: what was isolated less has most
// likely made what it would make now, and only making it again tells.
func (t *task) warnOfWalls(chosen []store.RRef) {
	if !t.g.Strict {
		return
	}
	for _, ref := range chosen {
		if had := t.results[ref].Sandbox; had != "" && !builder.IsWhole(had) {
			err := fmt.Errorf("what is used was first made with less isolation than --sandbox=strict demands (%s): plx realize --rebuild %s makes it again", had, t.stage.Name)
			t.g.observe(Event{Kind: Warned, Stage: t.stage, Err: err})
			return
		}
	}
}

// tellChoice observes a choice, if anybody wants to know of it.
func (t *task) tellChoice(c Choice) {
	if t.g.TellChoices {
		t.g.observe(Event{Kind: Chose, Stage: t.stage, Refs: c.Chosen, Choice: &c})
	}
}
