package main

// The real program, with the kernel's answers changed: killed before each step
// that changes a file, and with each step failing. Whatever happens, the store
// is sound, and the same command goes on from there.

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"plx/internal/builder"
)

// every makes the tests below take all steps, and not some of them.
var every = flag.Bool("every", false, "kill before every step and inject every fault: takes many minutes")

// traceLimit is how long a command may take that is traced: it takes a second.
const traceLimit = 2 * time.Minute

// A scenario is a command in a project, and what must be there before it.
type scenario struct {
	name  string
	rare  bool // only with -every
	setup func(t *testing.T, p *project)
	args  []string

	damaged bool // the store is, before the command

	// again reports whether the command may end like this when it is run again
	// after one that was killed or failed; nil: only like one that was not.
	again func(end outcome) bool
}

// scenarios are what is killed and made to fail: a row for each command that
// writes to a store. With one job at a time the order of the steps is the same
// each time.
var scenarios = []scenario{
	{
		name: "realize",
		args: []string{"realize", "stage.toml", "-j", "1"},
	},
	{
		name: "realize at once",
		rare: true,
		args: []string{"realize", "stage.toml", "-j", "4"},
	},
	{
		name: "adopt",
		setup: func(t *testing.T, p *project) {
			p.must(t, "realize", "stage.toml")
			p.edit(t, "stage.sorted", "stage.ordered")
			p.edit(t, "stage.runs", "stage.attempts")
			p.edit(t, `"runs"`, `"attempts"`)
		},
		args: []string{"realize", "stage.toml", "-j", "1"},
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
		again: func(end outcome) bool { return end.status == 0 }, // it prints what was left
	},
	{
		name: "rm",
		setup: func(t *testing.T, p *project) {
			p.rref = strings.TrimSpace(p.must(t, "realize", "stage.toml", "sorted"))
		},
		args:  []string{"rm", "RREF"},
		again: func(end outcome) bool { return end.status == 0 || end.status == exitNotFound }, // it is gone
	},
	{
		name: "unpack",
		setup: func(t *testing.T, p *project) {
			p.must(t, "realize", "stage.toml")
			p.must(t, "pack", "joined", "sorted", "-o", "results.plx")
			if err := builder.Remove(p.store()); err != nil {
				t.Fatal(err)
			}
		},
		args: []string{"unpack", "-o", "link", "results.plx"},
	},
	{
		name:    "repair",
		damaged: true,
		setup: func(t *testing.T, p *project) {
			p.must(t, "realize", "stage.toml")
			for _, stage := range []string{"sorted", "many"} {
				tree := strings.TrimSpace(p.must(t, "path", stage))
				if err := errors.Join(os.Chmod(tree, 0o755), os.WriteFile(tree+"/stray", nil, 0o666)); err != nil {
					t.Fatal(err)
				}
			}
			p.remove(t, "../store/action")
			if err := os.Mkdir(p.store()+"/action", 0o777); err != nil {
				t.Fatal(err)
			}
		},
		args: []string{"verify", "--repair"},
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
outputs = { number = "number.json" }
metrics = ["number"]
runs    = 2
match   = { best = 2, by = "number.n", order = "min" }
run     = 'echo "run $PLX_RUN"; echo "{\"n\": $PLX_RUN}" > "$number"'

[stage.joined]
inputs = { runs = "runs", many = "many:dir" }
run    = 'cat "$runs"/*/number.json "$many"/0* > "$out/joined"'
`

// eachScenario calls test with each scenario, at once with others.
func eachScenario(t *testing.T, test func(t *testing.T, p *project)) {
	for _, sc := range scenarios {
		if sc.rare && !*every {
			continue
		}
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			test(t, newProject(t, sc))
		})
	}
}

// A project is a directory with a stage file and a store beside it, which can
// be put back to what it was.
type project struct {
	scenario scenario
	plx      string // the program
	top      string // holds project, store and home
	rref     string // stands for RREF in args

	want  outcome // of the command that nothing happens to
	world world   // after that and gc
	lock  []string
}

// An outcome is how a command ended.
type outcome struct {
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

// args returns the scenario's arguments.
func (p *project) args() []string {
	args := append([]string{}, p.scenario.args...)
	for i, arg := range args {
		if arg == "RREF" {
			args[i] = p.rref
		}
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
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.top + "/home", "PLX_STORE=" + p.store(), "GORACE=" + os.Getenv("GORACE")}
}

// run runs plx.
func (p *project) run(t *testing.T, args ...string) outcome {
	t.Helper()
	cmd := exec.Command(p.plx, args...)
	cmd.Dir, cmd.Env = p.dir(), p.env()
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
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
func (p *project) trace(t *testing.T, answer func(fileCall) answer) outcome {
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
	end := outcome{-1, readBack(t, files[1]), readBack(t, files[2])}
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
//
// A round of runs in which one failed is made again as a whole: then there may
// be more.
func (p *project) recovers(t *testing.T, more bool) {
	t.Helper()
	if !p.scenario.damaged {
		soundWorld(t, p.store())
		p.must(t, "verify")
	}
	end := p.run(t, p.args()...)
	same := end.status == 0 && end.stdout == p.want.stdout
	if may := p.scenario.again; !same && (may == nil || !may(end)) {
		t.Errorf("run again, it ended with %d and printed %q, not %q:\n%s", end.status, end.stdout, p.want.stdout, end.stderr)
	}
	soundWorld(t, p.store())
	p.must(t, "verify")
	p.must(t, "gc")
	now := soundWorld(t, p.store())
	if more {
		maps.DeleteFunc(now, func(name, _ string) bool { _, wanted := p.world[name]; return !wanted })
	}
	if d := now.differences(p.world); len(d) > 0 {
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
