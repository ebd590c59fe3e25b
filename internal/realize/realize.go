package realize

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"plx/internal/builder"
	"plx/internal/match"
	"plx/internal/plan"
	"plx/internal/store"
)

// A Runner runs one action: [builder.Run], or another way to do the same.
type Runner func(ctx context.Context, a builder.Action) (builder.Usage, error)

// Values follows a lens into a realization, for matchers.
type Values interface {
	Value(ref store.RRef, lens string) (any, error)
}

// A Realizer realizes closures in a store.
type Realizer struct {
	Store   *store.Store
	Run     Runner
	Fetch   Fetcher
	Values  Values
	Observe func(Event)    // called from several goroutines, one at a time
	Rest    func(*Grounds) // if set, called when all is realized, unless the next run may find something to do
	Options
}

// Options say how to realize. The zero Options are not useful: Jobs counts.
type Options struct {
	Jobs           int                         // how many commands run at once
	Resources      map[string]int64            // how much there is of what stages want; cpus and memory without a number are not counted
	KeepGoing      bool                        // after a failure go on with what doesn't depend on it
	AssertRealized bool                        // run nothing: what is missing is an error
	Strict         bool                        // warn of each result that is used and was made with less than all isolation
	TellChoices    bool                        // observe what each matcher chooses
	Rebuild        map[store.DRef]bool         // make new runs of these, whatever is there
	Args           map[string]string           // what commands see as PLX_ARG_…; not part of any key
	LookupEnv      func(string) (string, bool) // where passenv finds its values
	Bin            string                      // directory that commands find plx in
	Origin         store.Origin                // host, user and version, for the records
	Evidence       *store.Evidence             // where what is found outside of the store is noted; may be nil
}

// A Result is what was chosen for one stage.
type Result struct {
	Stage  *plan.Stage
	Chosen []store.RRef
}

// Realize realizes what the closure's targets need, and returns what was
// chosen for each target, in order. Under KeepGoing the error joins all that
// failed. It has the form of a [BuildError], a [MatchError] or a
// [match.DiffersError]; else the store or the machine failed.
//
// The store is held; it is let go of before the first command runs.
func (z *Realizer) Realize(ctx context.Context, c *plan.Closure) ([]Result, error) {
	if err := z.Store.Refer(c.Refs()); err != nil {
		return nil, err
	}
	g := z.graph(c)
	if err := g.findTools(ctx); err != nil {
		return nil, err
	}
	err := g.walk(ctx, z.Jobs, z.KeepGoing, func(ctx context.Context, n *node) error { return g.realize(ctx, n) })
	if err != nil {
		return nil, err
	}
	if gs := g.grounds(); gs != nil && z.Rest != nil {
		z.Rest(gs)
	}
	var results []Result
	for _, s := range c.Targets() {
		results = append(results, Result{s, g.nodes[s.Ref].choices[demandKey(s.Match)].Chosen})
	}
	return results, nil
}

// task is what a node is about once its inputs are known.
type task struct {
	*node
	g       *graph
	context store.Context
	inputs  map[string]builder.Input
	action  store.Action
	key     store.Hash
	tools   map[string]store.Tool
	found   []store.Realization // candidates
	had     map[int]bool        // run numbers given out here
	built   int                 // commands run to their end here
	adopted []store.RRef        // results of others made its own here
	saved   time.Duration       // that it took to make those
	keeps   atomic.Bool         // a failed build has been kept
	recall  sync.Once           // guards telling of an earlier failure
	commits sync.Mutex          // guards found while runs are under way

	adoptedFrom map[store.RRef]store.RRef // in a dry run: what candidates would be adopted from
}

// realize is the algorithm for one derivation. Afterwards nothing is kept that
// nobody will ask for: there may be very many.
func (g *graph) realize(ctx context.Context, n *node) error {
	t, err := g.resolve(ctx, n)
	if err != nil {
		return err
	}
	for _, dep := range n.stage.Derivation.Dependencies() {
		if from := g.nodes[dep]; from.users.Add(-1) == 0 {
			from.results = nil
		}
	}
	if err := g.settle(ctx, t); err != nil {
		return err
	}
	n.ground = t.ground(slices.Collect(maps.Values(n.results)))
	if n.users.Load() == 0 {
		n.results = nil
	}
	return nil
}

// settle is steps 2 to 7.
func (g *graph) settle(ctx context.Context, t *task) error {
	n := t.node
	rebuild := g.rebuilds(n)
	if !rebuild {
		done, err := t.reuse(ctx)
		n.settled.Store(done)
		if done || err != nil {
			return err
		}
	}
	waiting := func(by string) { g.observe(Event{Kind: Waiting, Stage: n.stage, Because: by}) }
	release, err := g.Store.LockAction(ctx, t.key, n.stage.Name, waiting)
	if err != nil {
		return err
	}
	defer release()
	if err := t.find(ctx, true); err != nil {
		return err
	}
	switch {
	case rebuild:
		err = t.rebuild(ctx)
	case !g.AssertRealized:
		err = t.complete(ctx)
	}
	if err != nil {
		return err
	}
	for _, m := range n.demands {
		if err := t.satisfy(ctx, m); err != nil {
			return err
		}
	}
	return t.report()
}

// rebuilds reports whether n is to be made again, whatever is there.
func (g *graph) rebuilds(n *node) bool {
	return g.Rebuild[n.stage.Ref] || n.stage.Derivation.Always && !g.AssertRealized
}

func (g *graph) newTask(n *node) *task {
	d := n.stage.Derivation
	return &task{
		node:    n,
		g:       g,
		context: make(store.Context, len(d.Inputs)),
		inputs:  make(map[string]builder.Input, len(d.Inputs)),
		action:  newAction(d),
		had:     make(map[int]bool),
	}
}

// resolve is step 1.
func (g *graph) resolve(ctx context.Context, n *node) (*task, error) {
	d, t := n.stage.Derivation, g.newTask(n)
	for _, e := range n.stage.Inputs {
		if err := t.resolveInput(ctx, e, d.Inputs[e.Name]); err != nil {
			return nil, fmt.Errorf("input %s of %s: %w", e.Name, n.stage.Name, err)
		}
	}
	var err error
	if t.tools, err = g.toolsOf(ctx, n); err != nil {
		return nil, err
	}
	if d.Kind == store.ActionRun {
		t.action.Tools = toolDigests(t.tools)
	}
	t.key, err = t.action.Key()
	if n.lasting {
		n.task = t
	}
	return t, err
}

// reuse is steps 2 and 3 where nothing needs to be written: it reports whether
// all matchers are satisfied with what is there.
func (t *task) reuse(ctx context.Context) (bool, error) {
	if bare, err := t.bare(); bare || err != nil {
		return false, err
	}
	foreign, err := t.foreign()
	if err != nil || len(foreign) > 0 {
		return false, err
	}
	if open, err := t.interrupted(); err != nil || len(open) > 0 && !t.g.AssertRealized {
		return false, err
	}
	for _, m := range t.demands {
		c, err := t.choose(ctx, m)
		if err != nil {
			return false, err
		}
		if c.Lacking > 0 {
			return false, nil
		}
		t.take(m, c)
	}
	return true, t.report()
}

// bare reports whether there is no result of the derivation, and one may be
// made. Then its action is locked before it is looked for others' results, and
// not looked for them twice.
func (t *task) bare() (bool, error) {
	if t.g.AssertRealized || t.g.Store.ReadOnly() {
		return false, nil
	}
	refs, err := t.g.Store.Realizations(t.stage.Ref)
	return len(refs) == 0, err
}

// choose is step 3, for one matcher.
func (t *task) choose(ctx context.Context, m match.Matcher) (match.Choice, error) {
	c, err := m.Choose(ctx, t.candidates(0), &values{t})
	if err != nil {
		return c, &MatchError{Stage: t.stage.Name, Ref: t.stage.Ref, Matcher: m, Found: len(t.found), Err: err}
	}
	return c, nil
}

// valueless reports whether there are candidates, and none has a value that it
// could be ranked by.
func (t *task) valueless(c match.Choice) bool {
	without := 0
	for _, left := range c.Left {
		if left.NoValue {
			without++
		}
	}
	return without > 0 && without == len(t.found)
}

// candidates returns what was found, as that of the member of a set.
func (t *task) candidates(member int) []match.Candidate {
	candidates := make([]match.Candidate, len(t.found))
	for i, r := range t.found {
		candidates[i] = match.Candidate{Ref: r.Ref, Made: r.Made, Member: member}
	}
	return candidates
}

// satisfy is steps 3 to 7, for one matcher.
func (t *task) satisfy(ctx context.Context, m match.Matcher) error {
	c, err := t.choose(ctx, m)
	if err != nil {
		return err
	}
	limit := t.built + t.maxRuns(c.Lacking)
	for c.Lacking > 0 {
		if t.valueless(c) {
			return t.unsatisfied(m, c, "no result has the value that it ranks by: more of the same would not, either")
		}
		if t.g.AssertRealized {
			return t.unsatisfied(m, c, "nothing may be built, for that is what --assert-realized says")
		}
		if t.built >= limit {
			return t.unsatisfied(m, c, fmt.Sprintf("max-runs = %d builds were made", t.built))
		}
		fresh, failed := t.round(ctx, min(t.runs(), limit-t.built), t.claim(m))
		if c, err = t.choose(ctx, m); err != nil {
			return err
		}
		switch {
		case c.Lacking == 0:
		case failed != nil:
			return failed
		case fresh == 0:
			return t.exhausted(m, c)
		}
	}
	t.take(m, c)
	return nil
}

// interrupted returns the runs that are missing of a round that was not
// brought to its end: its matcher may be satisfied with what there is, but not
// as it would have been.
func (t *task) interrupted() ([]int, error) {
	if t.runs() == 1 {
		return nil, nil
	}
	open, err := t.g.Store.OpenRound(t.key)
	return open[:min(len(open), t.runs())], err
}

// complete makes the runs that an interrupted round lacks. One that fails
// counts no more than it would have then.
func (t *task) complete(ctx context.Context) error {
	open, err := t.interrupted()
	if err != nil || len(open) == 0 {
		return err
	}
	for _, run := range open {
		t.had[run] = true
	}
	claimed := slices.ContainsFunc(t.demands, t.claim)
	_, err = t.runAll(ctx, open, claimed)
	var build *BuildError
	if err != nil && !errors.As(err, &build) {
		return err
	}
	return t.g.Store.EndRounds(t.key)
}

// rebuild makes as many new runs as the stage has, even if none is lacking.
func (t *task) rebuild(ctx context.Context) error {
	_, err := t.round(ctx, t.runs(), slices.ContainsFunc(t.demands, t.claim))
	return err
}

// claim reports whether the matcher says that the command is deterministic.
func (t *task) claim(m match.Matcher) bool { return m.Deterministic() }

// runs returns how many builds a round has.
func (t *task) runs() int { return max(t.stage.Runs, 1) }

// maxRuns returns how many builds there may be for what is lacking.
func (t *task) maxRuns(lacking int) int {
	if t.stage.MaxRuns > 0 {
		return t.stage.MaxRuns
	}
	return max(3*lacking, t.runs())
}
