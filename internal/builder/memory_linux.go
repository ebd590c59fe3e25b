package builder

import "golang.org/x/sys/unix"

// MachineMemory returns how much memory this machine has, in bytes; 0 if that
// can't be known.
func MachineMemory() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return int64(uint64(info.Totalram) * uint64(info.Unit))
}
