package realize

import (
	"sync"

	"plx/internal/builder"
	"plx/internal/store"
)

// A site is a directory in which one run is made after another: what each finds
// of the one before need not be made again.
type site struct {
	*store.Staging
	used   bool           // it may hold what a run has left
	traces builder.Traces // of that
}

// sites are those where nothing is made now.
type sites struct {
	mu   sync.Mutex
	idle []*site
}

// take returns a site that is idle, or a new one.
func (s *sites) take(from *store.Store) (*site, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.idle); n > 0 {
		at := s.idle[n-1]
		s.idle = s.idle[:n-1]
		return at, nil
	}
	st, err := from.Stage()
	return &site{Staging: st}, err
}

// leave is for one whose result was committed and whose directory nobody else
// can know, if it is fit, to be used again. Else it is done with.
func (s *sites) leave(at *site, fit bool) {
	if !fit || at.Again() != nil {
		at.Abort() // what is left goes with this process
		return
	}
	at.used = true
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = append(s.idle, at)
}

// close removes all of them.
func (s *sites) close() {
	for _, at := range s.idle {
		at.Abort()
	}
	s.idle = nil
}
