package realize

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"plx/internal/match"
	"plx/internal/plan"
	"plx/internal/store"
)

// A Verdict is what would become of a stage.
type Verdict string

// What can become of a stage.
const (
	WillReuse Verdict = "reuse" // what is there satisfies its matchers
	WillAdopt Verdict = "adopt" // so does what is there under another name or in another context
	WillBuild Verdict = "build" // its command will run, unless inputs yet to be made turn out to be those of a stage of another name
	MayBuild  Verdict = "maybe" // that depends on the results of what will be built first
)

// A Forecast says what [Realizer.Realize] would do about a stage, and why.
type Forecast struct {
	Stage   *plan.Stage
	Verdict Verdict
	Runs    int // how many runs the first round would have
	Reasons []string
}

// Manifests gives the manifests of source trees, whether they are in the store
// already or not: a [store.Preview] does.
type Manifests interface {
	Manifest(tree store.Hash) (store.Manifest, error)
}

// DryRun returns a forecast for each derivation of the closure, dependencies
// first. It runs nothing, not even checks, and writes nothing.
func (z *Realizer) DryRun(ctx context.Context, c *plan.Closure, sources Manifests) ([]Forecast, error) {
	g := z.graph(c)
	g.AssertRealized = true // scores are not made either
	if err := g.findTools(ctx); err != nil {
		return nil, err
	}
	h := &history{store: z.Store, manifests: sources}
	forecasts := make([]Forecast, len(g.order))
	for i, n := range g.order {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		f, err := g.forecast(ctx, n, forecasts[:i], h)
		if err != nil {
			return nil, err
		}
		f.Stage = n.stage
		forecasts[i] = f
	}
	return forecasts, nil
}

// forecast tells what would become of n, given what would of those before it.
func (g *graph) forecast(ctx context.Context, n *node, before []Forecast, h *history) (Forecast, error) {
	if open := g.open(n, before); open != nil {
		if len(h.ancestors(n.stage.Ref.Name())) == 0 {
			return Forecast{Verdict: WillBuild, Runs: max(n.stage.Runs, 1), Reasons: []string{"never built"}}, nil
		}
		why := fmt.Sprintf("depends on what %s will give: reused if that is what it was before", strings.Join(open, ", "))
		return Forecast{Verdict: MayBuild, Reasons: []string{why}}, nil
	}
	t, err := g.resolve(ctx, n)
	var unmet *MatchError
	if errors.As(err, &unmet) {
		return Forecast{Verdict: MayBuild, Reasons: []string{unmet.Error()}}, nil
	}
	if err != nil {
		return Forecast{}, err
	}
	foreign, err := t.foreign()
	if err != nil {
		return Forecast{}, err
	}
	t.pretend(foreign)
	if n.stage.Derivation.Always {
		return Forecast{Verdict: WillBuild, Runs: t.runs(), Reasons: []string{"always = true"}}, nil
	}
	if g.Rebuild[n.stage.Ref] {
		return Forecast{Verdict: WillBuild, Runs: t.runs(), Reasons: []string{"--rebuild asks for it"}}, nil
	}
	if open, err := t.interrupted(); err != nil || len(open) > 0 {
		why := fmt.Sprintf("a round of runs was interrupted, and %d of them are missing", len(open))
		return Forecast{Verdict: WillBuild, Runs: len(open), Reasons: []string{why}}, err
	}
	verdict := WillReuse
	if len(foreign) > 0 {
		verdict = WillAdopt
	}
	for _, m := range n.demands {
		c, err := t.choose(ctx, m)
		if errors.Is(err, errNoScore) {
			return Forecast{Verdict: MayBuild, Reasons: []string{fmt.Sprintf("match %v has a script to run first", m)}}, nil
		}
		if err != nil {
			return Forecast{}, err
		}
		if c.Lacking > 0 {
			return Forecast{Verdict: WillBuild, Runs: t.runs(), Reasons: t.reasons(m, c, h)}, nil
		}
		t.take(m, c)
	}
	return Forecast{Verdict: verdict, Reasons: t.adoptReasons(foreign)}, nil
}

// open returns the names of the dependencies of n whose results are not known
// before something is built.
func (g *graph) open(n *node, before []Forecast) []string {
	var names []string
	for _, dep := range n.stage.Derivation.Dependencies() {
		d := g.nodes[dep]
		if v := before[d.index].Verdict; v == WillBuild || v == MayBuild {
			names = append(names, d.stage.Name)
		}
	}
	return names
}

// pretend makes candidates of what would be adopted, if its promises hold.
func (t *task) pretend(foreign []store.Realization) {
	t.adoptedFrom = make(map[store.RRef]store.RRef)
	for _, r := range foreign {
		if checkPromises(t.stage.Derivation, r.Manifest, r.Volatile) != nil {
			continue
		}
		from := r.Ref
		r.Ref = store.RealizationRef(t.stage.Ref, t.context, r.Tree)
		t.adoptedFrom[r.Ref] = from
		t.found = append(t.found, r)
	}
}

func (t *task) adoptReasons(foreign []store.Realization) []string {
	var reasons []string
	for _, r := range foreign {
		if r.Ref.DRef() == t.stage.Ref {
			reasons = append(reasons, fmt.Sprintf("its inputs are other realizations now, but what it sees of them is the same as for %v", r.Ref))
		} else {
			reasons = append(reasons, fmt.Sprintf("the same command on the same inputs gave %v", r.Ref))
		}
	}
	return reasons
}

// reasons tells why something would be built.
func (t *task) reasons(m match.Matcher, c match.Choice, h *history) []string {
	if len(t.found) > 0 {
		why := fmt.Sprintf("match %v needs %d more than the %d there", m, c.Lacking, len(t.found))
		reasons := []string{why}
		for _, left := range c.Left {
			reasons = append(reasons, fmt.Sprintf("%v is left out: %s", left.Ref, left.Why))
		}
		return reasons
	}
	return h.compare(t)
}

// take keeps a choice for those that depend on it.
func (t *task) take(m match.Matcher, c match.Choice) {
	t.choices[demandKey(m)] = c
	for _, r := range t.found {
		if slices.Contains(c.Chosen, r.Ref) {
			t.results[r.Ref] = r
		}
	}
}
