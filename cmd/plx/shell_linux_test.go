package main

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

const shellStage = `
[stage.one]
outputs = { text = "text" }
run     = 'echo by command > "$text"'
`

// onShell starts plx shell on a terminal, and waits for its prompt.
func onShell(t *testing.T, sandbox string) *terminal {
	t.Helper()
	term := onTerminal(t, sandbox, "sh", "-i")
	if err := os.WriteFile(term.dir+"/stage.toml", []byte(shellStage), 0o666); err != nil {
		t.Fatal(err)
	}
	term.write(t, "TERM=dumb plx shell one > result; echo status-$?\n")
	term.write(t, "echo in-$((1 + 1))\n")
	term.until(t, "the shell is there", term.shows("in-2"))
	return term
}

// TestTerminalShell: a shell has a terminal of its own, with job control, ^C
// and ^Z; what it leaves is kept if that is the answer, and plx's own terminal
// is as before.
func TestTerminalShell(t *testing.T) {
	for _, sandbox := range []string{"auto", "off"} {
		t.Run(sandbox, func(t *testing.T) {
			term := onShell(t, sandbox)
			term.write(t, "set -m; sh -c 'echo up-$((4 + 4)); sleep 1000'\n")
			term.until(t, "something runs in the shell", term.shows("up-8"))
			term.write(t, "\x03echo after-$((2 + 2))\n")
			term.until(t, "^C ends what runs, and not the shell", term.shows("after-4"))
			term.write(t, "sh -c 'kill -STOP $$'; jobs; echo jobs-$((3 + 3))\n")
			term.until(t, "jobs can be stopped", term.shows("jobs-6"))
			if !term.shows("Stopped")() {
				t.Error("there is no job control")
			}
			term.write(t, "kill -9 %1; fg; echo by hand > \"$text\"; exit 0\n")
			term.until(t, "plx asks", term.shows("keep what is in $out as a result of one? [y/N]"))
			term.write(t, "y\n")
			term.until(t, "plx ends well", term.shows("status-0"))
			ref, err := os.ReadFile(term.dir + "/result")
			if err != nil || !strings.HasSuffix(string(ref), "-one\n") {
				t.Errorf("the result is %q, %v", ref, err)
			}
			show := exec.Command(term.dir+"/bin/plx", "cat", strings.TrimSpace(string(ref))+".text")
			show.Env = append(os.Environ(), "PLX_STORE="+term.dir+"/store")
			if out, err := show.CombinedOutput(); string(out) != "by hand\n" {
				t.Errorf("it holds %q, %v", out, err)
			}
			term.write(t, "stty -a | tr ' ;' '\\n\\n' | grep -x -e icanon -e isig -e echo | wc -l | sed s/^/modes-/\n")
			term.until(t, "the terminal is as before", term.shows("modes-3"))
			if left := term.left(t); left != nil {
				t.Errorf("left are %v", left)
			}
			term.write(t, "exit\n")
			term.cmd.Wait()
		})
	}
}

// TestTerminalShellFails: what a person has done in a shell isn't lost if its last
// command fails.
func TestTerminalShellFails(t *testing.T) {
	term := onShell(t, "auto")
	term.write(t, "echo by hand > \"$text\"; exit 3\n")
	term.until(t, "plx says where it is", term.shows("a shell there: plx shell --failed one"))
	term.until(t, "plx fails", term.shows("status-1"))
	term.write(t, "plx shell --failed --keep one > result; echo status-$?\nexit 0\n")
	term.until(t, "plx ends well", term.shows("status-0"))
	ref, err := os.ReadFile(term.dir + "/result")
	if err != nil || !strings.HasSuffix(string(ref), "-one\n") {
		t.Errorf("the result is %q, %v", ref, err)
	}
	term.write(t, "exit\n")
	term.cmd.Wait()
}

// TestTerminalShellEnds: a signal to plx ends a shell at once, though shells with
// a person at them don't follow TERM, and what was started in it.
func TestTerminalShellEnds(t *testing.T) {
	inBothModes(t, func(t *testing.T, sandbox string) {
		term := onTerminal(t, sandbox, "plx", "shell", "slow")
		term.write(t, "setsid sh -c 'sleep 1000; : "+term.dir+"' & echo in-$((1 + 1))\n")
		term.until(t, "the shell is there", term.shows("in-2"))
		term.pids(t, 1)
		begun := time.Now()
		if err := term.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := term.cmd.Wait(); err == nil || term.cmd.ProcessState.ExitCode() != 143 {
			t.Errorf("got %v", err)
		}
		if took := time.Since(begun); took > 4*time.Second {
			t.Errorf("it took %v", took)
		}
		term.leavesNothing(t)
	})
}
