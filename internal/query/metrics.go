package query

import (
	"maps"
	"math"
	"slices"

	"plx/internal/match"
	"plx/internal/store"
)

// A MetricChange is a metric that differs between two realizations.
type MetricChange struct {
	Name     string
	Old, New any      // nil: there is none
	Delta    *float64 // of two numbers: by how much it rose
	Percent  *float64 // that as a part of the old one; nil if there is no such
}

// MetricChanges returns the metrics in which two realizations differ, by name.
func (r *Reader) MetricChanges(a, b store.RRef) ([]MetricChange, error) {
	first, err := r.Run(a)
	if err != nil {
		return nil, err
	}
	second, err := r.Run(b)
	if err != nil {
		return nil, err
	}
	old, new := first.Metrics, second.Metrics
	names := maps.Clone(old)
	maps.Copy(names, new)
	var list []MetricChange
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if Compare(old[name], new[name]) != 0 {
			list = append(list, newMetricChange(name, old[name], new[name]))
		}
	}
	return list, nil
}

func newMetricChange(name string, old, new any) MetricChange {
	m := MetricChange{Name: name, Old: old, New: new}
	x, okOld := number(old)
	y, okNew := number(new)
	if !okOld || !okNew {
		return m
	}
	from, _ := x.Float64()
	to, _ := y.Float64()
	delta := to - from
	if math.IsInf(delta, 0) || math.IsNaN(delta) {
		return m
	}
	m.Delta = &delta
	if from != 0 {
		percent := 100 * delta / math.Abs(from)
		m.Percent = &percent
	}
	return m
}

// RunsOf returns what a table shows of realizations, but for those that can't be
// read.
func (r *Reader) RunsOf(refs []store.RRef) []Run {
	all, failed := make([]Run, len(refs)), make([]error, len(refs))
	store.InParallel(len(refs), func(i int) { all[i], failed[i] = r.Run(refs[i]) })
	var runs []Run
	for i, err := range failed {
		if err != nil {
			r.Damaged(err)
		} else {
			runs = append(runs, all[i])
		}
	}
	return runs
}

// Run returns what a table shows of one realization.
func (r *Reader) Run(ref store.RRef) (Run, error) {
	d, err := r.Store.Derivation(ref.DRef())
	if err != nil {
		return Run{}, err
	}
	n := Named{Stage: ref.Name(), Ref: ref.DRef(), Match: match.Default()}
	if d.Match != nil {
		if n.Match, err = match.Parse(d.Match); err != nil {
			return Run{}, err
		}
	}
	return r.read(n, d, ref)
}
