package realize

// This file counts what commands take while they run: slots, of which there
// are as many as -j says, cpus, memory, and whatever else there is a number
// of. The rules are:
//
//   - A command gets all that it wants at once, or waits with nothing: so none
//     holds what another needs while it waits itself.
//
//   - Those who wait stand in line. Whoever can't have all keeps for himself,
//     from those behind him, what he wants of each resource in the order of
//     the pool, up to and including the first of which there isn't enough. The
//     scarce ones come first and slots last: who waits for a GPU keeps no core
//     idle. What is kept once is never lost to somebody behind, so each step
//     brings him nearer, and nobody waits for ever.
//
//   - What nobody in line keeps is lent, a slot at a time, to the jobservers
//     of commands that run already; what of that they don't use is recalled
//     as soon as somebody in line wants it.

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"plx/internal/builder"
	"plx/internal/plan"
)

// slots is the resource that -j gives the number of. No stage can name it so.
const slots = "-j"

// A pool is what there is of each resource. What it doesn't have is not
// counted.
type pool struct {
	mu    sync.Mutex
	order []string         // of the resources: the scarce first, slots last
	has   map[string]int64 // in all
	free  map[string]int64
	line  []*lease // those who wait

	borrowers []*loan            // those who wait for a slot
	lent      []builder.Borrower // those who have got one, for each, the oldest first
	rotating  bool
}

// newPool returns a pool with so many slots, and what there is of others.
func newPool(jobs int, resources map[string]int64) *pool {
	p := &pool{has: maps.Clone(resources)}
	if p.has == nil {
		p.has = make(map[string]int64)
	}
	p.has[slots] = int64(max(jobs, 1))
	rank := map[string]int{plan.Memory: 1, plan.CPUs: 2, slots: 3}
	p.order = slices.SortedFunc(maps.Keys(p.has), func(a, b string) int {
		if rank[a] != rank[b] {
			return rank[a] - rank[b]
		}
		if a < b {
			return -1
		}
		return 1
	})
	p.free = maps.Clone(p.has)
	return p
}

// wants returns what a command with these resources takes of the pool.
func (p *pool) wants(resources map[string]int64) map[string]int64 {
	wants := map[string]int64{plan.CPUs: 1}
	maps.Copy(wants, resources)
	wants[slots] = min(wants[plan.CPUs], p.has[slots])
	maps.DeleteFunc(wants, func(name string, _ int64) bool { _, counted := p.has[name]; return !counted })
	return wants
}

// A lease is what one command takes.
type lease struct {
	pool    *pool
	wants   map[string]int64
	granted chan struct{} // closed when it has all
	held    bool          // guarded by the pool
}

// take waits until the wants can be had, or ctx ends. It calls waiting, if that
// is not nil, when it must wait for something that is not slots or cpus; what
// waiting returns is called when that is over.
func (p *pool) take(ctx context.Context, wants map[string]int64, waiting func() func()) (*lease, bool) {
	l := &lease{pool: p, wants: wants, granted: make(chan struct{})}
	return l, l.retake(ctx, waiting)
}

// retake is [pool.take] for a lease that was released.
func (l *lease) retake(ctx context.Context, waiting func() func()) bool {
	p := l.pool
	p.mu.Lock()
	l.granted = make(chan struct{})
	p.line = append(p.line, l)
	recall := p.grant()
	rare := !l.held && p.short(l) != slots && p.short(l) != plan.CPUs
	p.mu.Unlock()
	recall()
	if rare && waiting != nil {
		defer waiting()()
	}
	select {
	case <-l.granted:
	case <-ctx.Done():
	}
	if ctx.Err() == nil {
		return true
	}
	l.release()
	return false
}

// release gives back what is held, or leaves the line.
func (l *lease) release() {
	p := l.pool
	p.mu.Lock()
	p.line = slices.DeleteFunc(p.line, func(other *lease) bool { return other == l })
	if l.held {
		l.held = false
		p.add(l.wants)
	}
	recall := p.grant()
	p.mu.Unlock()
	recall()
}

func (p *pool) add(amounts map[string]int64) {
	for name, n := range amounts {
		p.free[name] += n
	}
}

// short returns the first resource that there isn't enough of, or nothing.
func (p *pool) short(l *lease) string {
	for _, name := range p.order {
		if p.free[name] < l.wants[name] {
			return name
		}
	}
	return ""
}

// grant gives what there is to those in line, then lends. What it returns is to
// be called when the pool is not locked: it takes back what is lent in vain.
func (p *pool) grant() (recall func()) {
	left := maps.Clone(p.free)
	starved := false
	p.line = slices.DeleteFunc(p.line, func(l *lease) bool {
		if short := keep(p.order, left, l.wants); short != "" {
			starved = starved || short == slots || short == plan.CPUs
			return false
		}
		for name, n := range l.wants {
			p.free[name] -= n
		}
		l.held = true
		close(l.granted)
		return true
	})
	for len(p.borrowers) > 0 && p.lendable(left) {
		b := p.borrowers[0]
		p.borrowers = p.borrowers[1:]
		p.lend(left, -1)
		p.lend(p.free, -1)
		p.lent = append(p.lent, b.by)
		close(b.granted)
	}
	p.rotateLater()
	if !starved || len(p.lent) == 0 {
		return func() {}
	}
	lent := slices.Clone(p.lent)
	return func() {
		for _, by := range lent {
			if by.Recall() {
				return // whose repaying asks for more, if that is not enough
			}
		}
	}
}

// keep takes the wants out of what is left, up to and including the first
// resource of which there isn't enough. It returns that.
func keep(order []string, left, wants map[string]int64) (short string) {
	for _, name := range order {
		if left[name] < wants[name] {
			left[name] = 0
			return name
		}
		left[name] -= wants[name]
	}
	return ""
}

// lendable reports whether there is room for one more job.
func (p *pool) lendable(left map[string]int64) bool {
	_, counted := p.has[plan.CPUs]
	return left[slots] > 0 && (!counted || left[plan.CPUs] > 0)
}

func (p *pool) lend(amounts map[string]int64, n int64) {
	amounts[slots] += n
	if _, counted := p.has[plan.CPUs]; counted {
		amounts[plan.CPUs] += n
	}
}

// A loan is a slot that a borrower waits for.
type loan struct {
	by      builder.Borrower
	granted chan struct{}
}

// Borrow waits until a slot can be lent, or ctx ends.
func (p *pool) Borrow(ctx context.Context, by builder.Borrower) bool {
	b := &loan{by, make(chan struct{})}
	p.mu.Lock()
	p.borrowers = append(p.borrowers, b)
	recall := p.grant()
	p.mu.Unlock()
	recall()
	select {
	case <-b.granted:
		return true
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.borrowers = slices.DeleteFunc(p.borrowers, func(other *loan) bool { return other == b })
	select {
	case <-b.granted: // at the last moment
		return true
	default:
		return false
	}
}

// Repay gives a slot back that was lent.
func (p *pool) Repay(by builder.Borrower) {
	p.mu.Lock()
	i := slices.Index(p.lent, by)
	if i < 0 {
		panic("realize: nothing was lent")
	}
	p.lent = slices.Delete(p.lent, i, i+1)
	p.lend(p.free, 1)
	recall := p.grant()
	p.mu.Unlock()
	recall()
}

// Settle asks for what is lent, where somebody in line wants it.
func (p *pool) Settle() {
	p.mu.Lock()
	recall := p.grant()
	p.mu.Unlock()
	recall()
}

// rotationPause is how long a slot that is not used stays with a borrower
// while others wait for one. There is no other way to tell who needs it.
const rotationPause = 50 * time.Millisecond

// rotateLater sees to it that borrowers get their turn.
func (p *pool) rotateLater() {
	if p.rotating || len(p.borrowers) == 0 || len(p.lent) == 0 {
		return
	}
	p.rotating = true
	time.AfterFunc(rotationPause, p.rotate)
}

// rotate takes one slot back that is not in use.
func (p *pool) rotate() {
	p.mu.Lock()
	lent := slices.Clone(p.lent)
	p.mu.Unlock()
	for _, by := range lent {
		if by.Recall() {
			break
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rotating = false
	p.rotateLater()
}
