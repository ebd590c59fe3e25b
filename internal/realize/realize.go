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

// A graph is a closure while it is realized.
type graph struct {
	*Realizer
	nodes  map[store.DRef]*node
	order  []*node // dependencies first
	pool   *pool
	spare  func() (back func()) // lets others go on while one waits
	events sync.Mutex
	sites  sites

	foreseen  func() error // [graph.foresee], once
	eventful  atomic.Bool  // something happened that the next run may have to do with
	toolsLock sync.Mutex
	tools     map[toolName]store.Tool // that were found
}

// A node is a derivation while it is realized.
type node struct {
	stage      *plan.Stage
	demands    []match.Matcher // each once
	dependents []*node
	waits      int          // for so many dependencies
	users      atomic.Int32 // so many dependents may still ask for results
	index      int          // in the order
	choices    map[string]match.Choice
	results    map[store.RRef]store.Realization // what was chosen
	skip       *node                            // a failed or skipped dependency
	task       *task                            // once its inputs are known, if it is asked for later
	lasting    bool                             // it is: an input chooses among its results and others' together, or somebody wants to know why
	ground     ground                           // what it gave, once it is done
	settled    atomic.Bool                      // what is there satisfies it
	more       sync.Mutex                       // for those that want more of it when it is done
}

// graph links the stages of a closure, and finds what is asked of each.
func (z *Realizer) graph(c *plan.Closure) *graph {
	g := &graph{Realizer: z, nodes: make(map[store.DRef]*node), pool: newPool(z.Jobs, z.Resources), tools: make(map[toolName]store.Tool)}
	g.foreseen = sync.OnceValue(g.foresee)
	for _, s := range c.Stages() {
		if g.nodes[s.Ref] != nil {
			continue
		}
		n := &node{stage: s, index: len(g.order), choices: make(map[string]match.Choice), results: make(map[store.RRef]store.Realization)}
		g.nodes[s.Ref] = n
		g.order = append(g.order, n)
		for _, dep := range s.Derivation.Dependencies() {
			n.waits++
			g.nodes[dep].users.Add(1)
			g.nodes[dep].dependents = append(g.nodes[dep].dependents, n)
		}
		for _, e := range s.Inputs {
			for _, from := range e.From {
				dep := g.nodes[from.Ref]
				dep.demand(chooser(e, from))
				dep.lasting = dep.lasting || e.Match != nil && len(e.From) > 1
			}
		}
	}
	for _, s := range c.Targets() {
		g.nodes[s.Ref].demand(s.Match)
	}
	return g
}

// chooser returns what is asked of a stage for an input: the input's own
// matcher, or the stage's. A matcher over a set is asked of all its members
// together, when each has what its own wants.
func chooser(e plan.Edge, from *plan.Stage) match.Matcher {
	if e.Match != nil && len(e.From) == 1 {
		return *e.Match
	}
	return from.Match
}

// demand asks n for what the matcher chooses.
func (n *node) demand(m match.Matcher) {
	same := func(other match.Matcher) bool { return demandKey(other) == demandKey(m) }
	if !slices.ContainsFunc(n.demands, same) {
		n.demands = append(n.demands, m)
	}
}

// demandKey tells matchers apart.
func demandKey(m match.Matcher) string {
	data, err := store.Canonical(m.Canonical())
	if err != nil {
		panic("realize: " + err.Error()) // it was parsed from a canonical value
	}
	return string(data)
}

func (g *graph) observe(e Event) {
	g.noteEvent(e.Kind)
	g.events.Lock()
	defer g.events.Unlock()
	g.Observe(e)
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
	err := fmt.Errorf("%v: its tree %s is gone", r.Ref, t.g.Store.TreePath(r.Tree))
	t.g.observe(Event{Kind: Warned, Stage: t.stage, Err: err})
	return false
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
