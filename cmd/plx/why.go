package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"plx/internal/plan"
	"plx/internal/realize"
	"plx/internal/store"
	"plx/internal/ui"
)

type whyFlags struct {
	alive, all, json bool
	params           []string
}

func (a *app) whyCmd() *cobra.Command {
	var f whyFlags
	cmd := &cobra.Command{
		Use:   "why [flags] [STAGE|REF] | A B | --alive REF|STAGE|TREE|PATH",
		Short: "Tell why a stage is built or reused, what leads to it, or what keeps it",
		Long: `Of a stage tells what plx realize would make of it now, and why: in what it
differs from the nearest earlier realization, down to the key of config, the
line of the script, the file of the source or of an input. If it would be
reused, why what is there was built. Then what each matcher chooses among its
realizations, and why not the others. The stage file is read as it is; the stage
may be a sweep, or some points of it. Without arguments it tells of the targets.

Of an rref tells why it was built: in what it differs from those made before.

With A and B tells through which inputs A depends on B: the shortest way, a step
on each line, or with --all every way. A and B are stages, or references; of
rrefs it is what A was really built from. Nothing is printed on stdout if A
doesn't depend on B.

With --alive tells what keeps an object from plx gc: for each root that does, and
each running plx that may build on it, the shortest way from there, a step on
each line. What nothing keeps is garbage: then there is nothing on stdout. The
object is named by its reference, by a stage of the current plan (which stands
for its derivation), by the hash of a tree, or by a path in the store or of a
link into it. Directories given to plx gc with --keep are not looked at.`,
		Example: `  plx why train
  plx why 'train[lr=0.1]' -p epochs=20
  plx why report data
  plx why --alive $(plx realize stage.toml)
  plx why --alive $(plx path train)`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return a.why(cmd.Context(), f, args) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.alive, "alive", false, "tell what keeps it from plx gc")
	flags.BoolVar(&f.all, "all", false, "with A and B, tell every way")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	paramFlag(cmd, &f.params)
	return cmd
}

func (a *app) why(ctx context.Context, f whyFlags, args []string) error {
	switch {
	case f.alive && len(args) != 1:
		return &usageError{"--alive takes one argument"}
	case f.all && len(args) < 2:
		return &usageError{"--all goes with two arguments, A and B"}
	case len(f.params) > 0 && (f.alive || len(args) > 1):
		return &usageError{"-p goes with one stage"}
	}
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	s.ReadOnce()
	switch {
	case f.alive:
		return a.whyAlive(ctx, s, f, args[0])
	case len(args) == 2:
		return a.whyPath(ctx, s, f, args[0], args[1])
	default:
		return a.whyStage(ctx, s, f, strings.Join(args, ""))
	}
}

// whyStage tells of stages, without a name of the targets, or of a realization.
func (a *app) whyStage(ctx context.Context, s *store.Store, f whyFlags, arg string) error {
	sources := s.Preview()
	c, stages, ref, err := a.whyOf(ctx, s, f, arg, sources)
	if err != nil {
		return err
	}
	z, err := a.realizer(s, c, realizeFlags{jobs: 1}, nil, &progress{app: a})
	if err != nil {
		return err
	}
	if !ref.IsZero() {
		return a.whyRealization(s, f, z, ref, sources)
	}
	all, err := z.Why(ctx, c, stages, sources)
	if err != nil {
		return err
	}
	if f.json {
		docs := []whyJSON{}
		for _, w := range all {
			docs = append(docs, newWhyJSON(w))
		}
		return a.resultJSON(map[string]any{"stages": docs})
	}
	for _, w := range all {
		if err := a.result(a.paintDiff(a.whyLines(s, w))...); err != nil {
			return err
		}
	}
	return nil
}

// whyOf returns what the argument names: stages of the stage file as it is now,
// a derivation, or a realization.
func (a *app) whyOf(ctx context.Context, s *store.Store, f whyFlags, arg string, sources *store.Preview) (*plan.Closure, []*plan.Stage, store.RRef, error) {
	c, stages, err := planned(ctx, s, f.params, arg, sources)
	if err == nil {
		return c, stages, store.RRef{}, nil
	}
	o, ok, wrong := referred(s, arg)
	if wrong != nil || !ok {
		return nil, nil, store.RRef{}, errors.Join(wrong, unlessNil(wrong, err))
	}
	c, err = plan.FromRefs(s, []store.DRef{o.DRef})
	if err != nil {
		return nil, nil, store.RRef{}, err
	}
	return c, c.Targets(), o.RRef, nil
}

// unlessNil returns err where there is no other error.
func unlessNil(other, err error) error {
	if other != nil {
		return nil
	}
	return err
}

// planned returns the stages of the name as the stage file has them now: in the
// closure that plx realize would work through, if they are in it. Without a name
// they are its targets.
func planned(ctx context.Context, s *store.Store, params []string, arg string, sources *store.Preview) (*plan.Closure, []*plan.Stage, error) {
	if hasKind(arg) {
		return nil, nil, &notFoundError{arg}
	}
	r, err := parseRequest(s, nil, params)
	if err != nil {
		return nil, nil, err
	}
	c, err := preview(ctx, s, r, sources)
	if err != nil {
		return nil, nil, err
	}
	if arg == "" {
		return c, c.Targets(), nil
	}
	stages, err := c.Select(arg)
	if err == nil {
		return c, stages, nil
	}
	r.targets = []string{arg}
	if c, err = preview(ctx, s, r, sources); err != nil {
		return nil, nil, err
	}
	return c, c.Targets(), nil
}

func (a *app) whyRealization(s *store.Store, f whyFlags, z *realize.Realizer, ref store.RRef, sources *store.Preview) error {
	r, err := s.Realization(ref)
	if err != nil {
		return err
	}
	reason, err := z.WhyBuilt(r, sources)
	if err != nil {
		return err
	}
	if f.json {
		return a.resultJSON(newBuiltJSON(ref, reason))
	}
	return a.result(builtLines(r, reason, "")...)
}

// verdicts say what would become of a stage.
var verdicts = map[realize.Verdict]string{
	realize.WillReuse: "would be reused: what is there satisfies what is asked of it",
	realize.WillAdopt: "would be adopted",
	realize.WillBuild: "would be built",
	realize.MayBuild:  "may be built",
}

func (a *app) whyLines(s *store.Store, w realize.Why) []string {
	head := w.Stage.Name + " " + verdicts[w.Verdict]
	if w.Verdict == realize.WillBuild && w.Runs > 1 {
		head += fmt.Sprintf(", in %d runs", w.Runs)
	}
	if w.Took >= longRun && w.Verdict != realize.WillReuse && w.Verdict != realize.WillAdopt {
		head += "; a run took " + seconds(w.Took) + " before"
	}
	lines := append([]string{head}, reasonLines(w.Reason, "  ")...)
	if len(w.Awaits) > 0 && len(w.Changes) > 0 {
		lines = append(lines, "  what "+stagesText(w.Awaits)+" will give is not known yet")
	}
	if r, err := s.Realization(w.Result); err == nil && (w.Verdict == realize.WillReuse || w.Verdict == realize.WillAdopt) {
		lines = append(lines, builtLines(r, w.Built, "  ")...)
	}
	for _, q := range w.Questions {
		lines = append(lines, a.questionLines(q)...)
	}
	return lines
}

// builtLines tell why a realization was built.
func builtLines(r store.Realization, reason realize.Reason, indent string) []string {
	head := fmt.Sprintf("%s%s was made %s", indent, short(r.Ref), moment(r.Made))
	if r.Run > 0 {
		head += fmt.Sprintf(" by run %d in %s", r.Run, seconds(r.Stopped.Sub(r.Started)))
	}
	if !r.Adopted.IsZero() {
		head += ", adopted from " + short(r.Adopted)
	}
	return append([]string{head}, reasonLines(reason, indent+"  ")...)
}

// reasonLines tell a reason, with what it is compared with.
func reasonLines(r realize.Reason, indent string) []string {
	var lines []string
	if !r.Against.IsZero() && len(r.Changes) > 0 {
		lines = append(lines, fmt.Sprintf("%sas against %s, made %s:", indent, short(r.Against), moment(r.Made)))
		indent += "  "
	}
	if len(r.Changes) == 0 {
		for _, text := range r.Texts {
			lines = append(lines, indent+text)
		}
	}
	for _, c := range r.Changes {
		lines = append(lines, changeLines(c, indent)...)
	}
	return lines
}

// changeLines tell a change, with how texts differ.
func changeLines(c realize.Change, indent string) []string {
	lines := []string{indent + c.String()}
	lines = append(lines, diffLines(c.Diff, indent+"  ")...)
	for _, f := range c.Files {
		if f.Diff != "" {
			lines = append(lines, indent+"  "+f.Path+":")
			lines = append(lines, diffLines(f.Diff, indent+"    ")...)
		}
	}
	return lines
}

// diffLines indent how a text differs, without the names of the two.
func diffLines(diff, indent string) []string {
	var lines []string
	for line := range strings.Lines(diff) {
		if !strings.HasPrefix(line, "--- was") && !strings.HasPrefix(line, "+++ is") {
			lines = append(lines, indent+ui.Clean(strings.TrimSuffix(line, "\n")))
		}
	}
	return lines
}
