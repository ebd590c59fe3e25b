package main

import (
	"context"
	"errors"

	"plx/internal/builder"
	"plx/internal/fetch"
	"plx/internal/lens"
	"plx/internal/match"
	"plx/internal/plan"
	"plx/internal/realize"
	"plx/internal/store"
)

// The exit statuses. Those of builds are Nix's, or-ed where several failed.
const (
	exitOK        = 0
	exitOther     = 1
	exitUsage     = 2   // bad usage, or a bad stage file
	exitNotFound  = 3   // what was asked for is not there, or a matcher can't be satisfied
	exitDamage    = 4   // the store, or an archive, is damaged
	exitRemote    = 5   // a download failed
	exitBuild     = 100 // a command failed, or its result was refused
	exitTimeout   = 101 // a command took too long
	exitHash      = 102 // a pinned or fetched file has another hash
	exitDiffers   = 104 // a result differs where one was promised
	exitSignalled = 128 // and the signal's number: 130 for ^C
)

// A usageError says that plx was called in a wrong way.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// A notFoundError says that what was asked for is not there.
type notFoundError struct{ text string }

func (e *notFoundError) Error() string { return e.text }

// exitStatus is the only place where an error becomes an exit status.
func exitStatus(err error) int {
	if err == nil {
		return exitOK
	}
	status := 0
	for _, e := range parts(err) {
		s := statusOf(e)
		if s < exitBuild || s >= exitSignalled {
			return s
		}
		status |= s
	}
	return status
}

// parts returns the errors that err joins.
func parts(err error) []error {
	if _, whole := err.(plan.Errors); whole {
		return []error{err}
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, parts(e)...)
	}
	return all
}

// statusOf returns the exit status of one error.
func statusOf(err error) int {
	var signal *signalError
	if errors.As(err, &signal) {
		return exitSignalled + int(signal.signal)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return exitSignalled + 2
	case is[*realize.DiffersError](err), is[*match.DiffersError](err), is[*realize.UnlikeError](err):
		return exitDiffers
	case is[*plan.PinError](err), is[*fetch.HashError](err):
		return exitHash
	case is[*fetch.DownloadError](err):
		return exitRemote
	case is[*builder.TimeoutError](err):
		return exitTimeout
	case is[*realize.BuildError](err):
		return exitBuild
	case is[*usageError](err), is[*realize.ResourceError](err), is[*realize.NothingRunError](err), is[plan.Errors](err), is[*plan.SyntaxError](err):
		return exitUsage
	case is[*notFoundError](err), is[*plan.NotFoundError](err), is[*realize.MatchError](err), is[*realize.ToolError](err), is[*lens.NameError](err), is[*store.AmbiguousError](err), errors.Is(err, store.ErrNotExist):
		return exitNotFound
	case is[*store.DamageError](err), is[*store.PackError](err):
		return exitDamage
	default:
		return exitOther
	}
}

// is reports whether there is an E in what err wraps.
func is[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}
