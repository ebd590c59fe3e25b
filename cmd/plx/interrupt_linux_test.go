package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plx/internal/builder"
)

// A terminal is a pseudo-terminal with a command on it, in a session of its own.
type terminal struct {
	master *os.File
	cmd    *exec.Cmd
	dir    string // where it works; also what marks the processes of its builds
	screen *os.File
}

// openTerminal returns both ends of a new pseudo-terminal.
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // so that closing it ends a read
		t.Fatal(err)
	}
	master = os.NewFile(uintptr(fd), "/dev/ptmx")
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	return master, slave
}

// slowStage runs until it is ended. What MARK stands for is in the arguments of
// its processes, by which they are found from outside, too.
const slowStage = `
[stage.slow]
timeout = "1h"
run     = 'sh -c "sleep 1000; : MARK" & wait; wait'
[stage.deaf]
run     = 'trap "touch \"$out/told\"" TERM; touch "$out/deaf"; while :; do sleep 0.01 || :; done; : MARK'
`

// inBothModes runs a test with commands that are not isolated, and with ones
// that are, if they can be.
func inBothModes(t *testing.T, test func(t *testing.T, sandbox string)) {
	t.Run("off", func(t *testing.T) { test(t, "off") })
	t.Run("strict", func(t *testing.T) {
		if have, err := haveSandbox(); err != nil || !have {
			t.Skip("commands can't be isolated here")
		}
		test(t, "strict")
	})
}

// onTerminal starts the command on a terminal, in a directory with slowStage
// in it.
func onTerminal(t *testing.T, sandbox string, argv ...string) *terminal {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		os.Mkdir(dir+"/bin", 0o777), os.Symlink(self, dir+"/bin/plx"), os.WriteFile(dir+"/stage.toml", []byte(strings.ReplaceAll(slowStage, "MARK", dir)), 0o666),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { builder.Remove(dir + "/store") }) // which is read-only
	master, slave := openTerminal(t)
	defer slave.Close()
	screen, err := os.Create(dir + "/screen")
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{master: master, dir: dir, screen: screen}
	if argv[0] == "plx" {
		argv[0] = dir + "/bin/plx"
	}
	// Under nohup hang-ups are ignored, and that would be inherited.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(hangups) })
	term.cmd = exec.Command(argv[0], argv[1:]...)
	term.cmd.Dir = dir
	term.cmd.Env = append(os.Environ(), "PATH="+dir+"/bin:"+os.Getenv("PATH"), "PLX_STORE="+dir+"/store", "PLX_SANDBOX="+sandbox, "HOME="+dir, "PS1=", "ENV=",
		"TERM=xterm-256color", "LC_ALL=C.UTF-8", "CI=", "NO_COLOR=")
	term.cmd.Stdin, term.cmd.Stdout, term.cmd.Stderr = slave, slave, slave
	term.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := term.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { term.cmd.Process.Kill() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			screen.Write(buf[:n])
			if err != nil {
				return
			}
		}
	}()
	return term
}

// until waits for something that happens on the terminal.
func (term *terminal) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for start := time.Now(); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > time.Minute {
			screen, _ := os.ReadFile(term.screen.Name())
			t.Fatalf("%s: it doesn't happen. The screen:\n%s", what, screen)
		}
	}
}

func (term *terminal) write(t *testing.T, text string) {
	t.Helper()
	if _, err := term.master.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// shows reports whether the text is on the screen.
func (term *terminal) shows(text string) func() bool {
	return func() bool {
		screen, _ := os.ReadFile(term.screen.Name())
		return bytes.Contains(screen, []byte(text))
	}
}

// pids waits for so many processes of the build.
func (term *terminal) pids(t *testing.T, want int) []int {
	t.Helper()
	var pids []int
	term.until(t, "the build begins", func() bool {
		pids = term.marked(t)
		return len(pids) == want
	})
	return pids
}

// marked returns the processes that have the terminal's mark in an argument.
func (term *terminal) marked(t *testing.T) []int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		line, _ := os.ReadFile("/proc/" + entry.Name() + "/cmdline") // it may have ended
		if bytes.Contains(line, []byte(": "+term.dir)) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// states returns the states of processes, a letter each; X for one that is gone.
// One that is about to be stopped counts as stopped: a shell may wait for its
// child to run a program, which doesn't, for it is stopped.
func states(pids ...int) string {
	text := ""
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		_, after, _ := strings.Cut(string(stat), ") ")
		if err != nil || after == "" || after[0] == 'Z' {
			text += "X"
		} else if after[0] == 'D' && stopPending(pid) {
			text += "T"
		} else {
			text += after[:1]
		}
	}
	return text
}

// stopPending reports whether SIGSTOP is on its way to the process.
func stopPending(pid int) bool {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // it may have ended
	_, after, _ := strings.Cut(string(status), "\nShdPnd:\t")
	text, _, _ := strings.Cut(after, "\n")
	pending, err := strconv.ParseUint(text, 16, 64)
	return err == nil && pending&(1<<(syscall.SIGSTOP-1)) != 0
}

// left returns what is left in the store's tmp.
func (term *terminal) left(t *testing.T) []string {
	t.Helper()
	left, err := filepath.Glob(term.dir + "/store/tmp/*")
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// TestTerminalSuspends: ^Z stops the commands and plx, fg resumes them, and ^C
// ends them.
func TestTerminalSuspends(t *testing.T) {
	inBothModes(t, func(t *testing.T, sandbox string) {
		term := onTerminal(t, sandbox, "sh", "-im")
		term.write(t, "plx realize stage.toml slow\n")
		pids := term.pids(t, 2)
		for range 2 {
			term.write(t, "\x1a")
			term.until(t, "^Z stops the build", func() bool { return states(pids...) == "TT" })
			term.write(t, "echo stopped; fg\n")
			term.until(t, "fg resumes the build", func() bool { return !strings.ContainsAny(states(pids...), "TX") })
		}
		term.write(t, "\x03")
		term.until(t, "^C ends the build", func() bool { return states(pids...) == "XX" })
		term.write(t, "echo status-$?\n")
		term.until(t, "the status is 130", term.shows("status-130"))
		term.leavesNothing(t)
		term.write(t, "exit\n")
		term.cmd.Wait()
	})
}

// leavesNothing is an error if there is still a process of a build, or
// anything in the store's tmp.
func (term *terminal) leavesNothing(t *testing.T) {
	t.Helper()
	if pids := term.marked(t); pids != nil {
		t.Errorf("the processes %v are left", pids)
	}
	if left := term.left(t); left != nil {
		t.Errorf("left are %v", left)
	}
}

// TestTerminalCloses: when the terminal is closed, the build ends and nothing
// is left.
func TestTerminalCloses(t *testing.T) {
	inBothModes(t, func(t *testing.T, sandbox string) {
		term := onTerminal(t, sandbox, "plx", "realize", "stage.toml", "slow")
		term.pids(t, 2)
		term.master.Close()
		err := term.cmd.Wait()
		if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 129 {
			t.Errorf("got %v", err)
		}
		term.leavesNothing(t)
	})
}

// TestTerminalWithoutShell: where no shell could resume plx, ^Z does nothing.
func TestTerminalWithoutShell(t *testing.T) {
	inBothModes(t, func(t *testing.T, sandbox string) {
		term := onTerminal(t, sandbox, "plx", "realize", "stage.toml", "slow")
		term.pids(t, 2)
		term.write(t, "\x1a\x03")
		if err := term.cmd.Wait(); err == nil || term.cmd.ProcessState.ExitCode() != 130 {
			t.Errorf("got %v", err)
		}
		term.leavesNothing(t)
	})
}

// TestTerminalTwice: the second ^C doesn't wait for a command that takes its
// time.
func TestTerminalTwice(t *testing.T) {
	inBothModes(t, func(t *testing.T, sandbox string) {
		term := onTerminal(t, sandbox, "plx", "realize", "stage.toml", "deaf")
		there := func(name string) func() bool {
			return func() bool {
				found, err := filepath.Glob(term.dir + "/store/tmp/*/*/out/" + name)
				return err == nil && found != nil
			}
		}
		term.until(t, "the build begins", there("deaf"))
		term.write(t, "\x03")
		term.until(t, "the build is told to end", there("told"))
		begun := time.Now()
		term.write(t, "\x03")
		if err := term.cmd.Wait(); err == nil || term.cmd.ProcessState.ExitCode() != 130 {
			t.Errorf("got %v", err)
		}
		if took := time.Since(begun); took > 4*time.Second {
			t.Errorf("it took %v", took)
		}
		term.leavesNothing(t)
	})
}

// TestKilled: when plx is killed, isolated commands end with all that they have
// started.
func TestKilled(t *testing.T) {
	if have, err := haveSandbox(); err != nil || !have {
		t.Skip("commands can't be isolated here")
	}
	term := onTerminal(t, "strict", "plx", "realize", "-j", "2", "stage.toml", "slow", "deaf")
	term.pids(t, 3)
	if err := term.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	term.cmd.Wait()
	term.until(t, "all has ended", func() bool { return term.marked(t) == nil })
}
