package main

// This file is what signals do. The rules are:
//
//   - ^C, SIGTERM and a closed terminal end plx gently: commands get TERM, and
//     time to follow it. A second ^C or SIGTERM ends that time. A third ends plx
//     as if there were no such rules. ^\ does at once what two ^C do.
//
//   - SIGHUP and ^Z stay ignored if they were when plx was started, as by nohup.
//     SIGINT doesn't: a script that starts plx with & may want to end it so.
//
//   - ^Z stops the commands, which have no terminal that could tell them, and
//     then plx; fg and bg resume both. Where no shell could do that, ^Z does
//     nothing.

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A signalError is the cause of a context that a signal ended.
type signalError struct{ signal syscall.Signal }

func (e *signalError) Error() string { return e.signal.String() }

// ending are the signals that end plx.
var ending = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}

// interruptible returns a context that ends with the signals that end plx.
func (a *app) interruptible(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	a.interrupt = func(s syscall.Signal) { cancel(&signalError{s}) }
	ends, stops, resumes := make(chan os.Signal, 8), make(chan os.Signal, 1), make(chan os.Signal, 1)
	for _, s := range ending {
		if s != syscall.SIGHUP || !signal.Ignored(s) {
			signal.Notify(ends, s)
		}
	}
	if !signal.Ignored(syscall.SIGTSTP) {
		signal.Notify(stops, syscall.SIGTSTP)
	}
	signal.Notify(resumes, syscall.SIGCONT)
	done := make(chan struct{})
	go func() {
		told := false
		for {
			select {
			case s := <-ends:
				a.end(s.(syscall.Signal), told)
				told = true
			case <-stops:
				a.suspend(resumes)
			case <-resumes:
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		for _, c := range []chan os.Signal{ends, stops, resumes} {
			signal.Stop(c)
		}
		close(done)
		cancel(nil)
	}
}

// end does what a signal says that ends plx. A terminal that is closed may say
// so twice.
func (a *app) end(s syscall.Signal, again bool) {
	a.pauseScreen() // the next signal may end plx where it is, and what is typed now is for the shell
	a.interrupt(s)
	if again && s != syscall.SIGHUP || s == syscall.SIGQUIT {
		a.control.Hurry()
		signal.Reset(ending...)
	}
}

// resumeTime is how long plx waits to be stopped by its own signal, in a place
// where that does nothing: as the first process of a container.
const resumeTime = time.Second

// suspend stops the commands and plx, until it is resumed.
func (a *app) suspend(resumes <-chan os.Signal) {
	if !hasShell() {
		return
	}
	select {
	case <-resumes: // an old one
	default:
	}
	defer a.pauseScreen()() // before anything stops: what is typed then is for the shell
	a.control.Stop()
	syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	select {
	case <-resumes:
	case <-time.After(resumeTime):
	}
	a.control.Continue()
}

// pauseScreen gives the terminal back, if something is drawn on it, until resume
// is called.
func (a *app) pauseScreen() (resume func()) {
	if s := a.screen.Load(); s != nil {
		return s.Pause()
	}
	return func() {}
}

// hasShell reports whether the parent is in the same session, as a shell is
// that can resume plx.
func hasShell() bool {
	mine, err1 := unix.Getsid(0)
	parents, err2 := unix.Getsid(os.Getppid())
	return err1 == nil && err2 == nil && mine == parents
}

// endWithReader ends plx gently when nobody reads any more what it says, as
// in plx realize 2>&1 | head: by itself a program ends at once then, and leaves
// its commands running.
func (a *app) endWithReader() (stop func()) {
	gone := make(chan os.Signal, 1)
	signal.Notify(gone, syscall.SIGPIPE) // now writing gives an error; other pipes and connections raise it, too
	before := a.stderr
	a.stderr = &endingWriter{before, a.interrupt}
	return func() {
		a.stderr = before
		signal.Stop(gone)
	}
}

// An endingWriter interrupts plx when its reader is gone.
type endingWriter struct {
	io.Writer
	interrupt func(syscall.Signal)
}

func (w *endingWriter) Write(data []byte) (int, error) {
	n, err := w.Writer.Write(data)
	if errors.Is(err, syscall.EPIPE) {
		w.interrupt(syscall.SIGPIPE)
	}
	return n, err
}
