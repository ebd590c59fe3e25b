package main

// What was answered before is not worked out again, as long as all that it was
// made from is the same.

import (
	"fmt"
	"os"
	"runtime/debug"

	"plx/internal/builder"
	"plx/internal/plan"
	"plx/internal/realize"
	"plx/internal/store"
)

// recall returns what was answered to this request before, or nil.
func (a *app) recall(s *store.Store, args, params []string, realized bool, mode builder.Mode) *plan.Answer {
	program := answererID(mode)
	if program == "" {
		return nil
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // the answer is all that there is in memory
	q := plan.Question{Realized: realized, Program: program, Store: s, FindTool: builder.FindTool}
	r, err := splitRequest(s, args, params)
	if err != nil || len(r.drefs) > 0 {
		return nil
	}
	q.File, q.Params, q.Targets = r.file, r.params, r.targets
	return q.Recall()
}

// answererID tells this program from others, which may answer otherwise. Under
// strict it does itself: it warns.
func answererID(mode builder.Mode) string {
	exe, err := os.Executable()
	if err != nil {
		return ""
	}
	stamp, err := store.FileStamp(exe)
	if err != nil {
		return ""
	}
	if mode == builder.Strict {
		stamp += " strict"
	}
	return version() + " " + stamp
}

// answers reports whether a realization that was asked for so may be answered
// by what is kept.
func (f realizeFlags) answers() bool {
	return !f.dryRun && f.rebuild == nil && f.check == nil && !f.frozen && f.link == "" && f.events == ""
}

// printRecalled prints an answer as what realizing would have printed.
func (a *app) printRecalled(s *store.Store, answer *plan.Answer, json bool) error {
	p := progress{app: a, count: map[realize.EventKind]int{realize.Reused: answer.Stages}, saved: answer.Saved}
	p.summary()
	if !json {
		_, err := fmt.Fprint(a.stdout, answer.Results)
		return err
	}
	docs := []resultJSON{}
	for _, t := range answer.Targets() {
		doc := resultJSON{Stage: t.Name, DRef: t.Ref, RRefs: []string{}, Paths: []string{}}
		for _, text := range t.Results {
			ref, err := store.ParseRRef(text)
			if err != nil {
				return err
			}
			doc.RRefs, doc.Paths = append(doc.RRefs, text), append(doc.Paths, s.OutPath(ref))
		}
		docs = append(docs, doc)
	}
	return a.resultJSON(map[string]any{"targets": docs})
}

// keep keeps an answer for the next time.
func (a *app) keep(s *store.Store, answer *plan.Answer, basis *store.Basis, mode builder.Mode) {
	if answer == nil || basis == nil {
		return
	}
	if program := answererID(mode); program != "" {
		if err := answer.Keep(program, s, basis); err != nil {
			a.tell("keep the answer: %v", err) // it is a cache
		}
	}
}

// keepRealized keeps what was chosen for the targets.
func (a *app) keepRealized(s *store.Store, c *plan.Closure, watch *store.Watch, gs *realize.Grounds, results []realize.Result, mode builder.Mode) {
	answer := c.Answer()
	if gs == nil || answer == nil {
		return
	}
	chosen := make([][]store.RRef, len(results))
	for i, r := range results {
		chosen[i] = r.Chosen
	}
	answer.Realize(chosen, gs.Saved)
	a.keep(s, answer, watch.Basis(gs.About, gs.Sources, gs.Trees), mode)
}
