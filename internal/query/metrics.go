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
	old, err := r.metrics(a)
	if err != nil {
		return nil, err
	}
	new, err := r.metrics(b)
	if err != nil {
		return nil, err
	}
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

// metrics returns the metrics of a realization.
func (r *Reader) metrics(ref store.RRef) (map[string]any, error) {
	d, err := r.Store.Derivation(ref.DRef())
	if err != nil {
		return nil, err
	}
	n := Named{Ref: ref.DRef(), Match: match.Default()}
	if d.Match != nil {
		if n.Match, err = match.Parse(d.Match); err != nil {
			return nil, err
		}
	}
	run, err := r.read(n, d, ref)
	return run.Metrics, err
}
