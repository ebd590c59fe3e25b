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
	mu       sync.Mutex
	running  []*process
	starting int           // so many are being started
	since    time.Time     // when they were stopped; zero: they are not
	resumed  chan struct{} // closed by Continue after that
	stopped  time.Duration // how long they were, before that
	hurry    chan struct{} // closed by Hurry
}

// longestStart is how long Stop waits for commands that are being started.
const longestStart = time.Second

// Stop stops all commands, as ^Z does. None is started until they go on. Limits
// of time don't run on.
//
// It looks for processes several times: one that is about to run another
// program, or to start a process, can be missed.
func (c *Control) Stop() {
	starting := true
	for nap := time.Millisecond; nap < longestNap || starting && nap < longestStart; nap *= 2 {
		starting = c.stop()
		time.Sleep(nap)
	}
}

// stop reports whether some are being started still.
func (c *Control) stop() (starting bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since.IsZero() {
		c.since, c.resumed = time.Now(), make(chan struct{})
	}
	for _, p := range c.running {
		p.signal(syscall.SIGSTOP)
	}
	return c.starting > 0
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
	close(c.resumed)
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

// start starts a command, which is under control until remove is called. While
// commands are stopped it waits: one that was started unseen would not be.
func (c *Control) start(start func() (*process, error)) (p *process, remove func(), err error) {
	if c == nil {
		p, err = start()
		return p, func() {}, err
	}
	c.enter()
	p, err = start()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.starting--
	if err != nil {
		return nil, nil, err
	}
	c.running = append(c.running, p)
	if !c.since.IsZero() {
		p.signal(syscall.SIGSTOP)
	}
	return p, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.running = slices.DeleteFunc(c.running, func(other *process) bool { return other == p })
	}, nil
}

// enter waits until commands are not stopped, and takes note that one is being
// started.
func (c *Control) enter() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.since.IsZero() {
		resumed := c.resumed
		c.mu.Unlock()
		<-resumed
		c.mu.Lock()
	}
	c.starting++
}
