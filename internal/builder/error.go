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

// A TimeoutError says that a command was ended since it took too long.
type TimeoutError struct {
	After time.Duration // what it was given
}

func (e *TimeoutError) Error() string { return fmt.Sprintf("command timed out after %v", e.After) }

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
