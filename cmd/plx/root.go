package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/spf13/cobra"

	"plx/internal/builder"
	"plx/internal/store"
	"plx/internal/ui"
)

// An app is what all commands share: the streams and the global flags.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	storeDir string
	color    colorMode
	quiet    bool
	verbose  bool

	storeWatch *store.Watch // begun before the store was looked at; nil: nothing can be kept

	control   *builder.Control     // of the commands that are run
	interrupt func(syscall.Signal) // ends what is done, as the signal would

	screen   atomic.Pointer[ui.Screen] // what is drawn on the terminal, if anything is
	lastWord func()                    // tells, after the errors, how it came out
}

// run runs plx and returns its exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, control: new(builder.Control)}
	ctx, stop := a.interruptible(context.Background())
	defer stop()
	root := a.rootCmd()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	a.printError(err)
	if a.lastWord != nil {
		a.lastWord()
	}
	return exitStatus(err)
}

// rootCmd returns plx with all of its commands.
func (a *app) rootCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plx",
		Short: "Keep the results of long computations",
		Long: `plx keeps the results of long computations. A stage file (TOML) says which shell
commands make what from what. plx realize runs those whose results are not
there yet, and keeps every result in a store, named by what it contains and by
what it was made from. Nothing is computed twice, and nothing is overwritten.

Start with:  plx init`,
		Example: `  plx init && plx realize         # a stage file to begin with, and its results
  plx realize stage.toml -p n=3   # make what is missing
  plx why --alive report          # help on a command: plx why --help`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noSuchCommand,
		RunE:          func(cmd *cobra.Command, args []string) error { return cmd.Help() },
	}
	cmd.SetFlagErrorFunc(badFlag)
	flags := cmd.PersistentFlags()
	flags.StringVar(&a.storeDir, "store", "", "keep results in `dir` (default $PLX_STORE, else $XDG_DATA_HOME/plx/store)")
	flags.Var(&a.color, "color", "use colours, and draw progress, `when`: on a terminal (auto), always, or never (default auto, but for $NO_COLOR and $CLICOLOR_FORCE)")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "say nothing but results and errors")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "say more: what was reused, why each was built, and with --dry-run the commands")
	cmd.CompletionOptions.DisableDefaultCmd = true
	cmd.AddCommand(
		a.adoptCmd(),
		a.catCmd(),
		a.completionCmd(),
		a.diffCmd(),
		a.duCmd(),
		a.findCmd(),
		a.doctorCmd(),
		a.gcCmd(),
		a.graphCmd(),
		a.initCmd(),
		a.instantiateCmd(),
		a.lensCmd(),
		a.logCmd(),
		a.lsCmd(),
		a.packCmd(),
		a.pathCmd(),
		a.publishCmd(),
		a.realizeCmd(),
		a.reportCmd(),
		a.rmCmd(),
		a.rootsCmd(),
		a.runsCmd(),
		a.schemaCmd(),
		a.shellCmd(),
		a.showCmd(),
		a.treeCmd(),
		a.unpackCmd(),
		a.verifyCmd(),
		a.versionCmd(),
		a.watchCmd(),
		a.whyCmd(),
	)
	group(cmd)
	checkArgs(cmd)
	a.addCompletions(cmd)
	if err := cmd.RegisterFlagCompletionFunc("color", colorNames); err != nil {
		panic("plx: " + err.Error()) // it is registered once
	}
	return cmd
}

// checkArgs makes a wrong number of arguments to any command bad usage, and flags
// that exclude each other.
func checkArgs(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		check := sub.Args
		if check == nil {
			check = cobra.ArbitraryArgs
		}
		sub.Args = func(cmd *cobra.Command, args []string) error {
			if err := cmd.ValidateFlagGroups(); err != nil {
				return &usageError{fmt.Sprintf("%s: %v", cmd.Name(), err)}
			}
			err := check(cmd, args)
			var usage *usageError
			if err == nil || errors.As(err, &usage) {
				return err
			}
			return wrongArgs(cmd, args)
		}
		checkArgs(sub)
	}
}

// wrongArgs says that the arguments are not those that the command takes, with
// an example.
func wrongArgs(cmd *cobra.Command, args []string) error {
	text := strings.TrimPrefix(cmd.CommandPath(), "plx ") + ": "
	if len(args) == 0 {
		text += "an argument is missing"
	} else {
		text += fmt.Sprintf("these arguments don't fit: %q", args)
	}
	text += "; usage: " + cmd.UseLine()
	if example, _, _ := strings.Cut(strings.TrimSpace(cmd.Example), "\n"); example != "" {
		example, _, _ = strings.Cut(example, "  #")
		text += "; for example: " + strings.TrimSpace(example)
	}
	return &usageError{text}
}

// openStore returns the store that the flag or the environment names.
func (a *app) openStore() (*store.Store, error) {
	dir, err := a.storePath()
	if err != nil {
		return nil, err
	}
	s, err := store.Open(dir)
	if err != nil {
		return nil, err
	}
	s.Lost = func(err error) { a.tell("%v", err) }
	if description := os.Getenv("PLX_BUILD"); description != "" {
		s.Within = filepath.Dir(description)
	}
	return s, nil
}

func (a *app) storePath() (string, error) {
	if a.storeDir != "" {
		return a.storeDir, nil
	}
	if dir := os.Getenv("PLX_STORE"); dir != "" {
		return dir, nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "plx", "store"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", &usageError{"no place for the store: set HOME or PLX_STORE, or give --store"}
	}
	return filepath.Join(home, ".local", "share", "plx", "store"), nil
}

// hold makes the store writable, and tells if others must be waited for.
func (a *app) hold(ctx context.Context, s *store.Store) error {
	return s.Hold(ctx, func() { a.say("waiting for plx gc to end") })
}
