package main

import (
	"context"
	"errors"

	"plx/internal/plan"
	"plx/internal/realize"
	"plx/internal/store"
)

// checked returns the closure of the stages named by --check, if there are any.
func checked(s *store.Store, c *plan.Closure, names []string) (*plan.Closure, error) {
	stages, err := stagesOf(s, c, names)
	if err != nil || stages == nil {
		return c, err
	}
	for _, stage := range stages {
		if err := realize.HasCommand(stage); err != nil {
			return nil, err
		}
	}
	return c.Below(stages...), nil
}

// check makes again what was chosen, and joins the errors of what differs.
func check(ctx context.Context, z *realize.Realizer, c *plan.Closure, results []realize.Result, rounds int) error {
	var errs []error
	for _, r := range results {
		for _, ref := range r.Chosen {
			if err := z.Check(ctx, c, ref, rounds); err != nil {
				errs = append(errs, err)
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
	}
	return errors.Join(errs...)
}
