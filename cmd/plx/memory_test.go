package main

import "testing"

// What is in use always has room beside it, however much it is.
func TestMemoryLimit(t *testing.T) {
	if got := limitFor(0); got != memoryGoal {
		t.Errorf("with nothing in use: %d", got)
	}
	for _, live := range []uint64{1 << 20, 50 << 20, 60 << 20, 1 << 30, 1 << 40} {
		if got := limitFor(live); got < memoryGoal || got < int64(live+live/2) {
			t.Errorf("with %d in use: %d", live, got)
		}
	}
}
