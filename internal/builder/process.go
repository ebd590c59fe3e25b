package builder

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

// A process is a command that has been started and not yet been reaped: until
// then its number, which is that of its process group and session as well, is
// nobody else's.
//
// Each system has its own start, endsSoon, release, targets, signal, tidy,
// killFirst, left, kill, nap, reap and isOver.

// tidyPause is how long what a command has left behind, and has ended, may wait
// at most to be waited for.
const tidyPause = time.Second

// soon is how long a command is waited for before anything else is looked at.
const soon = 20 * time.Millisecond

// supervise waits until the process exits, or ends it with all that belongs to
// it since the context is done or a limit passed. The error says which.
func (b build) supervise(ctx context.Context, p *process) error {
	w, err := b.watch()
	if err != nil {
		p.endsSoon(0)
		b.terminate(p)
		return err
	}
	if p.endsSoon(min(w.pause(), soon)) {
		return nil
	}
	next := time.NewTimer(min(w.pause(), tidyPause))
	defer next.Stop()
	for {
		select {
		case <-p.exited:
			return nil
		case <-ctx.Done():
			b.terminate(p)
			return interrupted(ctx)
		case <-next.C:
			if err := w.look(); err != nil {
				b.terminate(p)
				return err
			}
			p.tidy()
			next.Reset(min(w.pause(), tidyPause))
		}
	}
}

// terminate asks all processes of the command to end. A shell with a person at
// it follows only a hang-up.
func (b build) terminate(p *process) {
	if b.Terminal {
		p.signal(syscall.SIGHUP)
	}
	p.terminate(b.Grace, b.Control.hurried())
}

// longestNap is the longest time between two looks at which processes are
// left. It begins with a millisecond.
const longestNap = 100 * time.Millisecond

// terminate asks all processes of the command to end, and returns when they
// have, or when the grace is over. It doesn't stop at the first of them: a
// shell follows TERM at once, while the program that it runs may be writing
// its checkpoint.
//
// It returns at once when hurry is closed.
func (p *process) terminate(grace time.Duration, hurry <-chan struct{}) {
	p.signal(syscall.SIGTERM)
	p.signal(syscall.SIGCONT) // one that is stopped gets TERM only now
	over := time.Now().Add(grace)
	for nap := time.Millisecond; len(p.targets()) > 0; nap = min(2*nap, longestNap) {
		left := time.Until(over)
		if left <= 0 {
			return
		}
		p.nap(min(nap, left), hurry)
		select {
		case <-hurry:
			return
		default:
		}
	}
}

func signalAll(targets []int, s syscall.Signal) {
	for _, target := range targets {
		syscall.Kill(target, s) // it may have ended by now
	}
}

// sweepTime is how long a process may take to follow KILL. Only one that hangs
// in the kernel, as on a network file system that doesn't answer, needs long.
const sweepTime = 30 * time.Second

// sweep kills all that is left of the command, and returns when nothing is:
// only then is what lies in out at rest.
func (p *process) sweep() error {
	p.killFirst()
	over := time.Now().Add(sweepTime)
	for nap := time.Millisecond; ; nap = min(2*nap, longestNap) {
		left := p.left()
		if len(left) == 0 {
			break
		}
		if time.Now().After(over) {
			return fmt.Errorf("process %d of the command doesn't follow KILL", max(left[0], -left[0]))
		}
		p.kill(left)
		p.nap(nap, nil)
	}
	<-p.exited
	return nil
}
