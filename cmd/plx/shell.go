package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"plx/internal/builder"
	"plx/internal/plan"
	"plx/internal/realize"
	"plx/internal/store"
)

type shellFlags struct {
	failed, keep, discard, json bool
	sandbox                     string
}

func (a *app) shellCmd() *cobra.Command {
	var f shellFlags
	cmd := &cobra.Command{
		Use:   "shell [flags] STAGE|DREF [-- COMMAND…]",
		Short: "Open a shell where a stage's command would run",
		Long: `Realizes what a stage depends on, and opens a shell in a build directory of the
stage: with the same files, the same variables and the same isolation as its
command has, but for limits of time. With COMMAND that is run instead. The plan
is that of plx realize without arguments; a dref needs none.

When the shell is left with status 0, what is in $out can become a result of the
stage, held to its promises and its check; plx show says that it was made by
hand. On a terminal plx asks; --keep and --discard say so beforehand, and else
nothing is kept. The reference of the result is printed.

A shell on a terminal that is left with another status, by mistake perhaps,
leaves its directory as a failed build does.

With --failed the shell is in the directory that the last failed build of the
stage has left, as it is.`,
		Example: `  plx shell train
  plx shell --failed train
  plx shell train --keep -- sh -c 'cp ~/model.bin "$model"'`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if at := cmd.ArgsLenAtDash(); len(args) > 1 && at != 1 {
				return wrongArgs(cmd, args)
			}
			return a.shell(cmd.Context(), f, args[0], args[1:])
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.failed, "failed", false, "go where the last build of the stage has failed")
	flags.BoolVar(&f.keep, "keep", false, "keep what is in $out, without asking")
	flags.BoolVar(&f.discard, "discard", false, "keep nothing, without asking")
	sandboxFlag(cmd, &f.sandbox)
	flags.BoolVar(&f.json, "json", false, "print JSON, if something is kept")
	return cmd
}

func (a *app) shell(ctx context.Context, f shellFlags, arg string, argv []string) error {
	if f.keep && f.discard {
		return &usageError{"of --keep and --discard one can be given"}
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
	c, stage, err := a.enterable(ctx, s, arg)
	if err != nil {
		return err
	}
	z, err := a.realizer(s, c, realizeFlags{jobs: 1}, nil, &progress{app: a})
	if err != nil {
		return err
	}
	z.Run, z.Strict = a.runner(box, c), box.Mode == builder.Strict
	if z.Bin, box.Program, err = binDir(s); err != nil {
		return err
	}
	session, end, err := a.session(f, stage.Name, argv)
	if err != nil {
		return err
	}
	defer end()
	r, kept, err := z.Enter(ctx, c, stage, session)
	if errors.Is(err, store.ErrNotExist) && f.failed {
		return &notFoundError{fmt.Sprintf("%s: no directory of a failed build is there", arg)}
	}
	if err != nil {
		return err
	}
	if !kept {
		a.say("%s: nothing is kept", stage.Name)
		return nil
	}
	if err := s.Sync(); err != nil {
		return err
	}
	return a.printKept(s, realize.Result{Stage: stage, Chosen: []store.RRef{r.Ref}}, f.json)
}

// enterable returns the stage that the argument names, and the closure that it
// is in: that of plx realize, or what a dref needs.
func (a *app) enterable(ctx context.Context, s *store.Store, arg string) (*plan.Closure, *plan.Stage, error) {
	load := func() (*plan.Closure, error) { return currentPlan(s) }
	if !hasKind(arg) {
		load = func() (*plan.Closure, error) { return a.requested(ctx, s, realizeFlags{}, nil, a.closure) }
	}
	planned, missing := load()
	c, stage, err := stageOf(s, planned, missing, arg)
	if err != nil {
		return nil, nil, err
	}
	return c, stage, a.hold(ctx, s)
}

// session returns what is run: on a terminal of its own if plx is on one, and
// else with the streams that plx has. What it prints is not plx's result.
func (a *app) session(f shellFlags, stage string, argv []string) (realize.Session, func(), error) {
	session := realize.Session{Argv: argv, Failed: f.failed, Streams: [3]*os.File{os.Stdin, os.Stderr, os.Stderr}}
	if len(argv) == 0 {
		session.Argv = shellFor(isTerminal(a.stdin))
	}
	session.Begin = func() error { return nil }
	end := func() {}
	if isTerminal(a.stdin) {
		relay, err := builder.OpenRelay(os.Stdin, os.Stderr)
		if err != nil {
			return session, end, err
		}
		if relay != nil {
			end = relay.End
			session.Begin = relay.Begin
			session.Streams = [3]*os.File{relay.Inner(), relay.Inner(), relay.Inner()}
			session.Terminal, session.Env = true, map[string]string{"TERM": os.Getenv("TERM")}
		}
	}
	session.Keep = func() (bool, error) {
		end()
		if f.keep || f.discard || !isTerminal(a.stdin) {
			return f.keep, nil
		}
		fmt.Fprintf(a.stderr, "plx: keep what is in $out as a result of %s? [y/N] ", stage)
		line, err := bufio.NewReader(a.stdin).ReadString('\n')
		answer := strings.ToLower(strings.TrimSpace(line))
		return err == nil && (answer == "y" || answer == "yes"), nil
	}
	return session, func() { end() }, nil
}

// shellFor returns bash where there is one, and else sh: for a person, or to read
// commands from a file.
func shellFor(person bool) []string {
	argv := []string{"sh"}
	if _, err := exec.LookPath("/bin/bash"); err == nil {
		argv = []string{"/bin/bash", "--norc"}
	}
	if person {
		argv = append(argv, "-i")
	}
	return argv
}
