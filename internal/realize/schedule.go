package realize

import (
	"container/heap"
	"context"
	"errors"
	"sync"
)

// A queue holds the nodes that can be worked on, the first of the order first.
type queue []*node

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].index < q[j].index }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(n any)        { *q = append(*q, n.(*node)) }
func (q *queue) Pop() any {
	old := *q
	n := old[len(old)-1]
	*q = old[:len(old)-1]
	return n
}

// A walk visits nodes, each after those that it depends on.
type walk struct {
	mu      sync.Mutex
	changed *sync.Cond
	ready   queue
	left    int // nodes that are neither done nor given up
	stop    bool
	errs    []error

	workers int    // that there are
	limit   int    // how many may be at work at once
	active  int    // that are
	spares  int    // by how many the limit is raised
	hire    func() // starts another worker
}

// maxSpares is how many workers may stand in for those who wait for something
// scarce. Each that waits has a lock, and so a file open.
const maxSpares = 200

// walk visits all nodes, some at once. After an error it visits no more, or
// with keepGoing all that don't depend on what failed.
func (g *graph) walk(ctx context.Context, workers int, keepGoing bool, visit func(context.Context, *node) error) error {
	w := &walk{left: len(g.order), limit: max(workers, 1)}
	w.workers = w.limit
	w.changed = sync.NewCond(&w.mu)
	g.spare = w.spare
	for _, n := range g.order {
		if n.waits == 0 {
			heap.Push(&w.ready, n)
		}
	}
	var wg sync.WaitGroup
	w.hire = func() { wg.Go(func() { g.work(ctx, w, keepGoing, visit) }) }
	for range w.workers {
		w.hire()
	}
	wg.Wait()
	g.sites.close()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.Join(w.errs...)
}

func (g *graph) work(ctx context.Context, w *walk, keepGoing bool, visit func(context.Context, *node) error) {
	for {
		n := w.next()
		if n == nil {
			return
		}
		err := ctx.Err()
		if err == nil {
			err = visit(ctx, n)
			g.observe(Event{Kind: Done, Stage: n.stage, Err: err})
		}
		skipped := w.done(n, err, keepGoing && ctx.Err() == nil)
		for _, s := range skipped {
			if ctx.Err() != nil {
				break
			}
			g.observe(Event{Kind: Skipped, Stage: s.stage, Because: s.skip.stage.Name})
		}
	}
}

// next waits for a node that is ready. It returns nil when there is none left.
func (w *walk) next() *node {
	w.mu.Lock()
	defer w.mu.Unlock()
	for (len(w.ready) == 0 || w.active >= w.limit) && w.left > 0 && !w.stop {
		w.changed.Wait()
	}
	if w.stop || w.left == 0 {
		return nil
	}
	w.active++
	return heap.Pop(&w.ready).(*node)
}

// spare lets another worker go on in the place of one that is about to wait for
// something scarce, until back is called: others may not need it.
func (w *walk) spare() (back func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.spares == maxSpares {
		return func() {}
	}
	w.spares++
	w.limit++
	if w.workers < w.limit {
		w.workers++
		w.hire()
	}
	w.changed.Broadcast()
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.spares--
		w.limit--
	}
}

// done takes note that n was visited, and returns what can't be any more.
func (w *walk) done(n *node, err error, keepGoing bool) (skipped []*node) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.wake()
	w.left--
	w.active--
	if err != nil {
		w.errs = append(w.errs, err)
		w.stop = w.stop || !keepGoing
		return w.giveUp(n, nil)
	}
	for _, d := range n.dependents {
		if d.waits--; d.waits == 0 && d.skip == nil {
			heap.Push(&w.ready, d)
		}
	}
	return nil
}

// wake wakes as many of those who wait as there is something for, but for one
// node: that the caller takes, who is a worker and about to ask for the next. To
// wake another for it would only have two processors work on what one can.
func (w *walk) wake() {
	if w.stop || w.left == 0 {
		w.changed.Broadcast()
		return
	}
	for range min(len(w.ready), w.limit-w.active) - 1 {
		w.changed.Signal()
	}
}

// giveUp takes note that nothing that depends on n can be visited.
func (w *walk) giveUp(n *node, skipped []*node) []*node {
	for _, d := range n.dependents {
		if d.skip == nil {
			d.skip = n
			w.left--
			skipped = w.giveUp(d, append(skipped, d))
		}
	}
	return skipped
}
