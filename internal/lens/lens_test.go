package lens

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"plx/internal/store"
)

var _ Source = (*store.Store)(nil)

// A fake is a [Source] in memory, with its trees in a directory.
type fake struct {
	t            testing.TB
	dir          string
	derivations  map[store.DRef]store.Derivation
	realizations map[store.RRef]store.Realization
}

func newFake(t testing.TB) *fake {
	return &fake{t, t.TempDir(), make(map[store.DRef]store.Derivation), make(map[store.RRef]store.Realization)}
}

func (f *fake) Derivation(ref store.DRef) (store.Derivation, error) {
	d, ok := f.derivations[ref]
	if !ok {
		return d, fmt.Errorf("%v: %w", ref, store.ErrNotExist)
	}
	return d, nil
}

func (f *fake) Realization(ref store.RRef) (store.Realization, error) {
	r, ok := f.realizations[ref]
	if !ok {
		return r, fmt.Errorf("%v: %w", ref, store.ErrNotExist)
	}
	return r, nil
}

func (f *fake) TreePath(tree store.Hash) string { return filepath.Join(f.dir, tree.String()) }

func (f *fake) VolatilePath(ref store.RRef) string {
	return filepath.Join(f.dir, ref.Hash().String()+".volatile")
}

func (f *fake) derive(d store.Derivation) store.DRef {
	f.t.Helper()
	d.Kind = store.ActionRun
	ref, _, err := d.Ref()
	if err != nil {
		f.t.Fatal(err)
	}
	f.derivations[ref] = d
	return ref
}

// realize adds a realization whose tree and volatile outputs are the files.
func (f *fake) realize(dref store.DRef, context store.Context, files map[string]string) store.RRef {
	f.t.Helper()
	tree := store.HashOf([]byte(fmt.Sprint(dref, files)))
	ref := store.RealizationRef(dref, context, tree)
	f.realizations[ref] = store.Realization{Ref: ref, Context: context, Tree: tree}
	for path, content := range files {
		top := f.TreePath(tree)
		if slices.Contains(f.derivations[dref].VolatilePaths(), path) {
			top = f.VolatilePath(ref)
		}
		writeFile(f.t, filepath.Join(top, path), content)
	}
	return ref
}

// A pipeline is start → anneal, three runs → plot.
type pipeline struct {
	*fake
	start, anneal, plot store.DRef
	startR, plotR       store.RRef
	runs                []store.RRef
}

func newPipeline(t testing.TB) pipeline {
	t.Helper()
	p := pipeline{fake: newFake(t)}
	p.start = p.derive(store.Derivation{
		Name:    "start",
		Config:  map[string]any{"seed": int64(7)},
		Outputs: map[string]store.Output{"values": {Path: "params.json", Kind: "file"}},
	})
	p.startR = p.realize(p.start, nil, map[string]string{"params.json": `{"a": [2, 3], "seed": "in the file"}`})
	p.anneal = p.derive(store.Derivation{
		Name: "anneal",
		Config: map[string]any{
			"maxiter": int64(500), "cooling": 1.0, "opts": map[string]any{"list": []any{"x", "y"}},
			"day": mustDate(t),
		},
		Inputs: map[string]store.Input{"start": {From: []store.DRef{p.start}, Outputs: []string{"values"}, File: true}},
		Outputs: map[string]store.Output{
			"result": {Path: "result.json", Kind: "file"},
			"trace":  {Path: "data/trace.csv", Kind: "file"},
			"maybe":  {Path: "maybe.txt", Kind: "any", Optional: true},
			"gone":   {Path: "gone.txt", Kind: "any"},
			"log":    {Path: "run.log", Kind: "any", Volatile: true},
			"models": {Path: "models", Kind: "dir"},
			"score":  {Path: "score", Kind: "file"},
		},
	})
	for i := range 3 {
		p.runs = append(p.runs, p.realize(p.anneal, store.Context{"start": {p.startR}}, map[string]string{
			"result.json":     fmt.Sprintf(`{"fun": %d.5, "x": [%d]}`, i, i),
			"data/trace.csv":  fmt.Sprintf("loss\n%d\n", i),
			"run.log":         "hello\n",
			"models/a.b.json": `{"k": 1}`,
			"models/sub/f":    "17\n",
			"score":           "3\n",
		}))
	}
	p.plot = p.derive(store.Derivation{
		Name:    "plot",
		Config:  map[string]any{"config": "mine"},
		Inputs:  map[string]store.Input{"runs": {From: []store.DRef{p.anneal}, Outputs: []string{"trace"}, List: true}},
		Outputs: map[string]store.Output{"plot": {Path: "plot.svg", Kind: "file"}},
	})
	p.plotR = p.realize(p.plot, store.Context{"runs": p.runs}, map[string]string{"plot.svg": "<svg/>"})
	return p
}

func mustDate(t testing.TB) store.Datetime {
	t.Helper()
	v, err := File(writeFile(t, filepath.Join(t.TempDir(), "d.toml"), "d = 2024-05-06"), mustPath(t, "d"))
	if err != nil {
		t.Fatal(err)
	}
	return v.(store.Datetime)
}

// show returns what follows from the start at path, written in the form, or
// the error.
func show(t testing.TB, s Start, path, form string) string {
	t.Helper()
	targets, err := s.Follow(mustPath(t, path))
	if err != nil {
		return "error: " + err.Error()
	}
	f, err := ParseForm(form)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, target := range targets {
		if err := target.Write(&b, f); err != nil {
			return "error: " + err.Error()
		}
	}
	return b.String()
}

func TestFollowFromRealization(t *testing.T) {
	p := newPipeline(t)
	tree := func(r store.RRef) string { return p.TreePath(p.realizations[r].Tree) }
	run, plot := Realizations(p, p.runs[0]), Realizations(p, p.plotR)
	allRuns := p.runs[0].String() + "\n" + p.runs[1].String() + "\n" + p.runs[2].String() + "\n"
	tests := []struct {
		start            Start
		path, form, want string
	}{
		{run, "", "", p.runs[0].String() + "\n"},
		{run, "", "path", tree(p.runs[0]) + "\n"},
		{run, "", "dref", p.anneal.String() + "\n"},
		{run, "", "json", `"` + p.runs[0].String() + "\"\n"},
		{run, "", "value", "error: lens: " + p.runs[0].String() + " has no value"},
		{run, "", "contents", "a directory has no contents"},
		{run, "[1]", "", p.runs[0].String() + "\n"},
		{run, "[1][1]", "", "error: stage anneal has no [1]: it is one, not a list"},
		{run, "result", "", tree(p.runs[0]) + "/result.json\n"},
		{run, "result", "path", tree(p.runs[0]) + "/result.json\n"},
		{run, "result", "contents", `{"fun": 0.5, "x": [0]}`},
		{run, "result", "value", `{"fun":0.5,"x":[0]}` + "\n"},
		{run, "result", "rref", p.runs[0].String() + "\n"},
		{run, "result", "dref", p.anneal.String() + "\n"},
		{run, "result.fun", "", "0.5\n"},
		{run, "result.fun", "contents", "0.5\n"},
		{run, "result.fun", "rref", p.runs[0].String() + "\n"},
		{run, "result.fun", "path", "error: lens: a value has no path"},
		{run, "result.x[0]", "json", "0\n"},
		{run, "result.y", "", "error: result.json has no y, only fun, x"},
		{run, "trace.loss", "", "0\n"},
		{run, "trace.loss", "json", "[0]\n"},
		{run, "trace.loss[0]", "json", "0\n"},
		{run, "log", "contents", "hello\n"},
		{run, "log", "path", p.VolatilePath(p.runs[0]) + "/run.log\n"},
		{run, "score", "value", "3\n"},
		{run, "score", "", tree(p.runs[0]) + "/score\n"},
		{run, "score", "json", "3\n"},
		{run, "plot", "", "error: stage anneal has no plot, only config, cooling, day, gone, log, maxiter, maybe, models, opts, result, score, start, trace"},
		{run, "reslt", "", "did you mean result?"},
		{run, "maybe", "", "error: " + p.runs[0].String() + " has no maybe: it is optional, and was not made"},
		{run, "gone", "", "gone.txt: damaged: it is gone"},
		{run, "models", "", tree(p.runs[0]) + "/models\n"},
		{run, "models", "contents", "a directory has no contents"},
		{run, "models", "value", "error: " + tree(p.runs[0]) + "/models: it is a directory"},
		{run, `models."a.b.json"`, "", tree(p.runs[0]) + "/models/a.b.json\n"},
		{run, `models."a.b.json".k`, "", "1\n"},
		{run, `models.sub.f`, "value", "17\n"},
		{run, `models.x`, "", `error: models has no x, only "a.b.json", sub`},
		{run, `models.".."`, "", `error: models has no ".."`},
		{run, `models."sub/f"`, "", `error: models has no "sub/f"`},
		{run, `models[0]`, "", `error: models has no [0]`},
		{run, "maxiter", "", "500\n"},
		{run, "cooling", "", "1\n"},
		{run, "cooling", "json", "1.0\n"},
		{run, "day", "", "2024-05-06\n"},
		{run, "day", "json", "\"2024-05-06\"\n"},
		{run, "config.maxiter", "", "500\n"},
		{run, "config.nope", "", "error: config of stage anneal has no nope, only cooling, day, maxiter, opts"},
		{run, "config", "", `{"cooling":1.0,"day":"2024-05-06","maxiter":500,"opts":{"list":["x","y"]}}` + "\n"},
		{run, "opts.list[-1]", "", "y\n"},
		{run, "opts.list[*]", "", "x\ny\n"},
		{run, "opts.list", "value", "[\"x\",\"y\"]\n"},
		{run, "start", "", tree(p.startR) + "/params.json\n"},
		{run, "start", "rref", p.startR.String() + "\n"},
		{run, "start.values", "", tree(p.startR) + "/params.json\n"},
		{run, "start.values.a[1]", "", "3\n"},
		{run, "start.a[1]", "", "3\n"},
		{run, "start[1].a[1]", "", "3\n"},
		{run, "start.seed", "", "7\n"},
		{run, "start.nope", "", "error: params.json has no nope, only a, seed"},
		{plot, "config", "", "mine\n"},
		{plot, "plot", "contents", "<svg/>"},
		{plot, "runs", "", allRuns},
		{plot, "runs[*]", "", allRuns},
		{plot, "runs[2]", "", p.runs[1].String() + "\n"},
		{plot, "runs[-1].result.fun", "", "2.5\n"},
		{plot, "runs[*].result.fun", "", "0.5\n1.5\n2.5\n"},
		{plot, "runs[2].start.a[*]", "", "2\n3\n"},
		{plot, "runs.result", "", "error: input runs of stage plot has no result: it is a list of 3, [1] to [3]; [*] is all of it"},
		{plot, "runs[0]", "", "error: input runs of stage plot has no [0]: it is a list of 3, [1] to [3]"},
		{plot, "runs[4]", "", "error: input runs of stage plot has no [4]"},
		{Realizations(p, p.runs...), "[3].result.fun", "", "2.5\n"},
		{Realizations(p, p.runs...), "[*].result.fun", "", "0.5\n1.5\n2.5\n"},
		{Realizations(p, p.runs...), "", "", allRuns},
		{Realizations(p, p.runs...), "result", "", "the list of realizations has no result: it is a list of 3"},
	}
	for _, tt := range tests {
		got := show(t, tt.start, tt.path, tt.form)
		if isError := strings.HasPrefix(got, "error: "); isError && !strings.Contains(got, tt.want) || !isError && got != tt.want {
			t.Errorf("%s as %q:\ngot  %q\nwant %q", tt.path, tt.form, got, tt.want)
		}
	}
}

func TestFollowFromDerivation(t *testing.T) {
	p := newPipeline(t)
	anneal := Derivations(p, p.anneal)
	tests := []struct {
		start            Start
		path, form, want string
	}{
		{anneal, "", "", p.anneal.String() + "\n"},
		{anneal, "", "path", "error: lens: " + p.anneal.String() + " has no path: not realized"},
		{anneal, "", "rref", "error: lens: " + p.anneal.String() + ": not realized"},
		{anneal, "maxiter", "", "500\n"},
		{anneal, "config.cooling", "", "1\n"},
		{anneal, "maxiter", "dref", p.anneal.String() + "\n"},
		{anneal, "start", "", p.start.String() + "\n"},
		{anneal, "start.seed", "", "7\n"},
		{anneal, "start.values", "", "error: lens: output values of stage start: not realized: it has no file before plx realize dref:"},
		{anneal, "result.fun", "", "error: lens: output result of stage anneal: not realized"},
		{anneal, "x", "", "error: stage anneal has no x, only config, cooling"},
		{Derivations(p, p.plot), "runs.maxiter", "", "500\n"},
		{Derivations(p, p.plot), "runs[1].start", "", p.start.String() + "\n"},
		{Derivations(p, p.plot), "config", "", "mine\n"},
		{Derivations(p, p.start, p.anneal), "[2].maxiter", "", "500\n"},
		{Derivations(p, p.start, p.anneal), "[*]", "", p.start.String() + "\n" + p.anneal.String() + "\n"},
		{Derivations(p, p.start, p.anneal), "seed", "", "error: the set has no seed: it is a list of 2"},
	}
	for _, tt := range tests {
		got := show(t, tt.start, tt.path, tt.form)
		if isError := strings.HasPrefix(got, "error: "); isError && !strings.Contains(got, tt.want) || !isError && got != tt.want {
			t.Errorf("%s as %q:\ngot  %q\nwant %q", tt.path, tt.form, got, tt.want)
		}
	}
}

func TestFollowErrorsCanBeToldApart(t *testing.T) {
	p := newPipeline(t)
	unknown := store.RealizationRef(p.anneal, nil, store.HashOf(nil))
	var nameErr *NameError
	var damage *store.DamageError
	tests := []struct {
		start Start
		path  string
		is    func(error) bool
	}{
		{Realizations(p, p.runs[0]), "nope", func(err error) bool { return errors.As(err, &nameErr) && nameErr.Name == "nope" }},
		{Realizations(p, p.runs[0]), "maybe.x", func(err error) bool { return errors.As(err, &nameErr) }},
		{Realizations(p, p.runs[0]), "gone", func(err error) bool { return errors.As(err, &damage) }},
		{Realizations(p, unknown), "", func(err error) bool { return errors.Is(err, store.ErrNotExist) }},
		{Derivations(p, p.anneal), "result", func(err error) bool { return errors.Is(err, ErrUnrealized) }},
	}
	for _, tt := range tests {
		if _, err := tt.start.Follow(mustPath(t, tt.path)); !tt.is(err) {
			t.Errorf("%s: got another error: %v", tt.path, err)
		}
	}
}

func TestValueOfTarget(t *testing.T) {
	p := newPipeline(t)
	for path, want := range map[string]any{
		"result.fun": 0.5, "trace.loss": int64(0), "score": int64(3), "maxiter": int64(500), "cooling": 1.0,
	} {
		targets, err := Realizations(p, p.runs[0]).Follow(mustPath(t, path))
		if err != nil || len(targets) != 1 {
			t.Errorf("%s: got %v, %v", path, targets, err)
			continue
		}
		if got, err := targets[0].Value(); got != want || err != nil {
			t.Errorf("%s is %#v, %v; want %#v", path, got, err, want)
		}
	}
}

func TestParseForm(t *testing.T) {
	for _, name := range append([]string{""}, forms...) {
		if _, err := ParseForm(name); err != nil {
			t.Error(err)
		}
	}
	if _, err := ParseForm("yaml"); err == nil || !strings.Contains(err.Error(), "want value, path") {
		t.Errorf("got error %v", err)
	}
}

func TestBuild(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir+"/in/start/params.json", `{"a": [2, 3]}`)
	for i := range 2 {
		writeFile(t, fmt.Sprintf("%s/in/runs/%d/trace.csv", dir, i+1), fmt.Sprintf("loss\n%d\n", i))
	}
	description := strings.ReplaceAll(`{
		"config": {"maxiter": 9007199254740993, "cooling": 1.0, "opts": {"list": ["x"]}},
		"inputs": {
			"start": {"list": false, "items": [{"path": "DIR/in/start", "outputs": {"values": "params.json"}}], "file": "params.json"},
			"other": {"list": false, "items": [{"path": "DIR/in/start", "outputs": {"values": "params.json", "maybe": ""}}]},
			"runs": {"list": true, "items": [
				{"path": "DIR/in/runs/1", "outputs": {"trace": "trace.csv"}},
				{"path": "DIR/in/runs/2", "outputs": {"trace": "trace.csv"}}]}
		},
		"out": "DIR/out", "outputs": {"plot": "plots/p.svg"}, "run": 3}`, "DIR", dir)
	start, err := Build([]byte(description))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ path, form, want string }{
		{"maxiter", "", "9007199254740993\n"},
		{"cooling", "", "1\n"},
		{"config.cooling", "json", "1.0\n"},
		{"config.opts.list[0]", "", "x\n"},
		{"config", "", `{"cooling":1.0,"maxiter":9007199254740993,"opts":{"list":["x"]}}` + "\n"},
		{"plot", "", dir + "/out/plots/p.svg\n"},
		{"plot.x", "", "error: lens: stat " + dir + "/out/plots/p.svg"},
		{"start", "", dir + "/in/start/params.json\n"},
		{"start.a[1]", "", "3\n"},
		{"start.values.a[1]", "", "3\n"},
		{"start", "rref", "error: lens: a build sees no references"},
		{"start", "dref", "error: lens: a build sees no references"},
		{"start", "value", "{\"a\":[2,3]}\n"},
		{"other", "", dir + "/in/start\n"},
		{"other.values.a[0]", "", "2\n"},
		{"other.maybe", "", "error: input other has no maybe: it is optional, and was not made"},
		{"other.config.seed", "", "error: input other has no config, only maybe, values: of what it depends on, a build sees the outputs alone; ${stage.NAME.config.KEY} in config"},
		{"runs", "", dir + "/in/runs/1\n" + dir + "/in/runs/2\n"},
		{"runs[2].trace.loss", "", "1\n"},
		{"runs[*].trace.loss", "", "0\n1\n"},
		{"runs.trace", "", "error: input runs has no trace: it is a list of 2, [1] to [2]"},
		{"", "", `error: this build has no "", only config, cooling, maxiter, opts, other, plot, runs, start`},
		{"[1]", "", "error: this build has no [1]"},
		{"strt", "", "did you mean start?"},
	}
	for _, tt := range tests {
		got := show(t, start, tt.path, tt.form)
		if isError := strings.HasPrefix(got, "error: "); isError && !strings.Contains(got, tt.want) || !isError && got != tt.want {
			t.Errorf("%s as %q:\ngot  %q\nwant %q", tt.path, tt.form, got, tt.want)
		}
	}
}

func TestBuildWithoutConfig(t *testing.T) {
	start, err := Build([]byte(`{"out": "/build/out"}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := show(t, start, "config", ""), "{}\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBuildErrors(t *testing.T) {
	for _, data := range []string{"", "[]", `{"config": 1}`, `{"config": {"a": 1e999}}`} {
		if _, err := Build([]byte(data)); err == nil || !strings.HasPrefix(err.Error(), "lens: build.json: ") {
			t.Errorf("Build(%q): got error %v", data, err)
		}
	}
}

func TestWriteContentsOfLargeFileIsACopy(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "f"), strings.Repeat("x\n", 100_000))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := (Target{kind: targetFile, path: path}).Write(&b, Form{"contents"}); err != nil || b.String() != string(data) {
		t.Errorf("got %d bytes, %v; want %d", b.Len(), err, len(data))
	}
}
