package realize

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"plx/internal/plan"
)

// randomGraph makes a graph of n nodes, each depending on some before it.
func randomGraph(r *rand.Rand, n int) *graph {
	g := &graph{Realizer: &Realizer{Observe: func(Event) {}}}
	for i := range n {
		node := &node{index: i, stage: &plan.Stage{Name: fmt.Sprint(i)}}
		for _, dep := range g.order {
			if r.IntN(4) == 0 {
				node.waits++
				dep.dependents = append(dep.dependents, node)
			}
		}
		g.order = append(g.order, node)
	}
	return g
}

// below returns all that depends on n.
func below(n *node, found map[*node]bool) map[*node]bool {
	for _, d := range n.dependents {
		if !found[d] {
			found[d] = true
			below(d, found)
		}
	}
	return found
}

// TestWalkVisitsDependenciesFirst: whatever the number of workers, each node is
// visited once, after all that it depends on.
func TestWalkVisitsDependenciesFirst(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		g := randomGraph(r, 1+r.IntN(30))
		var mu sync.Mutex
		done := make(map[*node]bool)
		err := g.walk(t.Context(), 1+r.IntN(5), false, func(_ context.Context, n *node) error {
			mu.Lock()
			defer mu.Unlock()
			for _, dep := range g.order {
				if slices.Contains(dep.dependents, n) && !done[dep] {
					t.Errorf("seed %d: %s before %s", seed, n.stage.Name, dep.stage.Name)
				}
			}
			if done[n] {
				t.Errorf("seed %d: %s twice", seed, n.stage.Name)
			}
			done[n] = true
			return nil
		})
		if err != nil || len(done) != len(g.order) {
			t.Fatalf("seed %d: visited %d of %d, error %v", seed, len(done), len(g.order), err)
		}
	}
}

// TestWalkGoesOnWithWhatCan: with keepGoing, after failures exactly what
// depends on none of what failed is visited, and the rest is said to be
// skipped, once each.
func TestWalkGoesOnWithWhatCan(t *testing.T) {
	broken := errors.New("broken")
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 2))
		g := randomGraph(r, 2+r.IntN(30))
		fails := map[*node]bool{g.order[r.IntN(len(g.order))]: true, g.order[r.IntN(len(g.order))]: true}
		lost := make(map[*node]bool)
		for n := range fails {
			below(n, lost)
		}
		skipped := make(map[string]int)
		g.Observe = func(e Event) {
			if e.Kind == Skipped {
				skipped[e.Stage.Name]++
			}
		}
		var mu sync.Mutex
		visited := make(map[*node]bool)
		err := g.walk(t.Context(), 3, true, func(_ context.Context, n *node) error {
			mu.Lock()
			defer mu.Unlock()
			visited[n] = true
			if fails[n] {
				return broken
			}
			return nil
		})
		if !errors.Is(err, broken) {
			t.Fatalf("seed %d: error %v", seed, err)
		}
		for _, n := range g.order {
			if visited[n] == lost[n] {
				t.Errorf("seed %d: %s visited %v, depends on what failed %v", seed, n.stage.Name, visited[n], lost[n])
			}
			if want := map[bool]int{true: 1}[lost[n]]; skipped[n.stage.Name] != want {
				t.Errorf("seed %d: %s skipped %d times, want %d", seed, n.stage.Name, skipped[n.stage.Name], want)
			}
		}
	}
}

// TestWalkStops: without keepGoing nothing is begun after a failure, nor after
// the context has ended.
func TestWalkStops(t *testing.T) {
	g := randomGraph(rand.New(rand.NewPCG(1, 3)), 20)
	visits := 0
	err := g.walk(t.Context(), 1, false, func(context.Context, *node) error {
		visits++
		return errors.New("broken")
	})
	if err == nil || visits != 1 {
		t.Errorf("%d visits, error %v", visits, err)
	}

	g = randomGraph(rand.New(rand.NewPCG(1, 3)), 20)
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupt := errors.New("interrupt")
	visits = 0
	err = g.walk(ctx, 1, true, func(ctx context.Context, n *node) error {
		visits++
		cancel(interrupt)
		return ctx.Err()
	})
	if !errors.Is(err, interrupt) || visits != 1 {
		t.Errorf("%d visits, error %v", visits, err)
	}
}

// TestOneFailure: of a round's failures the one that was kept stands for all,
// and names the runs of the others.
func TestOneFailure(t *testing.T) {
	machine := errors.New("disk full")
	err := oneFailure([]error{&BuildError{Run: 3}, machine, &BuildError{Run: 1, Kept: "/kept"}, &BuildError{Run: 2}})
	var build *BuildError
	if !errors.As(err, &build) || build.Run != 1 || !slices.Equal(build.Also, []int{2, 3}) || !errors.Is(err, machine) {
		t.Errorf("got %#v", err)
	}
	if err := oneFailure(nil); err != nil {
		t.Errorf("got %v for no failures", err)
	}
}
