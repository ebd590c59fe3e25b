// Package match owns choosing among the realizations of a derivation, or of a
// set of derivations: which of them the next stage is built on, or that more
// must be made.
//
// It is pure: what a metric is worth, the caller says through [Values]. The
// choice depends on the candidates and their values alone, never on the order
// in which they are given, so that every process makes the same one.
package match

import (
	"slices"

	"plx/internal/store"
)

type rule int8

const (
	latest rule = iota + 1 // zero is no rule at all
	only
	some
	all
	best
	exact
)

// A Matcher is a rule that chooses among candidates, with an optional
// condition that drops candidates first. It is one of
//
//	latest n     the n made last, newest first
//	only         the one there is; a second is an error
//	some n       any n, always the same ones
//	all          all there are, at least one
//	best n       the n with the greatest or least metric, best first
//	exact refs   those named, in the order written
//
// Matchers are made by [Default] and [Parse]. The zero Matcher is none.
type Matcher struct {
	rule   rule
	n      int          // of latest, some and best; at least 1
	by     string       // of best: a lens
	script string       // of best, instead of by
	min    bool         // of best: the least is the best
	refs   []store.RRef // of exact
	where  *condition   // nil: every candidate
}

// Default returns the matcher of a stage that has none: the latest one.
func Default() Matcher { return Matcher{rule: latest, n: 1} }

// List reports whether what m chooses is a list even where it holds one
// realization: all, and a count or list of references above one.
func (m Matcher) List() bool {
	return m.rule == all || m.n > 1 || len(m.refs) > 1
}

// Deterministic reports whether m claims that there is but one result: a
// second, different one is to be refused.
func (m Matcher) Deterministic() bool { return m.rule == only }

// Exact returns the references that m names, in the order written; nil unless
// it is an exact matcher.
func (m Matcher) Exact() []store.RRef { return slices.Clone(m.refs) }

// Lenses returns the lenses that m reads, each once: that of by, then those of
// where as they come. Each begins with the name of an output.
func (m Matcher) Lenses() []string {
	var lenses []string
	if m.by != "" {
		lenses = append(lenses, m.by)
	}
	if m.where == nil {
		return lenses
	}
	for _, lens := range m.where.lenses {
		if lens != m.by {
			lenses = append(lenses, lens)
		}
	}
	return lenses
}

// Script returns the script of by = { run = SCRIPT }, or "".
func (m Matcher) Script() string { return m.script }

// mustBeValid catches a caller that made a Matcher by itself.
func (m Matcher) mustBeValid() {
	if m.rule == 0 {
		panic("match: zero Matcher")
	}
}
