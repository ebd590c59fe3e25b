package main

import (
	"context"
	"fmt"

	"plx/internal/provenance"
	"plx/internal/store"
)

// provenanceForms are what show --format takes.
var provenanceForms = []string{"prov", "ro-crate", "in-toto"}

// showProvenance prints where a result comes from, in the form of others.
func (a *app) showProvenance(ctx context.Context, s *store.Store, form, arg string) error {
	sub, err := a.chosen(ctx, s, arg)
	if err != nil {
		return unrealized(arg, err)
	}
	ref, err := sub.one(arg)
	if err != nil {
		return err
	}
	h, err := provenance.Of(s, ref)
	if err != nil {
		return err
	}
	var doc any
	switch form {
	case "prov":
		doc = h.PROV()
	case "ro-crate":
		doc = h.ROCrate()
	default:
		if doc, err = h.InToto(); err != nil {
			return fmt.Errorf("in-toto statement on %v: %w", ref, err)
		}
	}
	return a.resultJSON(doc)
}
