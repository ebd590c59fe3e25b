package realize

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
	Reason
	Awaits []string      // the stages without whose results more can't be known
	Took   time.Duration // how long a run took before; 0: it is not known
}

// Sources gives source trees, whether they are in the store already or not: a
// [store.Preview] does.
type Sources interface {
	Manifest(tree store.Hash) (store.Manifest, error)
	Text(tree store.Hash, path string, most int64) ([]byte, bool)
}

// DryRun returns a forecast for each derivation of the closure, dependencies
// first. It runs nothing, not even checks, and writes nothing.
func (z *Realizer) DryRun(ctx context.Context, c *plan.Closure, sources Sources) ([]Forecast, error) {
	q := *z
	q.AssertRealized = true // scores are not made either
	g := q.graph(c)
	if err := g.findTools(ctx); err != nil {
		return nil, err
	}
	h := newHistory(z.Store, c, sources)
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
		if f.Verdict == WillBuild || f.Verdict == MayBuild {
			f.Took = h.took(n.stage.Ref.Name(), f.Against)
		}
		forecasts[i] = f
	}
	return forecasts, nil
}

// foretell returns a forecast with one reason.
func foretell(v Verdict, runs int, format string, args ...any) Forecast {
	return Forecast{Verdict: v, Runs: runs, Reason: Reason{Texts: []string{fmt.Sprintf(format, args...)}}}
}

// forecast tells what would become of n, given what would of those before it.
func (g *graph) forecast(ctx context.Context, n *node, before []Forecast, h *history) (Forecast, error) {
	if open := g.open(n, before); open != nil {
		return g.forecastOpen(ctx, n, open, h)
	}
	t, err := g.resolve(ctx, n)
	var unmet *MatchError
	if errors.As(err, &unmet) {
		return foretell(MayBuild, 0, "%v", unmet), nil
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
		return foretell(WillBuild, t.runs(), "always = true"), nil
	}
	if g.Rebuild[n.stage.Ref] {
		return foretell(WillBuild, t.runs(), "--rebuild asks for it"), nil
	}
	if open, err := t.interrupted(); err != nil || len(open) > 0 {
		return foretell(WillBuild, len(open), "a round of runs was interrupted, and %d of them are missing", len(open)), err
	}
	return t.forecastMatch(ctx, foreign, h)
}

// forecastMatch asks the matchers.
func (t *task) forecastMatch(ctx context.Context, foreign []store.Realization, h *history) (Forecast, error) {
	f := Forecast{Verdict: WillReuse, Reason: Reason{Texts: t.adoptReasons(foreign)}}
	if len(foreign) > 0 {
		f.Verdict = WillAdopt
	}
	for _, m := range t.demands {
		c, err := t.choose(ctx, m)
		if errors.Is(err, errNoScore) {
			return foretell(MayBuild, 0, "match %v has a script to run first", m), nil
		}
		if err != nil {
			return Forecast{}, err
		}
		if c.Lacking > 0 {
			return Forecast{Verdict: WillBuild, Runs: t.runs(), Reason: t.reasons(m, c, h)}, nil
		}
		t.take(m, c)
	}
	return f, nil
}

// forecastOpen is for a stage some of whose inputs are yet to be made. It will
// be built if what is known of it differs from all that there was.
func (g *graph) forecastOpen(ctx context.Context, n *node, open map[store.DRef]bool, h *history) (Forecast, error) {
	t, names, unknown := g.newTask(n), []string(nil), make(map[string]bool)
	for _, e := range n.stage.Inputs {
		for _, from := range e.From {
			if open[from.Ref] {
				unknown[e.Name] = true
				names = append(names, g.nodes[from.Ref].stage.Name)
			}
		}
	}
	for _, e := range n.stage.Inputs {
		if unknown[e.Name] {
			continue
		}
		if err := t.resolveInput(ctx, e, n.stage.Derivation.Inputs[e.Name]); err != nil {
			unknown[e.Name] = true // so is what a matcher would choose
		}
	}
	var err error
	if t.tools, err = g.toolsOf(ctx, n); err != nil {
		return Forecast{}, err
	}
	slices.Sort(names)
	names = slices.Compact(names)
	s := t.subject()
	s.unknown = unknown
	near, changes := h.nearest(s, n.stage.Ref.Name(), nil)
	var f Forecast
	switch {
	case near == nil:
		f = foretell(WillBuild, t.runs(), "never built")
	case changes == nil || h.past(n.stage.Ref.Name()).cut:
		f = foretell(MayBuild, 0, "depends on what %s will give: reused if that is what it was before", namesText(names))
	default:
		f = Forecast{Verdict: WillBuild, Runs: t.runs(), Reason: h.reason(near, changes, false)}
	}
	f.Awaits = names
	return f, nil
}

// namesText names the first of many stages.
func namesText(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// open returns the dependencies of n whose results are not known before
// something is built, nil if there are none.
func (g *graph) open(n *node, before []Forecast) map[store.DRef]bool {
	var open map[store.DRef]bool
	for _, dep := range n.stage.Derivation.Dependencies() {
		if v := before[g.nodes[dep].index].Verdict; v == WillBuild || v == MayBuild {
			if open == nil {
				open = make(map[store.DRef]bool)
			}
			open[dep] = true
		}
	}
	return open
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
func (t *task) reasons(m match.Matcher, c match.Choice, h *history) Reason {
	if len(t.found) == 0 {
		return h.compare(t)
	}
	r := Reason{Texts: []string{fmt.Sprintf("match %v needs %d more than the %d there", m, c.Lacking, len(t.found))}}
	for _, left := range c.Left {
		r.Texts = append(r.Texts, fmt.Sprintf("%v is left out: %s", left.Ref, left.Why))
	}
	return r
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
