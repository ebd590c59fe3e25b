package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"plx/internal/store"
)

type logFlags struct{ failed, json bool }

func (a *app) logCmd() *cobra.Command {
	var f logFlags
	cmd := &cobra.Command{
		Use:   "log [flags] STAGE|DREF|RREF",
		Short: "Print what the command printed",
		Long: `Prints the log of a realization, as the command wrote it. For a stage or a dref
that is the realization that its matcher chose, or, if there is none, the last
build that failed.`,
		Example: `  plx log anneal
  plx log --failed plot
  plx log $(plx ls anneal | head -n 1)`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.log(cmd.Context(), f, args[0]) },
	}
	cmd.Flags().BoolVar(&f.failed, "failed", false, "print the log of the last build that failed")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON: where the log is, and its text")
	return cmd
}

func (a *app) log(ctx context.Context, f logFlags, arg string) error {
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	path, err := a.logPath(ctx, s, f.failed, arg)
	if err != nil {
		return err
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) && !f.failed {
		file, err = os.Open(os.DevNull) // a command that printed nothing has no log
	}
	if errors.Is(err, fs.ErrNotExist) {
		return &notFoundError{fmt.Sprintf("%s: no build of it has failed", arg)}
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if !f.json {
		_, err = io.Copy(a.stdout, file)
		return err
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	return a.resultJSON(map[string]string{"path": path, "log": string(text)})
}

// logPath returns where the log is that is meant.
func (a *app) logPath(ctx context.Context, s *store.Store, failed bool, arg string) (string, error) {
	sub, err := named(s, arg)
	if err != nil {
		return "", err
	}
	if failed {
		return s.FailedLogPath(sub.dref), nil
	}
	all, err := a.chosen(ctx, s, arg)
	if err != nil {
		if _, statErr := os.Stat(s.FailedLogPath(sub.dref)); statErr == nil {
			return s.FailedLogPath(sub.dref), nil
		}
		return "", unrealized(arg, err)
	}
	ref, err := all.one(arg)
	if err != nil {
		return "", err
	}
	if _, err := s.Realization(ref); err != nil {
		return "", err
	}
	return s.LogPath(ref), nil
}
