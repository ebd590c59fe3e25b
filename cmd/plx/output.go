package main

// The rules of printing:
//
//   - Results go to stdout, one a line, and nothing else does: $(plx …) holds
//     what was asked for. With --json they are JSON.
//
//   - Words for people go to stderr, each line with "plx: " before it, but for
//     quoted text (the end of a log, a list of errors in a file), which stands
//     as it is so that editors can follow it.
//
//   - An error says what happened, where, and what to do next.

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"plx/internal/plan"
	"plx/internal/realize"
	"plx/internal/store"
	"plx/internal/ui"
)

// result prints lines of a result.
func (a *app) result(lines ...string) error {
	for _, line := range lines {
		if _, err := fmt.Fprintln(a.stdout, line); err != nil {
			return err
		}
	}
	return nil
}

// resultJSON prints one JSON document.
func (a *app) resultJSON(v any) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// say tells people something, unless they want quiet.
func (a *app) say(format string, args ...any) {
	if !a.quiet {
		a.tell(format, args...)
	}
}

// tell tells people something that they need to know.
func (a *app) tell(format string, args ...any) { a.tellIn("", format, args...) }

// tellIn tells it with a colour to find it by.
func (a *app) tellIn(colour ui.Colour, format string, args ...any) {
	fmt.Fprintf(a.stderr, "%s "+format+"\n", append([]any{a.painted(a.stderr, colour, "plx:")}, args...)...)
}

// printError tells what failed.
func (a *app) printError(err error) {
	if err == nil {
		return
	}
	for _, e := range parts(err) {
		a.printOne(e)
	}
}

func (a *app) printOne(err error) {
	var build *realize.BuildError
	var file plan.Errors
	var ambiguous *store.AmbiguousError
	switch {
	case errors.As(err, &ambiguous):
		a.tellIn(ui.Red, "%v", err)
		for _, o := range ambiguous.Candidates[:min(len(ambiguous.Candidates), candidatesShown)] {
			fmt.Fprintf(a.stderr, "  %v\n", o)
		}
	case errors.As(err, &file):
		for _, e := range file {
			fmt.Fprintln(a.stderr, e)
		}
		what := "nothing was written"
		if is[*plan.PinError](err) {
			what = "nothing was planned"
		}
		a.tellIn(ui.Red, "%s: %s", count(len(file), "mistake"), what)
	case errors.As(err, &build):
		a.printBuild(build)
	default:
		a.tellIn(ui.Red, "%v", err)
		if hint := hintFor(err); hint != "" {
			a.tell("%s", hint)
		}
	}
}

// candidatesShown is how many references are named that begin alike.
const candidatesShown = 20

// printBuild tells what failed, with the end of the log and what to look at.
func (a *app) printBuild(e *realize.BuildError) {
	a.tellIn(ui.Red, "%v", e)
	for _, line := range e.Tail {
		fmt.Fprintf(a.stderr, "  %s\n", ui.Clean(line))
	}
	if len(e.Also) > 0 {
		a.tell("that was run %d; so failed %s", e.Run, runsText(e.Also))
	}
	if e.Log != "" {
		a.tell("the log is %s", e.Log)
	}
	if e.Kept != "" {
		a.tell("the build directory is kept until plx gc: %s", e.Kept)
		a.tell("a shell there: plx shell --failed %s", quoted(e.Stage))
	}
	if isFull(e.Kept) {
		a.tell("the disk of the store is full: make room there, or run plx gc")
	}
}

// quoted returns the name of a stage as a shell takes it.
func quoted(name string) string {
	if strings.ContainsAny(name, "[]*") {
		return "'" + name + "'"
	}
	return name
}

// fullDisk is how much room, in bytes, a full disk may have: what plx itself
// has removed since, and rests that no command could use.
const fullDisk = 256 << 10

// isFull reports whether there is next to no room where a build was kept. What
// its command said of that found no room in the log, either.
func isFull(kept string) bool {
	var disk unix.Statfs_t
	return kept != "" && unix.Statfs(kept, &disk) == nil && disk.Bavail*uint64(disk.Bsize) < fullDisk
}

// runsText names runs by their numbers.
func runsText(runs []int) string {
	texts := make([]string, len(runs))
	for i, run := range runs {
		texts[i] = strconv.Itoa(run)
	}
	if len(runs) == 1 {
		return "run " + texts[0]
	}
	return "runs " + strings.Join(texts, ", ")
}

// hintFor says what to do about an error that doesn't say it itself.
func hintFor(err error) string {
	var unmet *realize.MatchError
	switch {
	case !errors.As(err, &unmet) || unmet.Choice.Lacking == 0 || unmet.Built == 0:
		return ""
	case unmet.Repeats:
		return "a command that gives the same each time makes one result: vary it by $PLX_RUN, or ask the matcher for fewer"
	default:
		return "to let plx make more, raise max-runs; else ask less of the matcher"
	}
}

// count says how many there are of something.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// size writes a number of bytes for people.
func size(n int64) string { return ui.Size(n) }
