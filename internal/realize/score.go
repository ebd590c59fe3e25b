package realize

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"plx/internal/store"
)

// errNoScore says that a script would have to be run, where nothing may be.
var errNoScore = errors.New("the script of its matcher has not been run on it yet")

// values answers what a matcher asks about the candidates of a task.
type values struct{ t *task }

// Value follows a lens into a candidate.
func (v *values) Value(ref store.RRef, lens string) (any, error) {
	return v.t.g.Values.Value(v.real(ref), lens)
}

// real returns the realization that a dry run's candidate would be adopted
// from, and any other candidate as it is.
func (v *values) real(ref store.RRef) store.RRef {
	if from, ok := v.t.adoptedFrom[ref]; ok {
		return from
	}
	return ref
}

// Score returns the number that a script prints for a candidate. It is kept
// in the store, so that each script runs once for each tree.
func (v *values) Score(ctx context.Context, ref store.RRef, script string) (float64, error) {
	t := v.t
	r, err := t.g.Store.Realization(v.real(ref))
	if err != nil {
		return 0, err
	}
	a := newAction(t.stage.Derivation)
	a.Script, a.Shell, a.Argv, a.Config, a.Inputs = script, scriptShell(t.stage.Derivation), nil, nil, nil
	a.Source = r.Tree
	key, err := store.ScoreKey(a)
	if err != nil {
		return 0, err
	}
	if score, ok := t.g.Store.Score(key); ok {
		return score, nil
	}
	if t.g.AssertRealized {
		return 0, errNoScore
	}
	score, tail, err := t.score(ctx, r, script)
	if err != nil {
		return 0, &BuildError{Stage: t.stage.Name, Ref: t.stage.Ref, Err: fmt.Errorf("match.by script on %v: %w", ref, err), Tail: tail}
	}
	return score, t.g.Store.KeepScore(key, score)
}

// score runs the script and reads the number from what it prints, of which it
// returns the last lines.
func (t *task) score(ctx context.Context, r store.Realization, script string) (score float64, printed []string, err error) {
	f, err := os.CreateTemp("", "plx-score-*")
	if err != nil {
		return 0, nil, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	err = t.inspect(ctx, script, t.g.Store.TreePath(r.Tree), r.Manifest, nil, f)
	if printed = tail(f.Name()); err != nil {
		return 0, printed, err
	}
	last := ""
	for _, line := range printed {
		if line = strings.TrimSpace(line); line != "" {
			last = line
		}
	}
	score, err = strconv.ParseFloat(last, 64)
	if err != nil || math.IsNaN(score) {
		return 0, printed, fmt.Errorf("its last line is %q: want a number", last)
	}
	return score, nil, nil
}
