//go:build unix && !linux

package builder

import (
	"fmt"
	"runtime"
)

// cells would hold what commands are run in.
type cells struct{}

// detect says that there is nothing to isolate commands with.
func (s *Sandbox) detect(string) (walls, error) {
	return walls{}, fmt.Errorf("plx can't isolate commands on %s: they can read and write what you can; with --sandbox=off it does not say so", runtime.GOOS)
}

// Close has nothing to do.
func (s *Sandbox) Close() error { return nil }

// Warden does nothing: there are no cells.
func Warden() {}
