package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary measure, as the command does.
func TestMain(m *testing.M) {
	if len(os.Args) > 3 && os.Args[1] == measureArg {
		os.Exit(measureMain(os.Args[2], os.Args[3:]))
	}
	os.Exit(m.Run())
}

// TestRunMeasuresChildren runs a command that leaves the work to a child of its own.
func TestRunMeasuresChildren(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	c := command{args: []string{"sh", "-c", "sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo $i'; pwd"}, dir: t.TempDir(), env: os.Environ(), out: out}
	s, err := c.run(t.Context(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if s.Wall <= 0 || s.CPU <= 0 || s.Peak < 1<<16 || s.Peak > 1<<30 {
		t.Errorf("measured %+v", s)
	}
	got, err := os.ReadFile(out)
	if want := "20000\n" + c.dir + "\n"; err != nil || string(got) != want {
		t.Errorf("it printed %q, want %q (%v)", got, want, err)
	}
}

// TestRunFails says what the command said.
func TestRunFails(t *testing.T) {
	c := command{args: []string{"sh", "-c", "echo no such luck >&2; exit 3"}, dir: t.TempDir(), env: os.Environ()}
	if _, err := c.run(t.Context(), time.Minute); err == nil || !strings.Contains(err.Error(), "no such luck") {
		t.Errorf("the error is %v", err)
	}
}

// TestRunEnds ends a command that is at work, and gives it time to end. A child
// that doesn't end, in a group of its own, is ended too.
func TestRunEnds(t *testing.T) {
	dir := t.TempDir()
	begun, ended := filepath.Join(dir, "begun"), filepath.Join(dir, "ended")
	c := command{args: []string{"sh", "-c", "set -m; trap 'touch ended' TERM; sh -c 'trap \"\" TERM; echo $$ > pid; touch begun; while :; do sleep 600; done' & wait"}, dir: dir, env: os.Environ()}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for ctx.Err() == nil {
			if _, err := os.Stat(begun); err == nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	if _, err := c.run(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v, not that of the context", err)
	}
	if _, err := os.Stat(ended); err != nil {
		t.Errorf("it had no time to end: %v", err)
	}
	pid, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	// It ends, soon: else the test does, at its own limit.
	for running(string(pid)) {
		time.Sleep(10 * time.Millisecond)
	}
}

// running says whether there is the process, where the system tells that.
func running(pid string) bool {
	stat, err := os.ReadFile("/proc/" + strings.TrimSpace(pid) + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// TestRunTakesTooLong tells a limit from an interruption.
func TestRunTakesTooLong(t *testing.T) {
	c := command{args: []string{"sleep", "600"}, dir: t.TempDir(), env: os.Environ()}
	if _, err := c.run(t.Context(), time.Millisecond); !errors.As(err, new(errTooLong)) {
		t.Errorf("the error is %v", err)
	}
}
