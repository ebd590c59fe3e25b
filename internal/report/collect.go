package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"plx/internal/match"
	"plx/internal/plan"
	"plx/internal/query"
	"plx/internal/realize"
	"plx/internal/store"
)

// A Source is what a report is made of.
type Source struct {
	Store     *store.Store
	Closure   *plan.Closure
	Standings []realize.Standing
	Values    match.Lookup
	File      string            // the path of the stage file
	Params    map[string]string // as they were given
	Made      time.Time         // when the report is made
	Version   string            // of plx
	Limit     int64             // how many bytes of files and logs are taken in
}

// A collector puts a report together.
type collector struct {
	store  *store.Store
	reader query.Reader
	limit  int64
	*Report
	stages  map[store.DRef]int
	runs    map[store.RRef]int
	recipes map[string]int
	origins map[string]int
	wanted  []wanted // contents, in the order in which they were met
	bare    bool     // without metrics, files and logs

	derivations map[store.DRef]store.Derivation
}

// Collect reads what there is of the closure: its derivations, all their
// realizations, and what these were made from.
func Collect(ctx context.Context, src Source) (*Report, error) {
	c := newCollector(src)
	if err := c.collect(ctx, src); err != nil {
		return nil, err
	}
	c.Graph = c.draw()
	return c.Report, c.takeContents()
}

func newCollector(src Source) *collector {
	return &collector{
		store: src.Store, reader: query.Reader{Store: src.Store, Values: src.Values}, limit: src.Limit, Report: &Report{
			Format: Format, File: base(src.File), Params: src.Params, Made: src.Made.UTC(), Version: src.Version, Recipes: []Recipe{},
			Groups: []Group{}, Runs: []Run{}, Origins: []Origin{}, Trees: make(map[string][]File), Targets: []string{},
		},
		stages: make(map[store.DRef]int), runs: make(map[store.RRef]int),
		recipes: make(map[string]int), origins: make(map[string]int), derivations: make(map[store.DRef]store.Derivation),
	}
}

// collect adds all but the drawings and the contents.
func (c *collector) collect(ctx context.Context, src Source) error {
	if c.Params == nil {
		c.Params = map[string]string{}
	}
	for _, s := range src.Closure.Targets() {
		c.Targets = append(c.Targets, s.Name)
	}
	for _, s := range src.Standings {
		if err := c.addPlanned(s); err != nil {
			return err
		}
	}
	for _, s := range src.Standings {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := c.addRuns(s); err != nil {
			return err
		}
	}
	c.group()
	return nil
}

// base returns the last part of a path, of either system; "" of "".
func base(path string) string { return path[strings.LastIndexAny(path, `/\`)+1:] }

// addPlanned adds a stage of the plan, without its runs.
func (c *collector) addPlanned(s realize.Standing) error {
	stage, err := c.stage(s.Stage.Ref, s.Stage.Derivation)
	if err != nil {
		return err
	}
	stage.Name, stage.Planned, stage.Description = s.Stage.Name, true, s.Stage.Description
	stage.Limits = limits(s.Stage)
	c.Stages = append(c.Stages, stage)
	return nil
}

// stage returns what a derivation says, and keeps a place for it.
func (c *collector) stage(ref store.DRef, d store.Derivation) (Stage, error) {
	c.stages[ref], c.derivations[ref] = len(c.Stages), d
	recipe, err := c.recipe(d)
	stage := Stage{
		Name: ref.Name(), DRef: ref.String(), Group: -1, Recipe: recipe,
		Config: make(map[string]any, len(d.Config)), Inputs: []Input{}, Runs: []int{}, Chosen: []int{},
	}
	for key, v := range query.Config(d) {
		stage.Config[key] = plain(v)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Inputs)) {
		in := d.Inputs[name]
		input := Input{Name: name, From: []int{}, Outputs: in.Outputs, List: in.List, Match: matcher(in.Match)}
		for _, from := range in.From {
			if i, ok := c.stages[from]; ok {
				input.From = append(input.From, i)
			}
		}
		stage.Inputs = append(stage.Inputs, input)
	}
	return stage, err
}

// matcher returns a matcher in canonical form for people; "" of none.
func matcher(canonical any) string {
	if canonical == nil {
		return ""
	}
	m, err := match.Parse(canonical)
	if err != nil {
		return fmt.Sprint(canonical)
	}
	return m.String()
}

// limits returns the bounds of a stage for people.
func limits(s *plan.Stage) []string {
	var texts []string
	add := func(set bool, format string, value any) {
		if set {
			texts = append(texts, fmt.Sprintf(format, value))
		}
	}
	add(s.Runs > 1, "%d runs at once", s.Runs)
	add(s.MaxRuns > 0, "at most %d runs", s.MaxRuns)
	add(s.Timeout > 0, "timeout %v", s.Timeout)
	add(s.MaxSilent > 0, "silent for at most %v", s.MaxSilent)
	add(s.Retries > 0, "%d retries", s.Retries)
	for _, name := range slices.Sorted(maps.Keys(s.Resources)) {
		add(true, name+" %d", s.Resources[name])
	}
	return texts
}

// recipe returns the place of what a derivation shares with others.
func (c *collector) recipe(d store.Derivation) (int, error) {
	r := Recipe{
		Action: string(d.Kind), Script: d.Script, Shell: d.Shell, Argv: d.Argv, Env: d.Env, Tools: d.Tools, Carry: d.Carry,
		Outputs: []Output{}, Metrics: d.Metrics, Check: d.Check, Match: match.Default().String(),
		Always: d.Always, Network: d.Network, Sandbox: sandbox(d.Sandbox),
	}
	if d.Match != nil {
		r.Match = matcher(d.Match)
	}
	if d.Fetch != nil {
		r.Fetch = &Fetch{URLs: d.Fetch.URLs, Hash: d.Fetch.Hash, Unpack: d.Fetch.Unpack}
	}
	for _, name := range slices.Sorted(maps.Keys(d.Outputs)) {
		o := d.Outputs[name]
		r.Outputs = append(r.Outputs, Output{name, o.Path, o.Kind, o.Nonempty, o.Optional, o.Volatile})
	}
	if !d.Source.IsZero() {
		r.Source = d.Source.String()
		if err := c.addSource(d.Source); err != nil {
			return 0, err
		}
	}
	return place(c.recipes, &c.Recipes, r)
}

// place returns the place of v in the list, where it is added if it is new.
func place[T any](places map[string]int, list *[]T, v T) (int, error) {
	key, err := json.Marshal(v)
	if err != nil {
		return 0, err
	}
	i, ok := places[string(key)]
	if !ok {
		i = len(*list)
		places[string(key)] = i
		*list = append(*list, v)
	}
	return i, nil
}

func sandbox(s store.Sandbox) string {
	if s.Off {
		return "off"
	}
	return strings.Join(s.Paths, " ")
}

// addSource adds the files of a source tree.
func (c *collector) addSource(tree store.Hash) error {
	if c.bare || c.Trees[tree.String()] != nil {
		return nil
	}
	m, err := c.store.Manifest(tree)
	if err != nil {
		return err
	}
	c.addTree(tree, m, 0)
	return nil
}

// addRuns adds what there is of a stage of the plan, and its state.
func (c *collector) addRuns(s realize.Standing) error {
	i := c.stages[s.Stage.Ref]
	refs, err := c.store.Realizations(s.Stage.Ref)
	if err != nil {
		return err
	}
	chosen := make(map[store.RRef]bool)
	for _, ref := range s.Chosen {
		chosen[ref] = true
	}
	for _, ref := range refs {
		if _, err := c.run(ref, chosen[ref]); err != nil && !passedOver(err) {
			return err
		}
	}
	stage := &c.Stages[i]
	for _, ref := range s.Chosen {
		if n, ok := c.runs[ref]; ok && n >= 0 {
			stage.Chosen = append(stage.Chosen, n)
		}
	}
	slices.SortFunc(stage.Runs, func(a, b int) int {
		if d := c.Runs[a].Number - c.Runs[b].Number; d != 0 {
			return d
		}
		return int(c.Runs[a].Made - c.Runs[b].Made)
	})
	return c.state(stage, s)
}

// passedOver reports whether an error is about one realization alone: the page
// shows the others.
func passedOver(err error) bool {
	var damage *store.DamageError
	return errors.Is(err, store.ErrNotExist) || errors.As(err, &damage)
}

// state says how far a stage is.
func (c *collector) state(stage *Stage, s realize.Standing) error {
	running, err := c.store.Running(s.Stage.Ref)
	if err != nil {
		return err
	}
	log := c.store.FailedLogPath(s.Stage.Ref)
	info, failed := os.Stat(log)
	if failed == nil {
		stage.FailedLog = c.want(wanted{path: log, kind: textContent, size: info.Size(), class: 0})
	}
	if s.Missing != nil {
		stage.Why = s.Missing.Error()
	}
	switch {
	case len(running) > 0:
		stage.State = "running"
	case s.Missing == nil:
		stage.State = "done"
	case failed == nil:
		stage.State = "failed"
	case len(stage.Runs) > 0:
		stage.State = "part"
	default:
		stage.State = "open"
	}
	if failed != nil && !errors.Is(failed, fs.ErrNotExist) {
		return failed
	}
	return nil
}

// plain returns a value as JSON has it for a page: integers that JavaScript
// can't hold, and dates, are texts.
func plain(v any) any {
	const exact = 1 << 53
	switch v := v.(type) {
	case int64:
		if v > exact || v < -exact {
			return fmt.Sprint(v)
		}
	case store.Datetime:
		return v.String()
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plain(v[i])
		}
		return list
	case map[string]any:
		table := make(map[string]any, len(v))
		for k := range v {
			table[k] = plain(v[k])
		}
		return table
	}
	return v
}
