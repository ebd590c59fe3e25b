//go:build unix && !linux

package builder

import "os"

// A Relay is described in relay_linux.go. Here there is none: the shell has
// plx's own terminal, without job control.
type Relay struct{}

// OpenRelay returns nil.
func OpenRelay(in, out *os.File) (*Relay, error) { return nil, nil }

// Inner returns nothing.
func (r *Relay) Inner() *os.File { return nil }

// Begin does nothing.
func (r *Relay) Begin() error { return nil }

// End does nothing.
func (r *Relay) End() {}
