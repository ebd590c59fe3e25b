package main

import (
	"runtime"
	"runtime/debug"
)

// memoryGoal is how much memory a run may take, in bytes, before its garbage is
// collected as often as Go does it by default: less often is less work.
const memoryGoal = 64 << 20

// spareCollections makes garbage collections rare as long as little is in use,
// and frequent when much is. It is for when a stage file has been read, and again
// when what a run works on is there: from then on little is added.
func spareCollections() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	used := int64(max(m.HeapAlloc, 1<<20))
	const usual = 100
	if set := debug.SetGCPercent(int(min(max(100*(memoryGoal-used)/used, 40), 400))); set != usual {
		debug.SetGCPercent(set) // somebody has asked for it
	}
}
