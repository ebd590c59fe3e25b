package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"plx/internal/store"
)

type logFlags struct{ failed, last, follow, json bool }

func (a *app) logCmd() *cobra.Command {
	var f logFlags
	cmd := &cobra.Command{
		Use:   "log [flags] STAGE|DREF|RREF",
		Short: "Print what the command printed",
		Long: `Prints the log of a realization, as the command wrote it. For a stage or a dref
that is the realization that its matcher chose, or, if there is none, the last
build that failed. The log of a failed build ends with a line of plx's own, which
begins with "plx: " and says why it failed. It is kept until another build of the
same fails, or gc removes the derivation.

With --follow the log of a build that is under way, in whatever process, is
printed as it grows, until the build ends; if there is none, that of the last.`,
		Example: `  plx log anneal
  plx log --failed plot
  plx log -f train              # from another terminal, while it runs
  plx log $(plx ls anneal | head -n 1)`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.log(cmd.Context(), f, args[0]) },
	}
	cmd.Flags().BoolVar(&f.failed, "failed", false, "print the log of the last build that failed")
	cmd.Flags().BoolVar(&f.last, "last", false, "print the log of the last build, failed or not")
	cmd.Flags().BoolVarP(&f.follow, "follow", "f", false, "follow the log of a build that is under way")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON: where the log is, and its text")
	return cmd
}

func (a *app) log(ctx context.Context, f logFlags, arg string) error {
	if f.failed && f.last || f.failed && f.follow || f.last && f.follow {
		return &usageError{"of --failed, --last and --follow one can be given"}
	}
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	if f.follow {
		followed, err := a.followLog(ctx, s, f.json, arg)
		if followed || err != nil {
			return err
		}
	}
	path, err := a.logPath(ctx, s, f, arg)
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
	if f.follow {
		return a.copyLog(file, f.json)
	}
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
func (a *app) logPath(ctx context.Context, s *store.Store, f logFlags, arg string) (string, error) {
	sub, err := named(s, arg)
	if err != nil {
		return "", err
	}
	failedLog := s.FailedLogPath(sub.dref)
	switch {
	case f.failed:
		return failedLog, nil
	case f.last || f.follow:
		return lastLog(s, sub.dref, arg)
	}
	all, err := a.chosen(ctx, s, arg)
	if err != nil {
		if _, statErr := os.Stat(failedLog); statErr == nil {
			return failedLog, nil
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

// lastLog returns where the log is of the last build of the derivation.
func lastLog(s *store.Store, ref store.DRef, arg string) (string, error) {
	var path string
	var last time.Time
	if info, err := os.Stat(s.FailedLogPath(ref)); err == nil {
		path, last = s.FailedLogPath(ref), info.ModTime()
	}
	rrefs, err := s.Realizations(ref)
	if err != nil {
		return "", err
	}
	for _, rref := range rrefs {
		r, err := s.Realization(rref)
		if err != nil {
			return "", err
		}
		if r.Made.After(last) {
			path, last = s.LogPath(rref), r.Made
		}
	}
	if path == "" {
		return "", &notFoundError{fmt.Sprintf("%s: it was never built", arg)}
	}
	return path, nil
}

// followPause is how often a log is looked at that grows.
const followPause = 50 * time.Millisecond

// followLog prints the log of a build that is under way until that ends. It
// reports whether there is one.
func (a *app) followLog(ctx context.Context, s *store.Store, asJSON bool, arg string) (bool, error) {
	sub, err := named(s, arg)
	if err != nil {
		return false, err
	}
	all, err := s.Running(sub.dref)
	if err != nil || len(all) == 0 {
		return false, err
	}
	if len(all) > 1 {
		a.say("%s: %d runs are under way; this is run %d", arg, len(all), all[0].Run)
	}
	log := all[0].Log
	file, err := os.Open(log)
	if errors.Is(err, fs.ErrNotExist) { // it has just ended
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	going := func() (bool, error) {
		all, err := s.Running(sub.dref)
		return slices.ContainsFunc(all, func(r store.Running) bool { return r.Log == log }), err
	}
	return true, a.copyLog(&growing{ctx, file, going, false}, asJSON)
}

// A growing reads a log until its build has ended.
type growing struct {
	ctx   context.Context
	file  io.Reader
	going func() (bool, error)
	ended bool
}

func (g *growing) Read(data []byte) (int, error) {
	for {
		n, err := g.file.Read(data)
		if n > 0 || g.ended || !errors.Is(err, io.EOF) {
			return n, err
		}
		going, err := g.going()
		if err != nil {
			return 0, err
		}
		if g.ended = !going; g.ended { // what came before that is read now
			continue
		}
		select {
		case <-g.ctx.Done():
			return 0, context.Cause(g.ctx)
		case <-time.After(followPause):
		}
	}
}

// copyLog prints a log as it comes, as JSON an object for each line.
func (a *app) copyLog(log io.Reader, asJSON bool) error {
	if !asJSON {
		_, err := io.Copy(a.stdout, log)
		return err
	}
	lines, enc := bufio.NewReader(log), json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			if err := enc.Encode(map[string]string{"log": line}); err != nil {
				return err
			}
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}
