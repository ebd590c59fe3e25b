package graph

import (
	"maps"
	"slices"

	"plx/internal/plan"
)

// A Fold is what is drawn as one: a stage, or the points of a sweep.
type Fold struct {
	Name   string // of the stage, or of the sweep
	Sweep  bool
	Stages []int // their places; one, if it is no sweep
	Deps   []int // what they depend on, by the places of the folds
}

// Folds puts the points of each sweep together that is not open. It is told the
// names of stages, and by their places what each depends on.
func Folds(names []string, deps func(i int) []int, open func(sweep string) bool) []Fold {
	var folds []Fold
	sweeps := make(map[string]int)
	of := make([]int, len(names)) // the fold of each stage
	for i, name := range names {
		sweep, _, swept := plan.Point(name)
		swept = swept && !open(sweep)
		at, there := sweeps[sweep]
		if !swept || !there {
			at = len(folds)
			folds = append(folds, Fold{Name: name})
		}
		if swept {
			sweeps[sweep] = at
			folds[at].Name, folds[at].Sweep = sweep, true
		}
		of[i] = at
		folds[at].Stages = append(folds[at].Stages, i)
	}
	for at := range folds {
		set := make(map[int]bool)
		for _, i := range folds[at].Stages {
			for _, dep := range deps(i) {
				if of[dep] != at {
					set[of[dep]] = true
				}
			}
		}
		folds[at].Deps = slices.Sorted(maps.Keys(set))
	}
	return folds
}
