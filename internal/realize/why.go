package realize

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"plx/internal/match"
	"plx/internal/plan"
	"plx/internal/store"
)

// A Why tells why a stage would be built or not, how what there is of it came to
// be built, and what matchers choose of it and for it.
type Why struct {
	Forecast
	Result    store.RRef // what is there, and would be reused; zero: nothing
	Built     Reason     // why Result was built
	Questions []Question
}

// A Question is what a matcher is asked, and its answer.
type Question struct {
	Matcher match.Matcher
	By      []string // who asks: "a target", or inputs such as plot.runs
	Input   string   // the input of this stage that is chosen for; "": the question is about the stage's own results
	Lacking int
	Err     error // the matcher can't choose
	Answers []Answer
}

// An Answer is a candidate, and what became of it.
type Answer struct {
	Ref    store.RRef
	Stage  string  // of a set: which member it is of
	Rank   int     // from 1, of those that are chosen; 0: it isn't
	Key    float64 // what best ranks it by, if Ranked
	Ranked bool
	Values []any  // what the matcher's lenses lead to; nil: nothing
	Left   string // why it was left out
	Run    int
	Made   time.Time
}

// Why tells about stages of the closure. It runs nothing, and writes nothing.
func (z *Realizer) Why(ctx context.Context, c *plan.Closure, stages []*plan.Stage, sources Sources) ([]Why, error) {
	q := *z
	q.AssertRealized = true
	g := q.graph(c)
	h := newHistory(z.Store, c, sources)
	asked := make(map[store.DRef]bool)
	for _, s := range stages {
		asked[s.Ref] = true
		n := g.nodes[s.Ref]
		n.lasting = true
		if len(n.demands) == 0 {
			n.demand(s.Match)
		}
	}
	forecasts := make([]Forecast, len(g.order))
	for _, s := range c.Below(stages...).Stages() {
		n := g.nodes[s.Ref]
		h.texts = asked[s.Ref]
		f, err := g.forecast(ctx, n, forecasts, h)
		if err != nil {
			return nil, err
		}
		f.Stage = n.stage
		forecasts[n.index] = f
	}
	all := make([]Why, len(stages))
	for i, s := range stages {
		n := g.nodes[s.Ref]
		w := Why{Forecast: forecasts[n.index]}
		w.Stage = s
		w.Took = h.took(s.Ref.Name(), w.Against)
		if err := w.explain(ctx, g, n, h); err != nil {
			return nil, err
		}
		all[i] = w
	}
	return all, nil
}

// explain tells what matchers choose, and how that was built.
func (w *Why) explain(ctx context.Context, g *graph, n *node, h *history) error {
	for _, e := range n.stage.Inputs {
		if e.Match == nil || len(e.From) == 1 {
			continue
		}
		if q, ok := g.questionOf(ctx, n, e); ok {
			w.Questions = append(w.Questions, q)
		}
	}
	t := n.task
	if t == nil {
		return nil
	}
	for _, m := range n.demands {
		c, err := t.choose(ctx, m)
		if err != nil && !errors.As(err, new(*MatchError)) {
			return err
		}
		q := question(m, c, err, t.found, &values{t})
		q.By = g.askers(n, m)
		w.Questions = append(w.Questions, q)
		if w.Result.IsZero() && len(c.Chosen) > 0 {
			w.Result = c.Chosen[0]
		}
	}
	if from, pretended := t.adoptedFrom[w.Result]; pretended {
		w.Result = from
	}
	if w.Result.IsZero() {
		return nil
	}
	r, err := g.Store.Realization(w.Result)
	if err != nil {
		return err
	}
	w.Built, err = h.whyBuilt(r)
	return err
}

// questionOf asks the matcher of an input over a set.
func (g *graph) questionOf(ctx context.Context, n *node, e plan.Edge) (Question, bool) {
	var members []*node
	var found []store.Realization
	for _, from := range e.From {
		m := g.nodes[from.Ref]
		if m.task == nil {
			return Question{}, false // some are yet to be made
		}
		members = append(members, m)
		found = append(found, m.task.found...)
	}
	c, err := g.chooseOf(ctx, e, members)
	q := question(*e.Match, c, err, found, memberValues{g})
	q.Input, q.By = e.Name, []string{n.stage.Name + "." + e.Name}
	for i, a := range q.Answers {
		q.Answers[i].Stage = g.nodes[a.Ref.DRef()].stage.Name
	}
	return q, true
}

// askers returns who asks the matcher of n.
func (g *graph) askers(n *node, m match.Matcher) []string {
	var by []string
	for _, d := range n.dependents {
		for _, e := range d.stage.Inputs {
			asks := func(from *plan.Stage) bool {
				return from.Ref == n.stage.Ref && demandKey(chooser(e, from)) == demandKey(m)
			}
			if slices.ContainsFunc(e.From, asks) {
				by = append(by, d.stage.Name+"."+e.Name)
			}
		}
	}
	return by
}

// question returns what a matcher made of what was found: the chosen first, then
// the others as it ranks them, then those left out.
func question(m match.Matcher, c match.Choice, err error, found []store.Realization, v match.Values) Question {
	q := Question{Matcher: m, Lacking: c.Lacking, Err: err}
	left := make(map[store.RRef]string)
	for _, l := range c.Left {
		left[l.Ref] = l.Why
	}
	rank := make(map[store.RRef]int)
	for i, ref := range c.Chosen {
		rank[ref] = i + 1
	}
	for _, r := range found {
		a := Answer{Ref: r.Ref, Rank: rank[r.Ref], Left: left[r.Ref], Run: r.Run, Made: r.Made}
		a.Key, a.Ranked = c.Keys[r.Ref]
		for _, lens := range m.Lenses() {
			value, err := v.Value(r.Ref, lens)
			if err != nil {
				value = nil // Left says so
			}
			a.Values = append(a.Values, value)
		}
		q.Answers = append(q.Answers, a)
	}
	last := func(a Answer) int { // what is not chosen comes last, and what is left out after that
		switch {
		case a.Left != "":
			return 2
		case a.Rank == 0:
			return 1
		}
		return 0
	}
	slices.SortStableFunc(q.Answers, func(a, b Answer) int {
		return cmp.Or(cmp.Compare(last(a), last(b)), cmp.Compare(a.Rank, b.Rank), m.Order(a.Key, b.Key), b.Made.Compare(a.Made), a.Ref.Compare(b.Ref))
	})
	return q
}

// WhyBuilt tells how what the command of a realization saw differs from what
// those saw that were made before.
func (z *Realizer) WhyBuilt(r store.Realization, sources Sources) (Reason, error) {
	h := newHistory(z.Store, nil, sources)
	h.texts = true
	return h.whyBuilt(r)
}

// Reasons returns what tells why realizations were built that were begun since
// then: as against what was there before. It remembers that, and may be slow the
// first time. It is for one goroutine.
func (z *Realizer) Reasons(sources Sources, since time.Time) func(store.RRef) (Reason, error) {
	h := newHistory(z.Store, nil, sources)
	return func(ref store.RRef) (Reason, error) {
		r, err := z.Store.Realization(ref)
		if err != nil {
			return Reason{}, err
		}
		s, err := h.built(r)
		if err != nil {
			return Reason{}, err
		}
		near, changes := h.nearest(s, ref.Name(), func(a ancestor) bool { return a.result.Stopped.Before(since) })
		if near == nil { // there was none
			return Reason{}, nil
		}
		return h.reason(near, changes, near.result.Answers(r.Action)), nil
	}
}

func (h *history) whyBuilt(r store.Realization) (Reason, error) {
	s, err := h.built(r)
	if err != nil {
		return Reason{}, err
	}
	texts := h.texts
	h.texts = true
	defer func() { h.texts = texts }()
	near, changes := h.nearest(s, r.Ref.Name(), func(a ancestor) bool {
		return a.result.Action != r.Action && a.result.Stopped.Before(r.Started)
	})
	if near == nil {
		return Reason{Texts: []string{"it was the first"}}, nil
	}
	return h.reason(near, changes, false), nil
}
