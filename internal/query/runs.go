package query

import (
	"cmp"
	"context"
	"maps"
	"math/big"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"plx/internal/lens"
	"plx/internal/match"
	"plx/internal/store"
)

// A Run is a realization as a table shows it.
type Run struct {
	Ref     store.RRef
	Stage   string // what a plan calls it
	Chosen  int    // its place among what its stage's matcher chose, from 1; 0: it isn't
	Number  int    // of the run; 0: nothing was run
	Made    time.Time
	Took    time.Duration
	CPU     time.Duration
	Memory  int64 // in bytes
	Bytes   int64
	Host    string
	By      string
	Tree    store.Hash
	Adopted store.RRef
	Hand    bool
	Config  map[string]any // by keys; those in tables have dots in them
	Metrics map[string]any // likewise: the numbers and truth values of metrics, and what its matcher reads
}

// A Named is a derivation with what a plan calls it.
type Named struct {
	Stage string
	Ref   store.DRef
	Match match.Matcher
}

// A Reader reads what tables show, several realizations at once.
type Reader struct {
	Store   *store.Store
	Ranks   map[store.RRef]int // the places of those that are chosen
	Where   *match.Where       // nil: all of them
	Values  match.Lookup
	Damaged func(error)                      // called with what can't be read
	Refused func(ref store.RRef, why string) // called with what Where leaves out
}

// Runs returns the realizations of derivations, in their order, of each the
// chosen first and then the newest.
func (r *Reader) Runs(ctx context.Context, of []Named) ([]Run, error) {
	var all []Run
	for _, n := range of {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		runs, err := r.of(n)
		if err != nil {
			return nil, err
		}
		all = append(all, runs...)
	}
	return all, nil
}

func (r *Reader) of(n Named) ([]Run, error) {
	refs, err := r.Store.Realizations(n.Ref)
	if err != nil || len(refs) == 0 {
		return nil, err
	}
	d, err := r.Store.Derivation(n.Ref)
	if err != nil {
		return nil, err
	}
	answers := make([]answer, len(refs))
	store.InParallel(len(refs), func(i int) { answers[i] = r.ask(n, d, refs[i]) })
	var runs []Run
	for i, a := range answers {
		switch {
		case a.err != nil:
			return nil, a.err
		case a.refused != "":
			r.Refused(refs[i], a.refused)
		case a.damage != nil:
			r.Damaged(a.damage)
		default:
			runs = append(runs, a.run)
		}
	}
	slices.SortFunc(runs, func(a, b Run) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), b.Made.Compare(a.Made), a.Ref.Compare(b.Ref))
	})
	return runs, nil
}

// An answer is what there is to say of a realization: one of these.
type answer struct {
	run     Run
	refused string // why the condition doesn't hold for it
	damage  error  // it can't be read
	err     error  // there is no answer
}

// ask reads a realization, if the condition holds for it.
func (r *Reader) ask(n Named, d store.Derivation, ref store.RRef) (a answer) {
	if r.Where != nil {
		if a.refused, a.err = r.Where.Refuse(ref, r.Values); a.err != nil || a.refused != "" {
			return a
		}
	}
	a.run, a.damage = r.read(n, d, ref)
	return a
}

// place puts what is not chosen behind what is.
func place(r Run) uint { return uint(r.Chosen) - 1 }

func (r *Reader) read(n Named, d store.Derivation, ref store.RRef) (Run, error) {
	one, err := r.Store.Realization(ref)
	if err != nil {
		return Run{}, err
	}
	run := Run{
		Ref: ref, Stage: n.Stage, Chosen: r.Ranks[ref], Number: one.Run, Made: one.Made,
		Took: one.Stopped.Sub(one.Started), CPU: one.User + one.System, Memory: one.MaxRSS,
		Bytes: one.Manifest.Size(), Host: one.Host, By: one.By, Tree: one.Tree, Adopted: one.Adopted, Hand: one.Hand,
		Config: Config(d), Metrics: r.Metrics(one, d, n.Match),
	}
	return run, nil
}

// Config returns the values in the config of a derivation, by their keys; those
// in tables have dots in them.
func Config(d store.Derivation) map[string]any {
	config := make(map[string]any)
	for key, value := range d.Config {
		flatten(config, key, value, func(any) bool { return true })
	}
	return config
}

// Metrics returns the metrics of a realization, and what the matcher reads.
func (r *Reader) Metrics(one store.Realization, d store.Derivation, m match.Matcher) map[string]any {
	metrics := make(map[string]any)
	for _, name := range d.Metrics {
		value, err := lens.File(r.outputPath(one, d.Outputs[name]), lens.Path{})
		if err == nil { // what can't be read has no numbers
			flatten(metrics, name, value, isMetric)
		}
	}
	for _, name := range m.Lenses() {
		if _, there := metrics[name]; there || r.Values == nil {
			continue
		}
		if value, err := r.Values.Value(one.Ref, name); err == nil {
			metrics[name] = value
		}
	}
	return metrics
}

func (r *Reader) outputPath(one store.Realization, o store.Output) string {
	top := r.Store.TreePath(one.Tree)
	if o.Volatile {
		top = r.Store.VolatilePath(one.Ref)
	}
	return filepath.Join(top, filepath.FromSlash(o.Path))
}

// flatten puts the values in tables, by their keys with dots between them. Lists
// are values.
func flatten(to map[string]any, name string, value any, keep func(any) bool) {
	table, ok := value.(map[string]any)
	if !ok {
		if keep(value) {
			to[name] = value
		}
		return
	}
	for key, value := range table {
		flatten(to, name+"."+key, value, keep)
	}
}

func isMetric(v any) bool {
	switch v.(type) {
	case int64, float64, bool:
		return true
	}
	return false
}

// ConfigNames returns the keys of config in which the runs differ, or, if they
// don't, all keys.
func ConfigNames(runs []Run) []string {
	all, differ := make(map[string]any), make(map[string]bool)
	had := make(map[string]int)
	for _, r := range runs {
		for key, value := range r.Config {
			first, there := all[key]
			if !there {
				all[key] = value
			} else if !differ[key] && Compare(first, value) != 0 {
				differ[key] = true
			}
			had[key]++
		}
	}
	for key, n := range had {
		if n < len(runs) {
			differ[key] = true
		}
	}
	if len(differ) > 0 {
		return slices.Sorted(maps.Keys(differ))
	}
	return slices.Sorted(maps.Keys(all))
}

// MetricNames returns the names of all metrics.
func MetricNames(runs []Run) []string {
	all := make(map[string]bool)
	for _, r := range runs {
		for name := range r.Metrics {
			all[name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// Compare orders values: numbers by size before texts by their bytes, and
// nothing last.
func Compare(a, b any) int {
	x, okA := number(a)
	y, okB := number(b)
	switch {
	case a == nil || b == nil:
		return btoi(a == nil) - btoi(b == nil)
	case okA && okB:
		return x.Cmp(y)
	case okA != okB:
		return btoi(okB) - btoi(okA)
	}
	return strings.Compare(text(a), text(b))
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func number(v any) (*big.Float, bool) {
	switch v := v.(type) {
	case int:
		return new(big.Float).SetInt64(int64(v)), true
	case int64:
		return new(big.Float).SetInt64(v), true
	case float64:
		if v == v { // NaN is none
			return new(big.Float).SetFloat64(v), true
		}
	case time.Duration:
		return new(big.Float).SetInt64(int64(v)), true
	}
	return nil, false
}

func text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	data, err := store.Canonical(v)
	if err != nil {
		return ""
	}
	return string(data)
}
