package main

// The real program, with the kernel's answers changed: killed before each step
// that changes a file, and with each step failing. Whatever happens, the store
// is sound, and the same command goes on from there.

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plx/internal/builder"
)

// every makes the tests below take all steps, and not some of them.
var every = flag.Bool("every", false, "kill before every step and inject every fault: takes many minutes")

// traceLimit is how long a command may take that is traced: it takes a second.
const traceLimit = 2 * time.Minute

// A scenario is a command in a project, and what must be there before it.
type scenario struct {
	name  string
	setup func(t *testing.T, p *project)
	args  []string

	// again reports whether the command may end like this when it is run again
	// after one that was killed or failed; nil: only like one that was not.
	again func(end ending) bool
}

// scenarios are what is killed and made to fail. A command that writes to a
// store has a line here.
var scenarios = []scenario{
	{
		name: "realize",
		args: []string{"realize", "stage.toml"},
	},
	{
		name: "adopt",
		setup: func(t *testing.T, p *project) {
			p.must(t, "realize", "stage.toml")
			p.edit(t, "stage.sorted", "stage.ordered")
			p.edit(t, "stage.runs", "stage.attempts")
			p.edit(t, `"runs"`, `"attempts"`)
		},
		args: []string{"realize", "stage.toml"},
	},
	{
		name: "instantiate",
		args: []string{"instantiate", "stage.toml"},
	},
	{
		name: "gc",
		setup: func(t *testing.T, p *project) {
			p.must(t, "realize", "stage.toml")
			p.remove(t, ".plx")
			p.edit(t, "sort ", "sort -r ")
			p.must(t, "realize", "stage.toml", "sorted")
		},
		args:  []string{"gc"},
		again: func(end ending) bool { return end.status == 0 }, // it prints what was left
	},
	{
		name: "rm",
		setup: func(t *testing.T, p *project) {
			p.rref = strings.TrimSpace(p.must(t, "realize", "stage.toml", "sorted"))
		},
		args:  []string{"rm", "RREF"},
		again: func(end ending) bool { return end.status == 0 || end.status == exitNotFound }, // it is gone
	},
}

const crashStages = `
[stage.words]
import = "words.txt"

[stage.sorted]
inputs  = { words = "words" }
outputs = { sorted = "sorted.txt", date = { path = "date.txt", volatile = true } }
run     = 'echo sorting; sort "$words/words.txt" > "$sorted"; date > "$date"'

[stage.many]
src     = ["lib/*"]
outputs = { dir = "dir" }
run     = '''
mkdir -p "$out/dir/deep"
name=$(printf %0220d 0)
for i in 1 2 3 4 5 6 7 8; do cat lib/part.txt > "$dir/$name$i"; done
ln -s "${name}1" "$dir/link"
'''

[stage.runs]
outputs = { number = "number" }
runs    = 2
match   = { some = 2 }
run     = 'echo "run $PLX_RUN"; echo "$PLX_RUN" > "$number"'

[stage.joined]
inputs = { runs = "runs", many = "many:dir" }
run    = 'cat "$runs"/*/number "$many"/0* > "$out/joined"'
`

// A project is a directory with a stage file and a store beside it, which can
// be put back to what it was.
type project struct {
	scenario scenario
	plx      string // the program
	top      string // holds project, store and home
	rref     string // stands for RREF in args

	want  ending // of the command that nothing happens to
	world world  // after that and gc
	lock  []string
}

// An ending is how a command ended.
type ending struct {
	status         int // -1: by a signal
	stdout, stderr string
}

func newProject(t *testing.T, sc scenario) *project {
	t.Helper()
	plx, err := exec.LookPath("plx")
	if err != nil {
		t.Fatal(err)
	}
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &project{scenario: sc, plx: plx, top: top + "/top"}
	t.Cleanup(func() { builder.Remove(p.top); builder.Remove(p.top + "-before") })
	for name, text := range map[string]string{
		"project/stage.toml": crashStages, "project/words.txt": "b\na\n", "project/lib/part.txt": "part\n", "home/x": "",
	} {
		path := filepath.Join(p.top, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(text), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	if sc.setup != nil {
		sc.setup(t, p)
	}
	copyAll(t, p.top, p.top+"-before")
	p.want = p.run(t, p.args()...)
	if p.want.status != 0 {
		t.Fatalf("%q ended with %d:\n%s", p.args(), p.want.status, p.want.stderr)
	}
	p.must(t, "gc")
	p.world, p.lock = soundWorld(t, p.store()), names(t, p.store()+"/lock")
	return p
}

// copyAll copies a directory, with modes and times.
func copyAll(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Error(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (p *project) store() string { return p.top + "/store" }

func (p *project) dir() string { return p.top + "/project" }

// args returns the scenario's arguments. One job at a time makes the order of
// the steps the same each time, as far as there is one.
func (p *project) args() []string {
	args := append([]string{}, p.scenario.args...)
	for i, arg := range args {
		if arg == "RREF" {
			args[i] = p.rref
		}
	}
	if args[0] == "realize" {
		args = append(args, "-j", "1")
	}
	return args
}

// reset puts all back to what it was before the command.
func (p *project) reset(t *testing.T) {
	t.Helper()
	if err := builder.Remove(p.top); err != nil {
		t.Fatal(err)
	}
	copyAll(t, p.top+"-before", p.top)
}

func (p *project) edit(t *testing.T, old, new string) {
	t.Helper()
	path := p.dir() + "/stage.toml"
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, []byte(strings.ReplaceAll(string(data), old, new)), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (p *project) remove(t *testing.T, name string) {
	t.Helper()
	if err := builder.Remove(p.dir() + "/" + name); err != nil {
		t.Fatal(err)
	}
}

func (p *project) env() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.top + "/home", "PLX_STORE=" + p.store()}
}

// run runs plx.
func (p *project) run(t *testing.T, args ...string) ending {
	t.Helper()
	cmd := exec.Command(p.plx, args...)
	cmd.Dir, cmd.Env = p.dir(), p.env()
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return ending{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// must runs plx, which must succeed, and returns what it prints.
func (p *project) must(t *testing.T, args ...string) string {
	t.Helper()
	end := p.run(t, args...)
	if end.status != 0 {
		t.Errorf("plx %q ended with %d:\n%s", args, end.status, end.stderr)
	}
	return end.stdout
}

// trace runs the scenario's command on what reset leaves.
func (p *project) trace(t *testing.T, answer func(fileCall) answer) ending {
	t.Helper()
	p.reset(t)
	var files [3]*os.File
	for i := range files {
		f, err := os.OpenFile(fmt.Sprintf("%s-stream-%d", p.top, i), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	tr := tracer{below: p.top, answer: answer, limit: traceLimit}
	status, err := tr.run(p.plx, append([]string{"plx"}, p.args()...), &syscall.ProcAttr{
		Dir: p.dir(), Env: p.env(), Files: []uintptr{files[0].Fd(), files[1].Fd(), files[2].Fd()},
	})
	if errors.Is(err, errForbidden) {
		t.Skip(err)
	}
	end := ending{-1, readBack(t, files[1]), readBack(t, files[2])}
	if err != nil {
		t.Fatalf("plx %q: %v; stderr:\n%s", p.args(), err, end.stderr)
	}
	if status.Exited() {
		end.status = status.ExitStatus()
	}
	return end
}

func readBack(t *testing.T, f *os.File) string {
	t.Helper()
	data, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// calls returns the calls with one of the effects that the command makes.
func (p *project) calls(t *testing.T, effects effect) []fileCall {
	t.Helper()
	var calls []fileCall
	end := p.trace(t, func(c fileCall) answer {
		if c.effects&effects != 0 {
			calls = append(calls, c)
		}
		return answer{}
	})
	if end.status != 0 || end.stdout != p.want.stdout {
		t.Fatalf("traced, it ended with %d and printed %q, not %q:\n%s", end.status, end.stdout, p.want.stdout, end.stderr)
	}
	return calls
}

// recovers checks the store as it is, and that the same command goes on from
// there to what it would have come to.
func (p *project) recovers(t *testing.T) {
	t.Helper()
	soundWorld(t, p.store())
	end := p.run(t, p.args()...)
	same := end.status == 0 && end.stdout == p.want.stdout
	if may := p.scenario.again; !same && (may == nil || !may(end)) {
		t.Errorf("run again, it ended with %d and printed %q, not %q:\n%s", end.status, end.stdout, p.want.stdout, end.stderr)
	}
	soundWorld(t, p.store())
	p.must(t, "gc")
	if d := soundWorld(t, p.store()).differences(p.world); len(d) > 0 {
		t.Errorf("run again, it leaves another store: %q", d)
	}
	if left := names(t, p.store()+"/tmp"); len(left) > 0 {
		t.Errorf("left in tmp after gc: %q", left)
	}
	if lock := names(t, p.store()+"/lock"); strings.Join(lock, " ") != strings.Join(p.lock, " ") {
		t.Errorf("left in lock after gc: %q, want %q", lock, p.lock)
	}
	if dead := p.must(t, "gc", "--dry-run"); dead != "" {
		t.Errorf("left after gc: %s", dead)
	}
}

// A command that is killed before any step that changes a file leaves a sound
// store, and the next goes on.
func TestKill(t *testing.T) {
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, sc)
			calls := p.calls(t, changes|locks)
			t.Logf("%d steps", len(calls))
			for _, i := range chosen(len(calls), 7) {
				t.Run(fmt.Sprint(i), func(t *testing.T) { p.kill(t, i) })
			}
		})
	}
}

// chosen returns all of 0 to n-1, or only some of them, the first and the last
// among them.
func chosen(n, some int) []int {
	if *every || n <= some {
		some = n
	}
	list := make([]int, 0, some)
	for i := range some {
		list = append(list, i*(n-1)/max(some-1, 1))
	}
	return list
}

// kill ends the command before step n, from 0.
func (p *project) kill(t *testing.T, n int) {
	seen := 0
	var at fileCall
	end := p.trace(t, func(c fileCall) answer {
		if c.effects&(changes|locks) == 0 {
			return answer{}
		}
		at = c
		seen++
		return answer{kill: seen > n}
	})
	if end.status != -1 && seen > n {
		t.Errorf("it was not killed, but ended with %d", end.status)
	}
	p.recovers(t)
	if t.Failed() {
		t.Logf("that was before step %d: %v", n, at)
	}
}

// A fault is an error that calls give.
type fault struct {
	errno   unix.Errno
	effects effect // of the calls that give it
	onward  bool   // all calls from some point on give it, not one
}

// faults are those that disks and systems have.
var faults = []fault{
	{unix.ENOSPC, grows, false},
	{unix.ENOSPC, grows, true},
	{unix.EROFS, changes, true},
	{unix.EIO, reads | changes, false},
	{unix.EIO, reads | changes, true},
	{unix.EMFILE, opens, false},
	{unix.EMFILE, opens, true},
}

func (f fault) String() string {
	name := unix.ErrnoName(f.errno)
	if f.onward {
		name += " onward"
	}
	return name
}

// A command in which a call fails says so, or does without it. The store is
// sound, and the next command goes on.
func TestFault(t *testing.T) {
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, sc)
			for _, f := range faults {
				calls := p.calls(t, f.effects)
				t.Logf("%v: %d calls", f, len(calls))
				for _, i := range chosen(len(calls), 3) {
					t.Run(fmt.Sprintf("%v %d", f, i), func(t *testing.T) { p.fault(t, f, i) })
				}
			}
		})
	}
}

// fault makes call n, from 0, fail.
func (p *project) fault(t *testing.T, f fault, n int) {
	seen := 0
	var at fileCall
	end := p.trace(t, func(c fileCall) answer {
		if c.effects&f.effects == 0 {
			return answer{}
		}
		seen++
		if seen <= n || seen > n+1 && !f.onward {
			return answer{}
		}
		if seen == n+1 {
			at = c
		}
		return answer{errno: f.errno}
	})
	told := regexp.MustCompile(`(?m)^plx: .*\S: ` + regexp.QuoteMeta(f.errno.Error()) + `$`).MatchString(end.stderr)
	switch {
	case strings.Contains(end.stderr, "goroutine ") || end.status == -1:
		t.Errorf("it crashed: status %d", end.status)
	case end.status == 0 && end.stdout != p.want.stdout && p.scenario.again == nil:
		t.Errorf("it succeeded, but printed %q, not %q", end.stdout, p.want.stdout)
	case end.status != 0 && !told:
		t.Errorf("it ended with %d, and did not say what failed, or why", end.status)
	}
	p.recovers(t)
	if t.Failed() {
		t.Logf("that was call %d: %v; it ended with %d, stderr:\n%s", n, at, end.status, end.stderr)
	}
}
