package main

import (
	"context"
	"errors"

	"plx/internal/plan"
	"plx/internal/realize"
)

// checked returns the closure of the stages named by --check, if there are any.
func checked(c *plan.Closure, names []string) (*plan.Closure, error) {
	var stages []*plan.Stage
	for _, name := range names {
		found, err := c.Select(name)
		if err != nil {
			return nil, notPlanned(err)
		}
		for _, s := range found {
			if err := realize.HasCommand(s); err != nil {
				return nil, err
			}
		}
		stages = append(stages, found...)
	}
	if stages == nil {
		return c, nil
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
