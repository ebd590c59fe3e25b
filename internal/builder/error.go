package builder

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// An ExitError says that a command ended by itself, and not well.
type ExitError struct {
	Status int            // its exit status; 0 if a signal ended it
	Signal syscall.Signal // the signal that ended it; 0 if it exited
}

func (e *ExitError) Error() string {
	if e.Signal != 0 {
		return fmt.Sprintf("command was ended by signal %v", e.Signal)
	}
	return fmt.Sprintf("command exited with status %d", e.Status)
}

// A TimeoutError says that a command was ended since it took too long, or
// printed nothing for too long.
type TimeoutError struct {
	After  time.Duration // what it was given
	Silent bool          // it printed nothing for so long
}

func (e *TimeoutError) Error() string {
	if e.Silent {
		return fmt.Sprintf("command printed nothing for %v, which is its max-silent", e.After)
	}
	return fmt.Sprintf("command timed out after %v", e.After)
}

// A LimitError says that a command was ended, or its result refused, since it
// made more than it may.
type LimitError struct {
	Key  string // of the limit in a stage file: max-log, max-output (in out, or beside it), or the resource memory
	Most int64  // in bytes
	Have int64  // how much there was when plx looked, in bytes
}

func (e *LimitError) Error() string {
	if e.Key == maxMemory {
		return fmt.Sprintf("command wanted more than its memory of %d bytes", e.Most)
	}
	what, key := "printed", e.Key
	switch e.Key {
	case maxOutput:
		what = "left in $out"
	case maxBeside:
		what, key = "took beside $out, as in $TMPDIR,", maxOutput
	}
	return fmt.Sprintf("command %s %d bytes, which is more than its %s of %d", what, e.Have, key, e.Most)
}

// exitError returns what the end of a command means: nil if it went well.
func exitError(status syscall.WaitStatus) error {
	switch {
	case status.Signaled():
		return &ExitError{Signal: status.Signal()}
	case status.ExitStatus() != 0:
		return &ExitError{Status: status.ExitStatus()}
	default:
		return nil
	}
}

// interrupted returns the error for a context that is done. It wraps the
// context's own error, also where somebody gave another cause.
func interrupted(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return fmt.Errorf("command was interrupted: %w", cause)
	}
	return fmt.Errorf("command was interrupted: %w: %w", cause, err)
}
