package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"plx/internal/query"
	"plx/internal/realize"
	"plx/internal/store"
	"plx/internal/ui"
)

func (a *app) diffCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "diff [flags] A B",
		Short: "Tell how two stages, or two results, differ",
		Long: `Tells how B differs from A: in config, script (line by line), source files,
inputs and the like; and of results also in metrics, with how much they rose or
fell, and in files: of small texts line by line, of others by size.

A and B are stages of the current plan, points of sweeps, drefs or rrefs. A stage
stands for the first result that its matcher chose. If one of the two has no
result, or is a dref, what is to be done is compared alone. In the lines - is A
and + is B. If nothing differs, nothing is printed on stdout.`,
		Example: `  plx diff 'train[lr=0.1]' 'train[lr=0.01]'
  plx diff train 10vqr7hr
  plx diff $(plx ls fit | head -n 2)`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.diff(cmd.Context(), args[0], args[1], asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) diff(ctx context.Context, first, second string, asJSON bool) error {
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	var sides [2]realize.Side
	for i, arg := range []string{first, second} {
		if sides[i], err = a.side(ctx, s, arg); err != nil {
			return err
		}
	}
	if sides[0].RRef.IsZero() || sides[1].RRef.IsZero() {
		sides[0].RRef, sides[1].RRef = store.RRef{}, store.RRef{}
	}
	z := &realize.Realizer{Store: s}
	d, err := z.Diff(sides[0], sides[1], s.Preview())
	if err != nil {
		return err
	}
	metrics, err := metricChanges(ctx, s, sides)
	if err != nil {
		return err
	}
	if asJSON {
		return a.resultJSON(newDiffJSON(sides, d, metrics))
	}
	return a.printDiff(first, second, sides, d, metrics)
}

// side returns what the argument names: with a result, unless there is none, or
// a derivation is named.
func (a *app) side(ctx context.Context, s *store.Store, arg string) (realize.Side, error) {
	sub, err := a.lensStart(ctx, s, arg, false)
	side := realize.Side{DRef: sub.dref}
	if len(sub.rrefs) > 0 {
		side.RRef = sub.rrefs[0]
	}
	return side, err
}

// metricChanges returns the metrics that differ.
func metricChanges(ctx context.Context, s *store.Store, sides [2]realize.Side) ([]query.MetricChange, error) {
	if sides[0].RRef.IsZero() {
		return nil, nil
	}
	r := query.Reader{Store: s, Values: lensValues{s}}
	return r.MetricChanges(sides[0].RRef, sides[1].RRef)
}

func (a *app) printDiff(first, second string, sides [2]realize.Side, d realize.Diff, metrics []query.MetricChange) error {
	var lines []string
	for _, c := range slices.Concat(d.Changes, d.Intent) {
		lines = append(lines, changeLines(c, "")...)
	}
	t := ui.Table{Heads: []string{"METRIC", ">A", ">B", ">CHANGE"}}
	for _, m := range metrics {
		t.Add(m.Name, metricText(m.Old), metricText(m.New), deltaText(m))
	}
	if len(metrics) > 0 {
		lines = append(lines, t.Lines(a.width())...)
	}
	for _, f := range d.Results {
		lines = append(lines, "result "+resultText(f))
		lines = append(lines, diffLines(f.Diff, "  ")...)
	}
	if sides[0].RRef.IsZero() {
		a.say("no results are compared: plx realize makes those of stages")
	} else {
		a.say("- is %s (%s), + is %s (%s)", first, short(sides[0].RRef), second, short(sides[1].RRef))
	}
	if d.Same && !sides[0].RRef.IsZero() {
		a.say("the results are the same")
	}
	if len(lines) == 0 {
		a.say("nothing differs")
	}
	return a.result(a.paintDiff(lines)...)
}

// resultText says how a file of the results differs.
func resultText(f realize.Difference) string {
	text := f.String()
	text = strings.Replace(text, store.OnlyFirst, "removed", 1)
	return strings.Replace(text, store.OnlySecond, "added", 1)
}

// deltaText says by how much a metric rose or fell.
func deltaText(m query.MetricChange) string {
	if m.Delta == nil {
		return ""
	}
	text := fmt.Sprintf("%+.6g", *m.Delta)
	if m.Percent != nil {
		text += fmt.Sprintf(" (%+.1f %%)", *m.Percent)
	}
	return text
}

type diffJSON struct {
	A       sideJSON           `json:"a"`
	B       sideJSON           `json:"b"`
	Changes []changeJSON       `json:"changes"`
	Metrics []metricChangeJSON `json:"metrics"`
	Results []fileChangeJSON   `json:"results"`
	Same    bool               `json:"same_result"`
}

type sideJSON struct {
	DRef string `json:"dref"`
	RRef string `json:"rref"`
}

type metricChangeJSON struct {
	Name    string   `json:"metric"`
	Old     any      `json:"old"`
	New     any      `json:"new"`
	Delta   *float64 `json:"delta"`
	Percent *float64 `json:"percent"`
}

func newDiffJSON(sides [2]realize.Side, d realize.Diff, metrics []query.MetricChange) diffJSON {
	doc := diffJSON{
		A: newSideJSON(sides[0]), B: newSideJSON(sides[1]), Changes: changesJSON(slices.Concat(d.Changes, d.Intent)),
		Metrics: []metricChangeJSON{}, Results: filesJSON(d.Results), Same: d.Same,
	}
	for _, m := range metrics {
		doc.Metrics = append(doc.Metrics, metricChangeJSON(m))
	}
	return doc
}

func newSideJSON(s realize.Side) sideJSON {
	doc := sideJSON{DRef: s.DRef.String()}
	if !s.RRef.IsZero() {
		doc.RRef = s.RRef.String()
	}
	return doc
}
