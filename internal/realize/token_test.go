package realize

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"plx/internal/plan"
)

// randomPool returns a pool, and what some commands want of it: each at most
// all that there is.
func randomPool(r *rand.Rand) (*pool, []map[string]int64) {
	has := map[string]int64{plan.CPUs: 1 + r.Int64N(8), plan.Memory: 1 + r.Int64N(100), "gpu": 1 + r.Int64N(3), "disk": 1 + r.Int64N(3)}
	p := newPool(1+r.IntN(8), has)
	var all []map[string]int64
	for range 1 + r.IntN(60) {
		wants := make(map[string]int64)
		for name, n := range has {
			if r.IntN(3) == 0 {
				wants[name] = 1 + r.Int64N(n)
			}
		}
		all = append(all, p.wants(wants))
	}
	return p, all
}

// full reports an error if all of the pool is not there.
func (p *pool) full() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if fmt.Sprint(p.free) != fmt.Sprint(p.has) || len(p.line) > 0 || len(p.lent) > 0 || len(p.borrowers) > 0 {
		return fmt.Errorf("free %v of %v, %d in line, %d lent", p.free, p.has, len(p.line), len(p.lent))
	}
	return nil
}

// TestPoolServesAll: whatever commands want, never is more taken than there
// is, all get it in the end, and in the end all of it is there again.
func TestPoolServesAll(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 4))
		p, all := randomPool(r)
		var mu sync.Mutex
		used := make(map[string]int64)
		count := func(wants map[string]int64, sign int64) {
			mu.Lock()
			defer mu.Unlock()
			for name, n := range wants {
				if used[name] += sign * n; used[name] > p.has[name] {
					t.Errorf("seed %d: %d of %s taken, there are %d", seed, used[name], name, p.has[name])
				}
			}
		}
		var wg sync.WaitGroup
		for i, wants := range all {
			wg.Go(func() {
				l, ok := p.take(t.Context(), wants, nil)
				if !ok {
					t.Errorf("seed %d: %d got nothing", seed, i)
					return
				}
				count(wants, 1)
				count(wants, -1)
				l.release()
				l.release() // does nothing
			})
		}
		wg.Wait()
		if err := p.full(); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

// step gives back what one of those holds who have it, and returns who got all
// that they want.
func step(r *rand.Rand, held []*lease, line []*lease) (stillHeld, stillWait []*lease) {
	if len(held) > 0 {
		i := r.IntN(len(held))
		held[i].release()
		held = append(held[:i:i], held[i+1:]...)
	}
	for _, l := range line {
		select {
		case <-l.granted:
			held = append(held, l)
		default:
			stillWait = append(stillWait, l)
		}
	}
	return held, stillWait
}

// TestPoolStarvesNobody: however many come after him, who waits is served when
// those before him, and at most as many as can be at work at once for each
// resource, have ended.
func TestPoolStarvesNobody(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 5))
		p, all := randomPool(r)
		var held, line []*lease
		var first *lease
		for steps := 0; ; steps++ {
			l := &lease{pool: p, wants: all[r.IntN(len(all))], granted: make(chan struct{})}
			p.mu.Lock() // as retake does, but for the waiting
			p.line = append(p.line, l)
			p.grant()
			p.mu.Unlock()
			if first == nil && !l.held {
				first, steps = l, 0
			}
			held, line = step(r, held, append(line, l))
			if first != nil && first.held {
				break
			}
			if first != nil && steps > len(p.has)*20*len(p.has) {
				t.Fatalf("seed %d: who wants %v of %v was passed by %d", seed, first.wants, p.has, steps)
			}
			if steps > 10_000 {
				break // nobody ever had to wait
			}
		}
	}
}

// TestPoolKeepsCoresBusy: who waits for a GPU keeps no core from others.
func TestPoolKeepsCoresBusy(t *testing.T) {
	p := newPool(2, map[string]int64{"gpu": 1, plan.CPUs: 2})
	gpu, core := p.wants(map[string]int64{"gpu": 1}), p.wants(nil)
	first, _ := p.take(t.Context(), gpu, nil)
	waits, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		l, _ := p.take(t.Context(), gpu, func() func() { close(waits); return func() {} })
		l.release()
	}()
	<-waits
	second, ok := p.take(t.Context(), core, nil)
	if !ok {
		t.Fatal("the core was not to be had")
	}
	first.release()
	second.release()
	<-done
	if err := p.full(); err != nil {
		t.Error(err)
	}
}

// TestPoolForgets: who no longer waits keeps nothing.
func TestPoolForgets(t *testing.T) {
	p := newPool(1, nil)
	l, _ := p.take(t.Context(), p.wants(nil), nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok := p.take(ctx, p.wants(nil), nil); ok {
		t.Error("it was given to nobody")
	}
	l.release()
	if err := p.full(); err != nil {
		t.Error(err)
	}
}

// TestPoolWants: a run without cpus takes one, one that wants more than -j all
// there is, and what there is no number of is not counted.
func TestPoolWants(t *testing.T) {
	p := newPool(2, map[string]int64{plan.CPUs: 8, "gpu": 1})
	for _, tt := range []struct{ resources, want map[string]int64 }{
		{nil, map[string]int64{slots: 1, plan.CPUs: 1}},
		{map[string]int64{plan.CPUs: 4, plan.Memory: 5, plan.PIDs: 6}, map[string]int64{slots: 2, plan.CPUs: 4}},
		{map[string]int64{"gpu": 1}, map[string]int64{slots: 1, plan.CPUs: 1, "gpu": 1}},
	} {
		if got := p.wants(tt.resources); fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%v: got %v, want %v", tt.resources, got, tt.want)
		}
	}
}

// lender is a jobserver that uses what it gets, or not.
type lender struct {
	p    *pool
	mu   sync.Mutex
	idle int
}

func (b *lender) Recall() bool {
	b.mu.Lock()
	if b.idle == 0 {
		b.mu.Unlock()
		return false
	}
	b.idle--
	b.mu.Unlock()
	b.p.Repay(b)
	return true
}

func (b *lender) borrow(t *testing.T) {
	t.Helper()
	if !b.p.Borrow(t.Context(), b) {
		t.Fatal("nothing was lent")
	}
	b.mu.Lock()
	b.idle++
	b.mu.Unlock()
}

// TestPoolRecalls: what is lent and not used goes to a command that wants it;
// what is used does not; and no more is lent than there is.
func TestPoolRecalls(t *testing.T) {
	p := newPool(3, map[string]int64{plan.CPUs: 8})
	l, _ := p.take(t.Context(), p.wants(nil), nil)
	b := &lender{p: p}
	b.borrow(t)
	b.borrow(t)
	second, ok := p.take(t.Context(), p.wants(nil), nil)
	if !ok || b.idle != 1 {
		t.Fatalf("idle are %d", b.idle)
	}
	b.idle = 0 // it is used
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if _, ok := p.take(ctx, p.wants(nil), nil); ok {
			t.Error("more was taken than there is")
		}
	}()
	cancel()
	<-ended
	p.Repay(b)
	l.release()
	second.release()
	if err := p.full(); err != nil {
		t.Error(err)
	}
}

// TestPoolRotates: what one jobserver doesn't use, another gets.
func TestPoolRotates(t *testing.T) {
	p := newPool(1, nil)
	a, b := &lender{p: p}, &lender{p: p}
	a.borrow(t)
	b.borrow(t)
	if a.idle != 0 || b.idle != 1 {
		t.Errorf("idle are %d and %d", a.idle, b.idle)
	}
}

// TestPoolKeepsForTheFirst: small commands that come all the time, as soon as
// there is room for one, don't keep a large one from its turn.
func TestPoolKeepsForTheFirst(t *testing.T) {
	p := newPool(4, nil)
	enqueue := func(n int64) *lease {
		l := &lease{pool: p, wants: map[string]int64{slots: n}, granted: make(chan struct{})}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.line = append(p.line, l)
		p.grant()
		return l
	}
	held := []*lease{enqueue(1), enqueue(1)}
	large := enqueue(4)
	for i := 0; !large.held; i++ {
		if i == 10 {
			t.Fatal("it was passed by ten")
		}
		if small := enqueue(1); small.held {
			held = append(held, small)
		}
		if len(held) > 0 {
			held[0].release()
			held = held[1:]
		}
	}
}
