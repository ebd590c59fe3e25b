package host

import "syscall"

// PeakMemory returns the most memory, in bytes, that one of the processes had.
func PeakMemory(u *syscall.Rusage) int64 { return u.Maxrss }
