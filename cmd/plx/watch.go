package main

import (
	"context"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/spf13/cobra"

	"plx/internal/store"
	"plx/internal/watch"
)

func (a *app) watchCmd() *cobra.Command {
	var f realizeFlags
	cmd := &cobra.Command{
		Use:   "watch [flags] [FILE] [STAGE…]",
		Short: "Realize, and again whenever something changes",
		Long: `Does what plx realize does, and then waits: when the stage file, a module, a
source or something that is imported changes, it does so again. A new file that
a glob of src matches is a change, too. Only what is part of a derivation counts:
a comment in a stage file makes nothing run.

What fails is told, and waited for to be mended. ^C ends it.`,
		Example: `  plx watch
  plx watch stage.toml report -p n=3
  plx watch -q | while read ref; do cp "$(plx path "$ref")/report.html" /tmp; done`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.watch(cmd.Context(), f, args) },
	}
	f.rounds = 1
	paramFlag(cmd, &f.params)
	flags := cmd.Flags()
	flags.IntVarP(&f.jobs, "jobs", "j", runtime.NumCPU(), "run `n` commands at once")
	flags.Lookup("jobs").DefValue = "the number of cores" // whatever that is here
	flags.StringArrayVar(&f.resources, "resource", nil, "there is so much of a resource that stages want: `name=number`; may be repeated")
	flags.BoolVarP(&f.keepGoing, "keep-going", "k", false, "after a failure, go on with what does not depend on it")
	flags.StringArrayVar(&f.args, "arg", nil, "commands see `k=v` as $PLX_ARG_k; it is not part of any hash; may be repeated")
	flags.StringVarP(&f.link, "link", "o", "", "make `link` a symlink to the result, each time")
	sandboxFlag(cmd, &f.sandbox)
	flags.BoolVar(&f.json, "json", false, "print JSON: what plx realize --json prints, each time")
	return cmd
}

// watch realizes, and again when something changes.
func (a *app) watch(ctx context.Context, f realizeFlags, args []string) error {
	r, err := a.watchable(args, f.params)
	if err != nil {
		return err
	}
	if !r.fromFile() {
		return &usageError{"watch: references never change: name a stage file, or stages of one"}
	}
	w := watch.New()
	defer w.Close()
	var before sighting
	told := false
	for {
		now := a.look(ctx, w, r)
		if !now.same(before) {
			if err := a.again(ctx, f, args, now.err); err != nil {
				return err
			}
			a.say("waiting for changes; ^C ends")
		}
		before = now
		if w.Lost != nil && !told {
			a.tell("not all can be watched, so that it is looked at now and then: %v", w.Lost)
			told = true
		}
		if err := w.Wait(ctx); err != nil {
			return err
		}
	}
}

// watchable reads the arguments.
func (a *app) watchable(args, params []string) (request, error) {
	s, err := a.openStore()
	if err != nil {
		return request{}, err
	}
	defer s.Close()
	return parseRequest(s, args, params)
}

// A sighting is what a look at a stage file gives.
type sighting struct {
	refs []store.DRef
	err  error
}

// same reports whether nothing has changed since: neither what there is to do,
// nor why it can't be done.
func (o sighting) same(before sighting) bool {
	if o.err != nil {
		return before.err != nil && before.err.Error() == o.err.Error()
	}
	return before.err == nil && before.refs != nil && slices.Equal(o.refs, before.refs)
}

// look finds out which derivations there would be, and watches what they are
// made from. Nothing is written.
func (a *app) look(ctx context.Context, w *watch.Watcher, r request) sighting {
	w.Watch([]string{absolute(r.file)}, isNone)
	file, err := readFile(r)
	if err != nil {
		return sighting{err: err}
	}
	w.Watch(file.Reads(), file.Imports)
	s, err := a.openStore()
	if err != nil {
		return sighting{err: err}
	}
	defer s.Close()
	s.RememberFiles(file.RememberedPath())
	c, err := file.Instantiate(ctx, s.Preview(), r.targets)
	if err != nil {
		return sighting{err: err}
	}
	return sighting{refs: slices.AppendSeq([]store.DRef{}, c.Refs())}
}

func isNone(string) bool { return false }

func absolute(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	return abs
}

// again realizes. What fails is told; the error is what ends the watch.
func (a *app) again(ctx context.Context, f realizeFlags, args []string, err error) error {
	if err == nil {
		err = a.realize(ctx, f, args)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if is[*usageError](err) {
		return err
	}
	a.printError(err)
	if a.lastWord != nil {
		a.lastWord()
		a.lastWord = nil
	}
	return nil
}
