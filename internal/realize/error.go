package realize

import (
	"fmt"
	"strings"

	"plx/internal/match"
	"plx/internal/store"
)

// A BuildError says that a command failed, or that its result was refused.
type BuildError struct {
	Stage string
	Ref   store.DRef
	Run   int
	Tries int      // how many attempts there were, if more than one is allowed
	Also  []int    // other runs of the round that failed
	Err   error    // wrapped: what failed
	Kept  string   // the build directory, kept
	Log   string   // where the log is, if there is one
	Tail  []string // the last lines of the log
}

func (e *BuildError) Error() string {
	if e.Tries > 1 {
		return fmt.Sprintf("build %v: %v (the last of %d attempts)", e.Ref, e.Err, e.Tries)
	}
	return fmt.Sprintf("build %v: %v", e.Ref, e.Err)
}

func (e *BuildError) Unwrap() error { return e.Err }

// A PromiseError says that a result is not what its stage promised.
type PromiseError struct {
	Output string
	Path   string
	Err    error
}

func (e *PromiseError) Error() string {
	return fmt.Sprintf("output %s: %s %v", e.Output, e.Path, e.Err)
}

// A CheckError says that the check of a stage refused a result.
type CheckError struct{ Err error }

func (e *CheckError) Error() string { return fmt.Sprintf("check: %v", e.Err) }

func (e *CheckError) Unwrap() error { return e.Err }

// A DiffersError says that a command that its stage claims to be deterministic
// made a second, different result.
type DiffersError struct {
	Have  store.RRef
	Paths []string // what differs, a line each
}

func (e *DiffersError) Error() string {
	return fmt.Sprintf("the result differs from %v, and match = \"only\" says that there is one:\n  %s\nchoose another matcher (\"latest\", { best = … }), or make the command deterministic",
		e.Have, strings.Join(e.Paths, "\n  "))
}

// An UnlikeError says that a command, run again, gave something else.
type UnlikeError struct {
	Have  store.RRef
	Run   int
	Files []Difference
}

func (e *UnlikeError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "check %v: run %d, made again, differs:", e.Have, e.Run)
	for _, f := range e.Files {
		fmt.Fprintf(&b, "\n  %s", f)
		for line := range strings.Lines(f.Diff) {
			fmt.Fprintf(&b, "\n    %s", strings.TrimRight(line, "\n"))
		}
	}
	b.WriteString("\nnothing was changed; look for times, random numbers, paths and the order of threads, or let $PLX_RUN be the seed")
	return b.String()
}

// A MatchError says that a matcher can't be satisfied.
type MatchError struct {
	Stage   string
	Ref     store.DRef
	Matcher match.Matcher
	Found   int  // candidates
	Built   int  // of them, or besides, built just now
	Repeats bool // the last round gave only what was there
	Choice  match.Choice
	Err     error // wrapped: why no more is built
}

func (e *MatchError) Error() string {
	if e.Choice.Lacking == 0 {
		return fmt.Sprintf("stage %s: %v", e.Stage, e.Err)
	}
	text := fmt.Sprintf("stage %s: match %v: %d more needed, with %d there and %d built now: %v", e.Stage, e.Matcher, e.Choice.Lacking, e.Found, e.Built, e.Err)
	for _, left := range e.Choice.Left {
		text += fmt.Sprintf("\n  %v is left out: %s", left.Ref, left.Why)
	}
	return text
}

func (e *MatchError) Unwrap() error { return e.Err }
