//go:build unix && !linux

package builder

// share makes the empty file out consist of the blocks of in. Here nothing
// does that for two open files.
func share(out, in int) bool { return false }

// transfer copies bytes without bringing them here. Here nothing can.
func transfer(out, in, n int) int { return 0 }
