package builder

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// runUntilReady runs the action and cancels it once the script has made the
// file ready in src. It returns the error of Run.
func runUntilReady(t *testing.T, a Action) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := Run(ctx, a)
		ended <- err
	}()
	for {
		select {
		case err := <-ended:
			t.Fatalf("it ended too early: %v\n%s", err, readFile(t, a.Log.Name()))
		default:
		}
		if _, err := os.Stat(a.Dir + "/src/ready"); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	return <-ended
}

// checkGone reports those of the processes in the log, a number per line, that
// are alive.
func checkGone(t *testing.T, a Action, want int) {
	t.Helper()
	lines := strings.Fields(readFile(t, a.Log.Name()))
	if len(lines) != want {
		t.Fatalf("log has %q, want %d numbers", lines, want)
	}
	for _, line := range lines {
		pid, err := strconv.Atoi(line)
		if err != nil {
			t.Fatal(err)
		}
		if st, ok := readStat(pid); ok && st.state != 'Z' && st.state != 'X' {
			t.Errorf("process %d is alive", pid)
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// These leave the command's process group, each in its own way.
const leavers = `
sleep 1000 & echo $!
setsid sh -c 'echo $$; exec sleep 1000' &
timeout 1000 sh -c 'echo $$; exec sleep 1000' &
(trap "" TERM HUP; sh -c 'echo $$; exec sleep 1000') &
while [ "$(wc -l < "$PLX_ARG_log")" -lt 4 ]; do sleep 0.01; done
`

func withLog(a Action) Action {
	a.Args = map[string]string{"log": a.Log.Name()}
	a.Grace = 20 * time.Millisecond
	return a
}

func TestCancelEndsAll(t *testing.T) {
	a := withLog(newAction(t, leavers+`: > ready; wait; sleep 1000`))
	if err := runUntilReady(t, a); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	checkGone(t, a, 4)
}

func TestExitEndsAll(t *testing.T) {
	for _, end := range []string{"exit 0", "exit 3", "kill -KILL $$"} {
		a := withLog(newAction(t, leavers+end))
		_, err := Run(t.Context(), a)
		if (err == nil) != (end == "exit 0") {
			t.Errorf("%s: %v", end, err)
		}
		checkGone(t, a, 4)
	}
}

// A daemon of which nothing is left that leads to the command but its
// environment, and that was started long ago in numbers of processes.
func TestExitEndsDaemon(t *testing.T) {
	a := withLog(newAction(t, `
setsid sh -c 'setsid sh -c "echo \$\$; exec sleep 1000" & exit' &
while [ "$(wc -l < "$PLX_ARG_log")" -lt 1 ]; do sleep 0.01; done
i=0; while [ $i -lt 1200 ]; do i=$((i+1)); (:); done`))
	mustRun(t, a)
	checkGone(t, a, 1)
}

// The shell follows TERM at once. What it runs has the grace to end well.
func TestCancelGivesGrace(t *testing.T) {
	a := newAction(t, `
sh -c 'trap "sleep 0.1; echo saved > \"$out/checkpoint\"; exit" TERM; : > ready; while :; do sleep 0.01; done'
echo not reached`)
	a.Grace = time.Minute
	if err := runUntilReady(t, a); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := readFile(t, a.Dir+"/out/checkpoint"); got != "saved\n" {
		t.Errorf("checkpoint is %q", got)
	}
}

func TestCancelKillsTheDeaf(t *testing.T) {
	a := newAction(t, `trap "" TERM; : > ready; while :; do sleep 0.01; done`)
	a.Grace = 10 * time.Millisecond
	if err := runUntilReady(t, a); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestCancelReachesTheStopped(t *testing.T) {
	a := newAction(t, `trap 'echo told; exit' TERM; : > ready; kill -STOP $$; sleep 1000`)
	a.Grace = time.Minute
	if err := runUntilReady(t, a); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := readFile(t, a.Log.Name()); got != "told\n" {
		t.Errorf("log is %q", got)
	}
}

// TestWithoutTerminal shows that a command can't wait for an answer.
func TestWithoutTerminal(t *testing.T) {
	a := newAction(t, `if (: < /dev/tty) 2>/dev/null; then echo terminal; fi`)
	if got := mustRun(t, a); got != "" {
		t.Errorf("got %q", got)
	}
}

// A plx that is killed takes along the process that it started.
func TestKilledTakesCommandAlong(t *testing.T) {
	if dir := os.Getenv("BUILDER_TEST_DIR"); dir != "" {
		_, err := Run(t.Context(), Action{Dir: dir, Argv: []string{"sh", "-c", "echo $$ > ready.new; mv ready.new ready; exec sleep 1000"}})
		t.Fatal(err)
	}
	dir := t.TempDir() + "/build"
	self, err := os.StartProcess(os.Args[0], []string{os.Args[0], "-test.run=^TestKilledTakesCommandAlong$"},
		&os.ProcAttr{Env: append(os.Environ(), "BUILDER_TEST_DIR="+dir)})
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(dir + "/src/ready"); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := errors.Join(self.Kill(), waitFor(self)); err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(readFile(t, dir+"/src/ready")))
	if err != nil {
		t.Fatal(err)
	}
	for { // or the test runs into its time limit
		if st, ok := readStat(pid); !ok || st.state == 'Z' {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func waitFor(p *os.Process) error {
	_, err := p.Wait()
	return err
}

func TestReadStat(t *testing.T) {
	got, ok := readStat(os.Getpid())
	session, _, _ := syscall.RawSyscall(syscall.SYS_GETSID, 0, 0, 0)
	if want := (stat{got.state, syscall.Getpgrp(), int(session)}); !ok || got != want {
		t.Errorf("got %+v, %v, want %+v", got, ok, want)
	}
	if _, ok := readStat(-1); ok {
		t.Error("there is a process -1")
	}
}

func TestHasUmask(t *testing.T) {
	before := syscall.Umask(umask)
	defer syscall.Umask(before)
	if !hasUmask() {
		t.Error("022 was not seen")
	}
	syscall.Umask(0o077)
	if hasUmask() {
		t.Error("077 was taken for 022")
	}
}

func TestThreadGroup(t *testing.T) {
	if got := threadGroup(syscall.Gettid()); got != os.Getpid() {
		t.Errorf("got %d, want %d", got, os.Getpid())
	}
}
