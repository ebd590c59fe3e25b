package realize

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"plx/internal/plan"
)

// A ResourceError says that a stage wants more of a resource than there is.
type ResourceError struct {
	Stage    string
	Resource string
	Want     int64
	Have     int64
	Unknown  bool // nobody has said how much there is
}

func (e *ResourceError) Error() string {
	if e.Unknown {
		return fmt.Sprintf("stage %s: resources: it wants %s = %d, and nobody has said how much %s there is: give --resource %s=N",
			e.Stage, e.Resource, e.Want, e.Resource, e.Resource)
	}
	return fmt.Sprintf("stage %s: resources: it wants %s = %d, and there is %d: give --resource %s=N if there is more",
		e.Stage, e.Resource, e.Want, e.Have, e.Resource)
}

// exceeds returns an error if the stage wants more than there is at all.
func (g *graph) exceeds(s *plan.Stage) error {
	for _, name := range slices.Sorted(maps.Keys(s.Resources)) {
		have, known := g.Resources[name]
		want := s.Resources[name]
		switch {
		case name == plan.PIDs, !known && (name == plan.CPUs || name == plan.Memory):
		case !known:
			return &ResourceError{s.Name, name, want, 0, true}
		case want > have:
			return &ResourceError{s.Name, name, want, have, false}
		}
	}
	return nil
}

// foresee returns an error if a stage will want more than there is. It is
// asked before the first command runs. What has a result will most likely not
// be run.
func (g *graph) foresee() error {
	for _, n := range g.order {
		err := g.exceeds(n.stage)
		if err == nil || n.settled.Load() {
			continue
		}
		refs, other := g.Store.Realizations(n.stage.Ref)
		if other != nil {
			return other
		}
		if len(refs) == 0 {
			return err
		}
	}
	return nil
}

// acquire waits until a run of the stage, or its download, may begin.
func (t *task) acquire(ctx context.Context) (*lease, error) {
	if err := t.g.foreseen(); err != nil {
		return nil, err
	}
	if err := t.g.exceeds(t.stage); err != nil {
		return nil, err
	}
	l, ok := t.g.pool.take(ctx, t.g.pool.wants(t.stage.Resources), t.g.spare)
	if !ok {
		return nil, context.Cause(ctx)
	}
	return l, nil
}
