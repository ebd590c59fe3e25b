package match

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"plx/internal/store"
)

// A Candidate is a realization that a matcher may choose.
type Candidate struct {
	Ref    store.RRef
	Made   time.Time // when it was last made
	Member int       // the position of its derivation in the set it belongs to; 0 for a single stage
}

// Values tells what the candidates' metrics are.
type Values interface {
	Lookup

	// Score returns the number that the script of by = { run = SCRIPT }
	// prints for the realization. Its errors are like those of Value.
	Score(ctx context.Context, ref store.RRef, script string) (float64, error)
}

// Lookup follows lenses into realizations.
type Lookup interface {
	// Value returns what the lens, which begins with the name of an output,
	// leads to: a string, bool, int64 or float64; anything else can't be
	// compared. An error that is [ErrNoValue] leaves the candidate out; any
	// other ends the choice.
	Value(ref store.RRef, lens string) (any, error)
}

// ErrNoValue says that a candidate doesn't have the metric asked for.
var ErrNoValue = errors.New("no value")

// A Choice is what a matcher made of the candidates.
type Choice struct {
	Chosen  []store.RRef           // in order; nil unless Lacking is 0
	Lacking int                    // how many more candidates are needed; 0: satisfied
	Left    []Left                 // those left out for a reason worth telling
	Keys    map[store.RRef]float64 // for best: what each candidate was ranked by
}

// A Left is a candidate that was left out, and why: where is false for it, or
// it lacks a metric.
type Left struct {
	Ref     store.RRef
	Why     string
	NoValue bool // it has no number that it could be ranked by
}

// A DiffersError says that there are several realizations where only one was
// claimed. Making more can't help.
type DiffersError struct {
	Refs []store.RRef // in order of their hashes; at least two
}

func (e *DiffersError) Error() string {
	a, b := e.Refs[0], e.Refs[1]
	return fmt.Sprintf(`match only: there are %d different realizations, %v and %v: remove one (plx rm %v), or choose with another matcher, such as "latest"`,
		len(e.Refs), a, b, b)
}

// An AbsentError says that realizations named by an exact matcher can't be
// chosen. Making more can't help.
type AbsentError struct {
	Left []Left // which, and why, in the order written; at least one
}

func (e *AbsentError) Error() string {
	texts := make([]string, len(e.Left))
	for i, l := range e.Left {
		texts[i] = fmt.Sprintf("%v: %s", l.Ref, l.Why)
	}
	return "match exact: " + strings.Join(texts, "; ")
}

// Choose applies m to the candidates, whose order does not matter.
//
// If [Choice.Lacking] is not 0, that many more are needed. Where making more
// can't help, the error is a [*DiffersError] or an [*AbsentError], and the
// Choice still tells who was left out. Errors of values are wrapped.
func (m Matcher) Choose(ctx context.Context, candidates []Candidate, values Values) (Choice, error) {
	m.mustBeValid()
	r := ranking{Matcher: m, values: values}
	if err := r.filter(ctx, stable(candidates)); err != nil {
		return Choice{}, fmt.Errorf("match %v: %w", m, err)
	}
	if m.rule == best {
		if err := r.rank(ctx); err != nil {
			return Choice{}, fmt.Errorf("match %v: %w", m, err)
		}
	}
	err := r.choose()
	slices.SortStableFunc(r.choice.Left, func(a, b Left) int { return a.Ref.Compare(b.Ref) })
	return r.choice, err
}

// stable returns the candidates in the order of their members and hashes,
// each once: with the first of its members and the newest of its times.
func stable(candidates []Candidate) []Candidate {
	merged := make(map[store.RRef]Candidate, len(candidates))
	for _, c := range candidates {
		if seen, twice := merged[c.Ref]; twice {
			c.Member = min(c.Member, seen.Member)
			if seen.Made.After(c.Made) {
				c.Made = seen.Made
			}
		}
		merged[c.Ref] = c
	}
	pool := make([]Candidate, 0, len(merged))
	for _, c := range merged {
		pool = append(pool, c)
	}
	slices.SortFunc(pool, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(a.Member, b.Member), a.Ref.Compare(b.Ref))
	})
	return pool
}

// byAge orders the newest first, equals by hash.
func byAge(a, b Candidate) int {
	return cmp.Or(b.Made.Compare(a.Made), a.Ref.Compare(b.Ref))
}

// A ranking is one choice in the making.
type ranking struct {
	Matcher
	values Values
	pool   []Candidate // those not yet left out, in stable order
	choice Choice
}

func (r *ranking) leave(c Candidate, why string) {
	r.choice.Left = append(r.choice.Left, Left{Ref: c.Ref, Why: why})
}

// filter fills the pool with those for whom where holds.
func (r *ranking) filter(ctx context.Context, candidates []Candidate) error {
	if r.where == nil {
		r.pool = candidates
		return nil
	}
	for _, c := range candidates {
		if err := ctx.Err(); err != nil {
			return err
		}
		why, err := r.where.refuse(c.Ref, r.values)
		switch {
		case err != nil:
			return fmt.Errorf("%v: %w", c.Ref, err)
		case why != "":
			r.leave(c, why)
		default:
			r.pool = append(r.pool, c)
		}
	}
	return nil
}

// rank orders the pool, best first, and leaves out those without a number.
func (r *ranking) rank(ctx context.Context) error {
	r.choice.Keys = make(map[store.RRef]float64, len(r.pool))
	ranked := make([]Candidate, 0, len(r.pool))
	for _, c := range r.pool {
		if err := ctx.Err(); err != nil {
			return err
		}
		key, err := r.key(ctx, c.Ref)
		switch {
		case errors.Is(err, ErrNoValue):
			r.choice.Left = append(r.choice.Left, Left{Ref: c.Ref, Why: err.Error(), NoValue: true})
		case err != nil:
			return fmt.Errorf("%v: %w", c.Ref, err)
		default:
			r.choice.Keys[c.Ref] = key
			ranked = append(ranked, c)
		}
	}
	slices.SortFunc(ranked, func(a, b Candidate) int {
		return cmp.Or(r.Order(r.choice.Keys[a.Ref], r.choice.Keys[b.Ref]), byAge(a, b))
	})
	r.pool = ranked
	return nil
}

// Order orders what best ranks by: the best first.
func (m Matcher) Order(a, b float64) int {
	if m.min {
		return cmp.Compare(a, b)
	}
	return cmp.Compare(b, a)
}

// key returns what the realization is ranked by. The error is [ErrNoValue] if
// it has none.
func (r *ranking) key(ctx context.Context, ref store.RRef) (float64, error) {
	if r.script != "" {
		key, err := r.values.Score(ctx, ref, r.script)
		if err == nil && math.IsNaN(key) {
			err = noValue{"the script printed NaN, which is not a number"}
		}
		return key, err
	}
	v, err := r.values.Value(ref, r.by)
	if err != nil {
		return 0, err
	}
	key, ok := number(v)
	if !ok {
		return 0, noValue{fmt.Sprintf("%s is %s, not a number", r.by, describe(v))}
	}
	return key, nil
}

// A noValue is an [ErrNoValue] with its reason.
type noValue struct{ why string }

func (e noValue) Error() string        { return e.why }
func (e noValue) Is(target error) bool { return target == ErrNoValue }

// choose makes the choice from what is left in the pool.
func (r *ranking) choose() error {
	switch r.rule {
	case exact:
		return r.chooseExact()
	case only:
		if len(r.pool) > 1 {
			slices.SortFunc(r.pool, func(a, b Candidate) int { return a.Ref.Compare(b.Ref) })
			return &DiffersError{refs(r.pool)}
		}
		r.first(1)
	case all:
		r.first(max(1, len(r.pool)))
	case latest:
		slices.SortFunc(r.pool, byAge)
		r.first(r.n)
	default:
		r.first(r.n)
	}
	return nil
}

// first chooses the first n of the pool, if there are as many.
func (r *ranking) first(n int) {
	if len(r.pool) < n {
		r.choice.Lacking = n - len(r.pool)
		return
	}
	r.choice.Chosen = refs(r.pool[:n])
}

func (r *ranking) chooseExact() error {
	why := make(map[store.RRef]string)
	for _, l := range r.choice.Left {
		why[l.Ref] = l.Why
	}
	for _, c := range r.pool {
		why[c.Ref] = ""
	}
	var absent AbsentError
	for _, ref := range r.refs {
		reason, known := why[ref]
		if !known {
			reason = "it is none of the realizations to choose from: pull or unpack it, or name another"
		}
		if reason != "" {
			absent.Left = append(absent.Left, Left{Ref: ref, Why: reason})
		}
	}
	if absent.Left != nil {
		return &absent
	}
	r.choice.Chosen = r.Exact()
	return nil
}

func refs(candidates []Candidate) []store.RRef {
	refs := make([]store.RRef, len(candidates))
	for i, c := range candidates {
		refs[i] = c.Ref
	}
	return refs
}
