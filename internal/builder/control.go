package builder

import (
	"slices"
	"sync"
	"syscall"
	"time"
)

// A Control stops and resumes commands, and makes those end at once that are
// ending. Commands that are run with the same Control are under it together. A
// nil Control does nothing. The zero Control is ready for use.
type Control struct {
	mu      sync.Mutex
	running []*process
	since   time.Time     // when they were stopped; zero: they are not
	stopped time.Duration // how long they were, before that
	hurry   chan struct{} // closed by Hurry
}

// Stop stops all commands, as ^Z does. Those that are started later are
// stopped as well. Limits of time don't run on.
//
// It looks for processes several times: one that is about to run another
// program, or to start a process, can be missed.
func (c *Control) Stop() {
	for nap := time.Millisecond; nap < longestNap; nap *= 2 {
		c.stop()
		time.Sleep(nap)
	}
}

func (c *Control) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since.IsZero() {
		c.since = time.Now()
	}
	for _, p := range c.running {
		p.signal(syscall.SIGSTOP)
	}
}

// Continue lets all commands go on that [Control.Stop] has stopped.
func (c *Control) Continue() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since.IsZero() {
		return
	}
	c.stopped += time.Since(c.since)
	c.since = time.Time{}
	for _, p := range c.running {
		p.signal(syscall.SIGCONT)
	}
}

// Hurry ends the time that commands have between TERM and KILL, now and from
// now on.
func (c *Control) Hurry() {
	hurry := c.hurried()
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-hurry:
	default:
		close(hurry)
	}
}

// hurried returns a channel that is closed when commands are to end at once.
func (c *Control) hurried() chan struct{} {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hurry == nil {
		c.hurry = make(chan struct{})
	}
	return c.hurry
}

// stoodStill returns how long commands have been stopped until now, in all.
func (c *Control) stoodStill() time.Duration {
	if c == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since.IsZero() {
		return c.stopped
	}
	return c.stopped + time.Since(c.since)
}

// add puts the process under control, until remove is called.
func (c *Control) add(p *process) (remove func()) {
	if c == nil {
		return func() {}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = append(c.running, p)
	if !c.since.IsZero() {
		p.signal(syscall.SIGSTOP)
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.running = slices.DeleteFunc(c.running, func(other *process) bool { return other == p })
	}
}
