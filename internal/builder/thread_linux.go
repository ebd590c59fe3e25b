package builder

import (
	"runtime"
	"sync"
)

// threads are threads that nothing else runs on: what is changed of one stays
// with it. One that is idle is used again, for the system takes longer to make
// a thread than to start a command.
type threads struct {
	mu     sync.Mutex
	idle   []chan func()
	closed bool
}

// run runs f on a thread that is idle, or a new one.
func (ts *threads) run(f func()) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if n := len(ts.idle); n > 0 {
		ts.idle[n-1] <- f
		ts.idle = ts.idle[:n-1]
		return
	}
	go ts.serve(f)
}

// serve runs f, and what else comes, on a thread of its own.
func (ts *threads) serve(f func()) {
	runtime.LockOSThread() // and never unlocked: the thread ends with the last
	next := make(chan func(), 1)
	for f != nil {
		f()
		ts.mu.Lock()
		if ts.closed {
			ts.mu.Unlock()
			return
		}
		ts.idle = append(ts.idle, next)
		ts.mu.Unlock()
		f = <-next
	}
}

// close ends the threads.
func (ts *threads) close() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.closed = true
	for _, next := range ts.idle {
		close(next)
	}
	ts.idle = nil
}
