package builder

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
)

// A Mode says how much isolation commands must have.
type Mode string

// The modes.
const (
	Auto   Mode = "auto"   // as much as there is to be had
	Strict Mode = "strict" // all of it, or an error
	Off    Mode = "off"    // none
)

// Modes are all of them.
var Modes = []Mode{Auto, Strict, Off}

// A Sandbox runs commands so that they see and reach what they were given, and
// nothing else. What the system has for that is found out by the first run.
// Close it when no command runs any more. A process has one at a time: children
// that it doesn't know are for it what its commands have left.
type Sandbox struct {
	Mode    Mode
	Program string      // plx itself, which commands find last on PATH; empty: none
	Missing func(error) // called once if something is missing, and commands run all the same; says what, and the remedy

	found   sync.Once
	have    walls
	lacking error // why have is not all that there could be
	cells   cells
}

// walls are what keeps a command inside.
type walls struct {
	namespaces bool // what is not given isn't there
	landlock   bool // what is not given can't be opened
}

// String returns the walls as they are recorded.
func (w walls) String() string {
	var parts []string
	if w.namespaces {
		parts = append(parts, "namespaces")
	}
	if w.landlock {
		parts = append(parts, "landlock")
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, "+")
}

// errThin says what is missing where commands see and reach nothing that they
// shouldn't, but by one wall instead of two.
var errThin = errors.New("there is no Landlock, the second wall behind namespaces: " +
	"it needs Linux 5.19 or newer, with landlock among what the kernel's parameter lsm= lists")

// thin returns an error if there is no second wall.
func (w walls) thin() error {
	if w.namespaces && !w.landlock {
		return errThin
	}
	return nil
}

// IsWhole reports whether a command that was run with the walls, as they are
// recorded, could see and reach nothing that it was not given.
func IsWhole(walls string) bool { return strings.HasPrefix(walls, "namespaces") }

// A SandboxError says why a command was not started: its isolation was
// demanded, and can't be had.
type SandboxError struct{ Err error }

func (e *SandboxError) Error() string { return fmt.Sprintf("sandbox: %v", e.Err) }

// Unwrap returns what is missing.
func (e *SandboxError) Unwrap() error { return e.Err }

var errUnconfined = errors.New(`the stage says sandbox = "off", which --sandbox=strict refuses`)

// Run is [Run] in the sandbox. The error is a [SandboxError] if the mode is
// Strict and something is missing.
func (s *Sandbox) Run(ctx context.Context, a Action) (Usage, error) {
	w, err := s.walls(a)
	if err != nil {
		return Usage{}, err
	}
	return run(ctx, a, s, w)
}

// walls returns those that the action is to have.
func (s *Sandbox) walls(a Action) (walls, error) {
	switch {
	case s.Mode == Off:
		return walls{}, nil
	case a.Unconfined && s.Mode == Strict:
		return walls{}, &SandboxError{errUnconfined}
	case a.Unconfined:
		return walls{}, nil
	}
	s.found.Do(func() {
		s.have, s.lacking = s.detect(filepath.Dir(a.Dir))
		told := s.lacking
		if s.Mode == Strict {
			told = s.have.thin()
		}
		if told != nil && s.Missing != nil {
			s.Missing(told)
		}
	})
	if s.lacking != nil && s.Mode == Strict {
		return walls{}, &SandboxError{s.lacking}
	}
	return s.have, nil
}
