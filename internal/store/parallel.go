package store

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// InParallel calls do for each number from 0 to n-1, as many at once as there
// are processors.
func InParallel(n int, do func(i int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	workers.Wait()
}
