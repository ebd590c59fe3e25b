package builder

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// An Action is one command to run, with all that it sees.
type Action struct {
	Dir     string            // the build directory: exists and is empty, or doesn't exist in one that does
	Argv    []string          // the whole command; its first word is looked up on the command's own PATH
	Source  string            // a directory whose files are copied to src; empty: none
	Inputs  map[string]Input  // by the names of their variables
	Outputs map[string]string // name → path below out, slash-separated; one that a Result lacks has no path
	Carry   string            // a directory whose content is shown in carry; empty: nothing is
	Result  string            // for a check: a finished result, laid in out read-only; empty: out is empty and writable
	Config  map[string]any    // of string, bool, int64, float64, [fmt.Stringer] (dates), []any and map[string]any
	Env     map[string]string // what the stage sets, and what it lets pass
	Args    map[string]string // k=v is seen as $PLX_ARG_k
	Run     int               // $PLX_RUN, from 1
	Log     *os.File          // gets what the command prints; nil: nothing does
	Bin     string            // a directory put last on PATH; empty: none. In a cell it is another, with [Sandbox.Program]
	Grace   time.Duration     // how long it has between TERM and KILL; 0: 5 s
	Limits
	Network    bool        // the command may use the machine's network
	Open       []string    // absolute paths of this machine that the command may read
	Tools      []string    // programs that the command calls, by their names on its PATH or their paths: it sees them wherever they are
	Unconfined bool        // the command is not isolated
	Streams    [3]*os.File // standard input, output and error, for a person to work there; nil: nothing, and the log
	Terminal   bool        // the streams are a terminal that is to be the command's own
	Laid       bool        // the build directory is as an earlier run has left it: nothing is laid there
	Used       bool        // it may hold what an earlier run, no process of which is left, has laid and left there: what fits stays, all else is removed
	Traces     *Traces     // of the runs before in this directory, and for the next; nil: none
	Jobs       [2]*os.File // a jobserver for make: where jobs are read, and where they are given back; nil: none
	Control    *Control    // stops and resumes it; nil: nobody does
	Cgroups    *Cgroups    // hold it to its memory and processes; nil: nothing does
}

// An Input is one directory below in, or a directory of numbered ones.
type Input struct {
	List  bool
	File  string // the path of the one output that the variable names, in each item; empty: it names the directory
	Items []Item // one, unless List
}

// An Item is what one realization shows.
type Item struct {
	Dir     string            // a tree on this machine
	Paths   []string          // what is shown of it: what lies at these paths or below them; nil: all
	Outputs map[string]string // name → path of what is shown; an absent optional output has no path
}

// Usage is what a command took.
type Usage struct {
	User    time.Duration // CPU time in user mode, of all processes that were waited for
	System  time.Duration // CPU time in the kernel, likewise
	MaxRSS  int64         // largest resident set of a process, in bytes
	Started time.Time
	Stopped time.Time
	Over    bool   // no process of it can be left; so its directory can be used for another run
	Sandbox string // what kept the command inside: "namespaces+landlock", "landlock", …, "none"
}

// defaultGrace is enough for a program to write a checkpoint of some 100 MB,
// and short enough for somebody who waits after ^C.
const defaultGrace = 5 * time.Second

// Run lays the build directory, runs the command in it, not isolated, and
// returns once no process of it is left. The directory stays, whatever comes
// of it.
//
// The error is an [ExitError] if the command fails, a [TimeoutError] if it
// takes too long, and a [LimitError] if it makes too much. If ctx ends first, the error wraps ctx's own and its cause.
// Usage is zero if the command was not started.
func Run(ctx context.Context, a Action) (Usage, error) {
	s := &Sandbox{Mode: Off}
	defer s.Close()
	return run(ctx, a, s, walls{})
}

func run(ctx context.Context, a Action, s *Sandbox, w walls) (Usage, error) {
	dir, err := filepath.Abs(a.Dir)
	if err != nil {
		return Usage{}, fmt.Errorf("build directory %s: %w", a.Dir, err)
	}
	a.Dir = dir
	if a.Grace == 0 {
		a.Grace = defaultGrace
	}
	b := build{Action: a, place: place(dir), seen: place(dir), sandbox: s, walls: w}
	if w.namespaces {
		b.seen = cellDir
	}
	if err := b.check(); err != nil {
		return Usage{}, err
	}
	env, err := b.environment()
	if err != nil {
		return Usage{}, err
	}
	if !b.Laid {
		if err := b.lay(ctx); err != nil {
			return Usage{}, err
		}
	}
	return b.run(ctx, env)
}

// A build is an action with its directory absolute.
type build struct {
	Action
	place          // where the build directory is
	seen     place // where the command finds it
	sandbox  *Sandbox
	walls    walls
	logStart int64 // size of the log when the command was started, in bytes
}

// A place is a build directory, by its path.
type place string

func (p place) src() string         { return string(p) + "/src" }
func (p place) in() string          { return string(p) + "/in" }
func (p place) out() string         { return string(p) + "/out" }
func (p place) tmp() string         { return string(p) + "/tmp" }
func (p place) carry() string       { return string(p) + "/carry" }
func (p place) description() string { return string(p) + "/build.json" }

// cellDir is where a command finds its build directory if it has a place of
// its own.
const cellDir place = "/build"

// cellBin is the directory that is put last on PATH there, with plx in it.
const cellBin = "/plx/bin"

// item returns where an item of an input lies.
func (p place) item(name string, in Input, i int) string {
	dir := p.in() + "/" + name
	if !in.List {
		return dir
	}
	width := len(fmt.Sprint(len(in.Items)))
	return fmt.Sprintf("%s/%0*d", dir, width, i+1)
}

// check returns an error if the action can't be what its caller means: above
// all if a name or path would lead out of the build directory.
func (b build) check() error {
	if len(b.Argv) == 0 || b.Argv[0] == "" {
		return fmt.Errorf("command: it has no words")
	}
	for name, p := range inOrder(b.Outputs) {
		if p == "" && b.Result != "" {
			continue
		}
		if err := checkPath(p); err != nil {
			return fmt.Errorf("output %s: %w", name, err)
		}
	}
	for name, in := range inOrder(b.Inputs) {
		if err := in.check(name); err != nil {
			return fmt.Errorf("input %s: %w", name, err)
		}
	}
	return nil
}

func (in Input) check(name string) error {
	if !isVariable(name) {
		return fmt.Errorf("it is no name of a variable")
	}
	if !in.List && len(in.Items) != 1 {
		return fmt.Errorf("want 1 item, have %d", len(in.Items))
	}
	named := []string{in.File}
	for _, item := range in.Items {
		for _, p := range item.Paths {
			if err := checkPath(p); err != nil {
				return err
			}
		}
		named = slices.AppendSeq(named, maps.Values(item.Outputs))
	}
	for _, p := range named {
		if p == "" { // of what is absent
			continue
		}
		if err := checkPath(p); err != nil {
			return err
		}
	}
	return nil
}

func checkPath(p string) error {
	if !filepath.IsLocal(p) {
		return fmt.Errorf("path %q leads outside", p)
	}
	return nil
}
