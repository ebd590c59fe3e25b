package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// memoryGoal is how much memory Go may take, in bytes, before it collects more
// than rarely. With the program's own pages it is below 95 MiB.
const memoryGoal = 84 << 20

// spareCollections makes garbage collections rare, as long as what there is
// stays below memoryGoal. From there on it is collected more often; what is in
// use nevertheless may be half as much again, so that collecting never becomes
// all that is done.
func spareCollections() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return // somebody has asked for it
	}
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(memoryGoal)
	g := &governor{limit: memoryGoal, live: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
	g.wait()
}

// A governor sets the limit of memory after each collection.
type governor struct {
	limit int64
	live  []metrics.Sample
}

// wait has the limit set when a collection finds that nobody needs a thing.
func (g *governor) wait() {
	runtime.SetFinalizer(new([16]byte), func(*[16]byte) { // no smaller, or it would share its place with others
		g.set()
		g.wait()
	})
}

func (g *governor) set() {
	metrics.Read(g.live)
	limit := limitFor(g.live[0].Value.Uint64())
	if low, high := g.limit-g.limit/8, g.limit+g.limit/8; limit < low || limit > high { // setting it stops everything
		debug.SetMemoryLimit(limit)
		g.limit = limit
	}
}

// limitFor is how much memory Go may take when so much is in use.
func limitFor(live uint64) int64 {
	return max(memoryGoal, int64(min(live+live/2, math.MaxInt64)))
}
