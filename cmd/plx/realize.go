package main

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"plx/internal/builder"
	"plx/internal/plan"
	"plx/internal/realize"
	"plx/internal/store"
)

type realizeFlags struct {
	params         []string
	jobs           int
	resources      []string
	keepGoing      bool
	dryRun         bool
	rebuild        []string
	check          []string
	rounds         int
	assertRealized bool
	frozen         bool
	args           []string
	link           string
	json           bool
	sandbox        string
	events         string
}

func (a *app) realizeCmd() *cobra.Command {
	var f realizeFlags
	cmd := &cobra.Command{
		Use:   "realize [flags] [FILE] [STAGE…|DREF…]",
		Short: "Make what is missing, and print the targets' realizations",
		Long: `Realizes stages: finds in the store what their matchers ask for, and runs the
commands of those whose results are not there. The references of the targets'
realizations are printed, one a line, in order.

FILE ends in .toml or has a / in it. Without arguments, the stage file,
parameters and targets of the last plan in this directory are read again; if
there is none, stage.toml is. Without STAGE, the targets are the stages with
default = true, or else those that no other stage depends on.

With --check a stage is realized, and what its matcher chose is made again: from
the same inputs, with the same $PLX_RUN. If all is the same, the references are
printed. Else each file that differs is told, with sizes, where the difference
begins, and of texts the lines, and the exit status is 104. What is chosen stays
as it is, and nothing of what was made again is kept. Volatile outputs are not
compared.`,
		Example: `  plx realize stage.toml
  plx realize stage.toml plot -p maxiter=1000 -o plot
  plx realize 'train[lr=0.1]'      # some points of a sweep
  plx realize --dry-run
  plx realize -j 4 -k
  plx realize --check train --rounds 3
  result=$(plx realize stage.toml report) && plx cat "$result.report"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.realize(cmd.Context(), f, args)
		},
	}
	paramFlag(cmd, &f.params)
	flags := cmd.Flags()
	flags.IntVarP(&f.jobs, "jobs", "j", runtime.NumCPU(), "run `n` commands at once")
	flags.Lookup("jobs").DefValue = "the number of cores" // whatever that is here
	flags.StringArrayVar(&f.resources, "resource", nil, "there is so much of a resource that stages want: `name=number`, as in gpu=2 or memory=32GiB; may be repeated")
	flags.BoolVarP(&f.keepGoing, "keep-going", "k", false, "after a failure, go on with what does not depend on it")
	flags.BoolVarP(&f.dryRun, "dry-run", "n", false, "run nothing: print what would be built, and why")
	flags.StringArrayVar(&f.rebuild, "rebuild", nil, "make new results of `stage`, whatever is there; may be repeated")
	flags.StringArrayVar(&f.check, "check", nil, "realize `stage` alone, make its results again and compare; may be repeated")
	flags.IntVar(&f.rounds, "rounds", 1, "with --check, make them again `n` times")
	flags.BoolVar(&f.assertRealized, "assert-realized", false, "run nothing: exit with status 3 if something is missing")
	flags.BoolVar(&f.frozen, "frozen", false, "use the recorded plan as it is: don't read the stage file")
	flags.StringArrayVar(&f.args, "arg", nil, "commands see `k=v` as $PLX_ARG_k; it is not part of any hash; may be repeated")
	flags.StringVarP(&f.link, "link", "o", "", "make `link` a symlink to the result, which is kept for as long as the link is there (several: link-1, link-2, …)")
	flags.StringVar(&f.events, "events", "", "write what happens to `file`, an event a line, as JSON: docs/events.md")
	sandboxFlag(cmd, &f.sandbox)
	flags.BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func (a *app) realize(ctx context.Context, f realizeFlags, args []string) error {
	if f.rounds < 1 {
		return &usageError{fmt.Sprintf("--rounds %d: want 1 or more", f.rounds)}
	}
	if f.jobs < 1 {
		return &usageError{fmt.Sprintf("-j %d: want 1 or more", f.jobs)}
	}
	pairs, err := parseArgs(f.args)
	if err != nil {
		return err
	}
	box, err := a.newSandbox(f.sandbox)
	if err != nil {
		return err
	}
	defer box.Close()
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	if f.dryRun {
		s.ReadOnce()
		return a.dryRun(ctx, s, f, args)
	}
	if _, err := parseResources(f.resources, f.jobs); err != nil {
		return err
	}
	if f.answers() && !a.verbose {
		if answer := a.recall(s, args, f.params, true, box.Mode); answer != nil {
			return a.printRecalled(s, answer, f.json)
		}
	}
	c, err := a.requested(ctx, s, f, args, a.closure)
	if err != nil {
		return err
	}
	if err := a.hold(ctx, s); err != nil {
		return err
	}
	if c, err = checked(s, c, f.check); err != nil {
		return err
	}
	p := &progress{app: a}
	z, err := a.realizer(s, c, f, pairs, p)
	if err != nil {
		return err
	}
	z.Run, z.Strict = a.runner(box, c), box.Mode == builder.Strict
	var grounds *realize.Grounds
	z.Rest = func(gs *realize.Grounds) { grounds = gs }
	if !s.ReadOnly() {
		if z.Bin, box.Program, err = binDir(s); err != nil {
			return err
		}
	}
	terminal := a.drawable()
	defer a.endWithReader()()
	unwatch := p.watch(terminal, c, realize.NewExpectation(s), f.jobs)
	unwrite, err := p.writeEvents(f.events, z, c)
	if err != nil {
		unwatch()
		return err
	}
	if a.verbose {
		p.why = z.Reasons(s.Preview(), time.Now())
	}
	results, err := z.Realize(ctx, c)
	if err == nil && f.check != nil {
		err = check(ctx, z, c, results, f.rounds)
	}
	unwatch()
	unwrite(err)
	p.summary()
	a.lastWord = p.closing
	if is[*signalError](err) {
		a.say("what is done is in the store: the same command goes on from there")
	}
	if err != nil {
		return err
	}
	if err := s.Sync(); err != nil { // whoever reads what is printed may rely on it
		return err
	}
	if f.answers() && !f.assertRealized {
		a.keepRealized(s, c, a.storeWatch, grounds, results, box.Mode)
	}
	return a.printResults(s, results, f)
}

// A loader works out the closure of a request.
type loader func(context.Context, *store.Store, request) (*plan.Closure, error)

// requested returns the closure that the arguments ask for.
func (a *app) requested(ctx context.Context, s *store.Store, f realizeFlags, args []string, load loader) (*plan.Closure, error) {
	if f.frozen {
		if len(args) > 0 || len(f.params) > 0 {
			return nil, &usageError{"--frozen uses the recorded plan: it takes no stage file, stages or parameters"}
		}
		return load(ctx, s, request{frozen: true})
	}
	r, err := parseRequest(s, args, f.params)
	if err == nil {
		var c *plan.Closure
		if c, err = load(ctx, s, r); err == nil {
			return c, nil
		}
	}
	r, ok, wrong := hashes(s, args, f.params, err)
	if wrong != nil || !ok {
		return nil, wrong
	}
	return load(ctx, s, r)
}

// realizer wires the algorithm to the rest.
func (a *app) realizer(s *store.Store, c *plan.Closure, f realizeFlags, pairs map[string]string, p *progress) (*realize.Realizer, error) {
	rebuild, err := rebuilds(s, c, f.rebuild)
	if err != nil {
		return nil, err
	}
	resources, err := parseResources(f.resources, f.jobs)
	if err != nil {
		return nil, err
	}
	return &realize.Realizer{
		Store:   s,
		Fetch:   fetcher,
		Values:  lensValues{s},
		Observe: p.observe,
		Options: realize.Options{
			Jobs:           f.jobs,
			Resources:      resources,
			KeepGoing:      f.keepGoing,
			AssertRealized: f.assertRealized,
			Rebuild:        rebuild,
			Args:           pairs,
			LookupEnv:      os.LookupEnv,
			Origin:         origin(),
			Evidence:       c.Evidence(),
		},
	}, nil
}

// runner runs commands of the closure in the sandbox, under the control of the
// signals that plx gets.
func (a *app) runner(box *builder.Sandbox, c *plan.Closure) realize.Runner {
	groups, err := cgroups(c)
	tell := a.unbounded(err)
	return func(ctx context.Context, action builder.Action) (builder.Usage, error) {
		tell(action.Limits)
		action.Control, action.Cgroups = a.control, groups
		return box.Run(ctx, action)
	}
}

// rebuilds returns the derivations of the stages named by --rebuild.
func rebuilds(s *store.Store, c *plan.Closure, names []string) (map[store.DRef]bool, error) {
	stages, err := stagesOf(s, c, names)
	refs := make(map[store.DRef]bool, len(stages))
	for _, stage := range stages {
		refs[stage.Ref] = true
	}
	return refs, err
}

// argName is what can follow PLX_ARG_ in the name of a variable.
var argName = regexp.MustCompile(`^[A-Za-z0-9_]+$`)

// parseArgs reads what --arg gave.
func parseArgs(args []string) (map[string]string, error) {
	pairs := make(map[string]string, len(args))
	for _, arg := range args {
		k, v, ok := strings.Cut(arg, "=")
		if !ok || !argName.MatchString(k) {
			return nil, &usageError{fmt.Sprintf("--arg %s: want --arg name=value, with a name of letters, digits and _", arg)}
		}
		pairs[k] = v
	}
	return pairs, nil
}

// origin returns what records tell of this machine.
func origin() store.Origin {
	o := store.Origin{Version: version()}
	o.Host, _ = os.Hostname()
	if u, err := user.Current(); err == nil {
		o.By = u.Username
	}
	return o
}

// printResults prints what was chosen for the targets, and makes links.
func (a *app) printResults(s *store.Store, results []realize.Result, f realizeFlags) error {
	var refs []store.RRef
	docs := []resultJSON{}
	for _, r := range results {
		doc := resultJSON{Stage: r.Stage.Name, DRef: r.Stage.Ref.String(), RRefs: []string{}, Paths: []string{}}
		for _, ref := range r.Chosen {
			doc.RRefs = append(doc.RRefs, ref.String())
			doc.Paths = append(doc.Paths, s.OutPath(ref))
		}
		docs = append(docs, doc)
		refs = append(refs, r.Chosen...)
	}
	if err := makeLinks(s, f.link, refs); err != nil {
		return err
	}
	if f.json {
		return a.resultJSON(map[string]any{"targets": docs})
	}
	for _, ref := range refs {
		if err := a.result(ref.String()); err != nil {
			return err
		}
	}
	return nil
}

type resultJSON struct {
	Stage string   `json:"stage"`
	DRef  string   `json:"dref"`
	RRefs []string `json:"rrefs"`
	Paths []string `json:"paths"`
}

// makeLinks makes the links of -o: one, or one each for several results.
func makeLinks(s *store.Store, link string, refs []store.RRef) error {
	if link == "" {
		return nil
	}
	if len(refs) == 1 {
		return s.AddLinkRoot(link, refs[0])
	}
	return s.AddLinkRoots(link, refs)
}
