// Package provenance owns what a result came from, in the forms in which others
// want to be told: W3C PROV-JSON, an RO-Crate, and an in-toto statement.
//
// All three say what the records say. What they don't is left out, and never
// made up: a result without a host has no place, an import no command.
package provenance

import (
	"errors"
	"maps"
	"slices"
	"time"

	"plx/internal/store"
)

// The namespaces of what has no URI of its own. References are URIs as they are.
const (
	plxNS   = "urn:plx:"
	builder = "urn:plx:builder"
)

// A result is a realization with its derivation.
type result struct {
	store.Realization
	d store.Derivation
}

// name returns the reference, which is a URI.
func (r result) name() string { return r.Ref.String() }

// ran reports whether a command made it, as far as that is known.
func (r result) ran() bool { return r.d.Kind != store.ActionImport && !r.Started.IsZero() && !r.Hand }

// A History is a result, and what it was made from.
type History struct {
	store   *store.Store
	results []result                     // dependencies first, the result last
	sources map[store.Hash][]store.Entry // the files of source trees
}

// Of returns the history of a realization. What was removed from the store is
// left out.
func Of(s *store.Store, ref store.RRef) (*History, error) {
	h := &History{store: s, sources: make(map[store.Hash][]store.Entry)}
	seen := make(map[store.RRef]bool)
	if err := h.add(ref, seen); err != nil {
		return nil, err
	}
	return h, nil
}

func (h *History) add(ref store.RRef, seen map[store.RRef]bool) error {
	if seen[ref] {
		return nil
	}
	seen[ref] = true
	r, err := h.store.Realization(ref)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(r.Context)) {
		for _, from := range r.Context[name] {
			if err := h.add(from, seen); err != nil && !errors.Is(err, store.ErrNotExist) {
				return err
			}
		}
	}
	d, err := h.store.Derivation(ref.DRef())
	if err != nil {
		return err
	}
	if err := h.addSource(d.Source); err != nil {
		return err
	}
	h.results = append(h.results, result{r, d})
	return nil
}

func (h *History) addSource(tree store.Hash) error {
	if tree.IsZero() || h.sources[tree] != nil {
		return nil
	}
	m, err := h.store.Manifest(tree)
	if err != nil {
		return err
	}
	h.sources[tree] = files(m)
	return nil
}

// files returns the regular files of a tree.
func files(m store.Manifest) []store.Entry {
	list := []store.Entry{}
	for _, e := range m.Entries() {
		if e.Kind == store.KindFile || e.Kind == store.KindExecutable {
			list = append(list, e)
		}
	}
	return list
}

// has reports whether the history has a realization.
func (h *History) has(ref store.RRef) bool {
	return slices.ContainsFunc(h.results, func(r result) bool { return r.Ref == ref })
}

// last returns the result itself.
func (h *History) last() result { return h.results[len(h.results)-1] }

// inputs calls f for each realization that r was built from and that is there.
func (h *History) inputs(r result, f func(input string, from store.RRef)) {
	for _, name := range slices.Sorted(maps.Keys(r.Context)) {
		for _, from := range r.Context[name] {
			if h.has(from) {
				f(name, from)
			}
		}
	}
}

// stamp writes a time as RFC 3339 has it; "" if it isn't known.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// object is a JSON object from which what is not known is left out.
type object map[string]any

func (o object) set(key, value string) {
	if value != "" {
		o[key] = value
	}
}
