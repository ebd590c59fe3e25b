package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"
)

// A key is what was measured.
type key struct {
	Work  string `json:"work"`
	Shape string `json:"shape"`
	N     int    `json:"n"`
	Run   string `json:"run"`
	Tool  string `json:"tool"`
}

// A row is what was measured of it: samples, or why there are none.
type row struct {
	key
	Samples []sample `json:"samples,omitempty"`
	Out     string   `json:"out,omitempty"`
}

// median is of each figure of the samples, of which there is at least one.
func (r row) median() sample {
	figure := func(of func(sample) float64) float64 {
		var all []float64
		for _, s := range r.Samples {
			all = append(all, of(s))
		}
		return median(all)
	}
	return sample{
		Wall: figure(func(s sample) float64 { return s.Wall }),
		CPU:  figure(func(s sample) float64 { return s.CPU }),
		Peak: int64(figure(func(s sample) float64 { return float64(s.Peak) })),
	}
}

// median is the middle of the figures, of which there is at least one.
func median(figures []float64) float64 {
	sorted := slices.Sorted(slices.Values(figures))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// A report is what a run of this command measured, in the order in which it
// was, and on what.
type report struct {
	Machine machine   `json:"machine"`
	Rows    []*row    `json:"rows"`
	Bars    []verdict `json:"bars"`
	byCPU   bool      // CPU time stands for wall time
}

// row is the row of the key, which is made if it isn't there.
func (r *report) row(k key) *row {
	if found := r.find(k); found != nil {
		return found
	}
	r.Rows = append(r.Rows, &row{key: k})
	return r.Rows[len(r.Rows)-1]
}

func (r *report) find(k key) *row {
	i := slices.IndexFunc(r.Rows, func(row *row) bool { return row.key == k })
	if i < 0 {
		return nil
	}
	return r.Rows[i]
}

// measured is the median of what the key names, if it was measured.
func (r *report) measured(k key) (sample, bool) {
	row := r.find(k)
	if row == nil || len(row.Samples) == 0 {
		return sample{}, false
	}
	return row.median(), true
}

func (r *report) write(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o666)
}

// readReports joins what several runs measured: of what more than one did, the
// last is taken.
func readReports(paths []string) (*report, error) {
	all := &report{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var r report
		if err := json.Unmarshal(data, &r); err != nil {
			return nil, fmt.Errorf("%s: %v", path, err)
		}
		all.join(&r)
	}
	return all, nil
}

func (r *report) join(later *report) {
	tools, loads := r.Machine.Tools, r.Machine.Loads
	r.Machine = later.Machine
	r.Machine.Tools = joinTools(tools, later.Machine.Tools)
	r.Machine.Loads = slices.Concat(loads, later.Machine.Loads)
	for _, new := range later.Rows {
		*r.row(new.key) = *new
	}
}

// sinceStart says how far it is, for progress.
func sinceStart(start time.Time) string {
	return time.Since(start).Round(time.Second).String()
}
