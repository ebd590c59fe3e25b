//go:build !linux

package main

// machineMemory returns nothing: memory is counted if --resource says how much
// there is.
func machineMemory() int64 { return 0 }
