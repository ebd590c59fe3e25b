//go:build unix && !linux

package builder

// MachineMemory returns nothing: memory is counted if --resource says how much
// there is.
func MachineMemory() int64 { return 0 }
