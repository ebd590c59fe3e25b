package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"plx/internal/builder/host"
)

// This file runs a command and measures it. It is run by a process that does
// nothing else: the kernel counts in the peak memory of a process what its
// parent had when it was spawned, and this parent is a small one.

// A sample is what one run of a command took, all of its children with it.
type sample struct {
	Wall float64 `json:"wall"` // seconds
	CPU  float64 `json:"cpu"`  // seconds, of user and system
	Peak int64   `json:"peak"` // bytes: the most that one of its processes had
}

// A command is what is run, and where.
type command struct {
	args []string
	dir  string
	env  []string
	out  string // file for what it prints to stdout; empty: nowhere
}

// measureArg makes this program one that runs a command and measures it.
const measureArg = "measure"

// measureMain runs a command, and writes what it took to a file.
func measureMain(file string, args []string) int {
	// A signal is for the command. It ends, and then this does.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 127
	}
	go func() { // one that came before there was a command
		for s := range signals {
			cmd.Process.Signal(s)
		}
	}()
	err := cmd.Wait()
	wall := time.Since(start)
	s := sample{
		Wall: wall.Seconds(),
		CPU:  (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(),
		Peak: peak(cmd.ProcessState),
	}
	data, jsonErr := json.Marshal(s)
	if jsonErr != nil || os.WriteFile(file, data, 0o666) != nil {
		return 126
	}
	if err != nil {
		return 1
	}
	return 0
}

// peak is the most memory that one of the processes had, in bytes.
func peak(state *os.ProcessState) int64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return host.PeakMemory(usage)
}

// grace is how long a command may take to end after it was told to.
const grace = 10 * time.Second

// errTooLong says that a command was ended at its limit.
type errTooLong struct{ limit time.Duration }

func (e errTooLong) Error() string { return "takes over " + e.limit.String() }

// run runs the command, and ends it and its children if it takes longer than
// the limit.
func (c command) run(ctx context.Context, limit time.Duration) (sample, error) {
	var s sample
	scratch, err := os.MkdirTemp("", "bench-measure-")
	if err != nil {
		return s, err
	}
	defer os.RemoveAll(scratch)
	file := filepath.Join(scratch, "sample.json")
	self, err := os.Executable()
	if err != nil {
		return s, err
	}
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(bounded, self, append([]string{measureArg, file}, c.args...)...)
	cmd.Dir, cmd.Env = c.dir, c.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = grace
	said, err := c.connect(cmd, scratch)
	if err != nil {
		return s, err
	}
	defer said.Close()
	err = cmd.Run()
	if bounded.Err() != nil && cmd.Process != nil {
		killSession(cmd.Process.Pid)
	}
	switch {
	case ctx.Err() != nil:
		return s, ctx.Err()
	case bounded.Err() != nil:
		return s, errTooLong{limit}
	case err != nil:
		return s, fmt.Errorf("%s: %v: %s", strings.Join(c.args, " "), err, end(said))
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(data, &s)
}

// killSession kills what is left of the command: its group, and, where the
// system tells them, the groups that it made beside it, as tup does.
func killSession(leader int) {
	syscall.Kill(-leader, syscall.SIGKILL)
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, _ := os.ReadFile(path)
		// The name, which ends with the last ")", may have spaces in it. After it
		// come state, parent, group and session.
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) > 3 && fields[3] == strconv.Itoa(leader) {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}
}

// connect opens the command's output, and returns what it says on stderr.
func (c command) connect(cmd *exec.Cmd, scratch string) (said *os.File, err error) {
	out := c.out
	if out == "" {
		out = os.DevNull
	}
	if cmd.Stdout, err = os.Create(out); err != nil {
		return nil, err
	}
	said, err = os.Create(filepath.Join(scratch, "stderr"))
	cmd.Stderr = said
	return said, err
}

// end returns the last of what is in the file.
func end(f *os.File) string {
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		f.Seek(max(0, size-1000), io.SeekStart)
	}
	text, _ := io.ReadAll(f)
	return strings.TrimSpace(string(text))
}
