package store

import "time"

// clockGrain returns how long the clock may stand still from which what is at
// the path has its times.
func clockGrain(string, stamp) time.Duration { return seenGranularity }
