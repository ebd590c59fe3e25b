package main

import (
	"os"
	"strings"
	"testing"
)

// liveStage is a plan of which one stage goes on until a file says that it may
// end.
const liveStage = `
[stage.first]
run = 'echo > "$out/x"'
[stage.train]
matrix = { lr = [0.1, 0.2] }
inputs = { first = "first" }
run    = '''
printf 'epoch 1 of %s\n\033[31mepoch\033[0m 2 of %s\r\n' "$lr" "$lr"
while ! test -e END; do sleep 0.02; done
echo > "$out/x"
'''
[stage.bad]
inputs  = { train = "train[*]" }
run     = 'echo oh; exit 7'
[stage.last]
inputs  = { bad = "bad" }
run     = 'echo > "$out/x"'
`

// onLive starts a shell with liveStage, in which plx is started.
func onLive(t *testing.T, command string) *terminal {
	t.Helper()
	term := onTerminal(t, "off", "sh", "-i")
	if err := os.WriteFile(term.dir+"/stage.toml", []byte(strings.ReplaceAll(liveStage, "END", term.dir+"/end")), 0o666); err != nil {
		t.Fatal(err)
	}
	term.write(t, command+"; echo status-$?\n")
	return term
}

// finish lets the stages end, and the shell.
func (term *terminal) finish(t *testing.T, status string) {
	t.Helper()
	if err := os.WriteFile(term.dir+"/end", nil, 0o666); err != nil {
		t.Fatal(err)
	}
	term.until(t, "plx ends", term.shows("status-"+status))
	term.write(t, "stty -a | tr ' ;' '\\n\\n' | grep -x -e icanon -e isig -e echo | wc -l | sed s/^/modes-/\n")
	term.until(t, "the terminal is as before", term.shows("modes-3"))
	term.write(t, "exit\n")
	term.cmd.Wait()
}

// TestTerminalProgress: on a terminal there is a line for each run with the end
// of its log, keys follow a log, and what has ended stays; then the last word.
func TestTerminalProgress(t *testing.T) {
	term := onLive(t, "plx realize -j 2")
	term.until(t, "the end of a log is shown", term.shows("epoch 2 of 0.2"))
	term.until(t, "what has ended is told", term.shows("first: built in"))
	term.until(t, "there is a line that counts", term.shows("v: logs"))
	term.write(t, "v")
	term.until(t, "a log is followed", term.shows("epoch 1 of 0."))
	term.write(t, "n")
	term.until(t, "so is the next", func() bool { return term.shows("epoch 1 of 0.1")() && term.shows("epoch 1 of 0.2")() })
	term.write(t, "q")
	term.finish(t, "100")
	for _, text := range []string{"1/5 done", "✗\x1b[m bad: failed after", "plx: 3 built, 1 failed, 1 skipped", "plx: failed  bad  exited with status 7", "plx: skipped  last: for bad failed", "plx shell --failed bad"} {
		if !term.shows(text)() {
			screen, _ := os.ReadFile(term.screen.Name())
			t.Errorf("there is no %q in\n%s", text, screen)
		}
	}
	if term.shows("\x1b[31mepoch")() {
		t.Error("a command sets the colour of the terminal")
	}
}

// TestTerminalPlain: where nothing is to be drawn, there are plain lines.
func TestTerminalPlain(t *testing.T) {
	for _, how := range []string{"NO_COLOR=1 plx realize", "TERM=dumb plx realize", "CI=true plx realize", "plx realize -q", "plx realize --color=never", "plx realize 2>log"} {
		t.Run(how, func(t *testing.T) {
			term := onLive(t, strings.Replace(how, "plx realize", "plx realize -j 2", 1)+" first train[lr=0.1]")
			term.finish(t, "0")
			screen, err := os.ReadFile(term.screen.Name())
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(screen), "\x1b") {
				t.Errorf("something is drawn:\n%q", screen)
			}
		})
	}
}

// TestTerminalColor: --color=always draws where $NO_COLOR says that nothing is to
// be.
func TestTerminalColor(t *testing.T) {
	term := onLive(t, "NO_COLOR=1 plx realize --color=always -j 2 first train")
	term.until(t, "the end of a log is shown", term.shows("epoch 2 of 0.2"))
	term.finish(t, "0")
	if !term.shows("\x1b[32m✓\x1b[m first: built")() {
		t.Error("there are no colours")
	}
}

// TestTerminalKilled: the terminal is as before when plx is ended by a signal,
// also by a second ^C.
func TestTerminalKilled(t *testing.T) {
	for _, keys := range []string{"\x03", "\x03\x03\x03", "\x1c"} {
		term := onLive(t, "plx realize -j 2")
		term.until(t, "something is drawn", term.shows("epoch 2"))
		term.write(t, "v")
		term.until(t, "a log is followed", term.shows("q back"))
		term.write(t, keys)
		term.finish(t, "1")
		if !term.shows("\x1b[?1049l")() {
			t.Error("what was there before the log isn't there again")
		}
	}
}
