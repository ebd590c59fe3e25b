package realize

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"plx/internal/builder"
	"plx/internal/plan"
	"plx/internal/store"
)

// newAction returns what the command of d observes, but for its inputs.
func newAction(d store.Derivation) store.Action {
	a := store.Action{Kind: d.Kind, Source: d.Source}
	switch d.Kind {
	case store.ActionImport:
		return a
	case store.ActionFetch:
		a.Fetch = &d.Fetch.Fetched
		return a
	}
	a.Script, a.Argv, a.Config, a.Env = d.Script, d.Argv, d.Config, d.Env
	if d.Script != "" {
		a.Shell = d.Shell
	}
	a.Platform = runtime.GOOS + "/" + runtime.GOARCH
	a.Path = searchPath(d)
	a.Network, a.Sandbox = d.Network, d.Sandbox
	a.Inputs = make(map[string]store.ActionInput, len(d.Inputs))
	a.Outputs = outputPaths(d.Outputs)
	return a
}

func outputPaths(outputs map[string]store.Output) map[string]string {
	paths := make(map[string]string, len(outputs))
	for name, o := range outputs {
		paths[name] = o.Path
	}
	return paths
}

// resolveInput adds an input to the context, to what the command is shown, and
// to what the action key covers.
func (t *task) resolveInput(ctx context.Context, e plan.Edge, in store.Input) error {
	chosen, err := t.chosenFor(ctx, e)
	if err != nil {
		return err
	}
	return t.addInput(e.Name, in, chosen)
}

// addInput is [task.resolveInput] for what was chosen.
func (t *task) addInput(name string, in store.Input, chosen []store.Realization) error {
	shown := builder.Input{List: in.List}
	observed := store.ActionInput{List: in.List}
	refs := make([]store.RRef, len(chosen))
	for i, r := range chosen {
		refs[i] = r.Ref
		outputs := shownOutputs(t.g.nodes[r.Ref.DRef()].stage.Derivation, in)
		item, tree := t.show(r, in, outputs)
		shown.Items = append(shown.Items, item)
		observed.Items = append(observed.Items, store.ActionItem{Tree: tree, Outputs: item.Outputs})
		if in.File {
			shown.File = outputs[in.Outputs[0]].Path
		}
	}
	observed.File = shown.File
	if !in.List && len(shown.Items) != 1 {
		return fmt.Errorf("%d realizations were chosen where one is wanted: say list = true", len(shown.Items))
	}
	t.context[name], t.inputs[name], t.action.Inputs[name] = refs, shown, observed
	return nil
}

// chosenFor returns what was chosen for an input: of a set without a matcher
// of its own, what each member's chose, in the order of the set.
func (t *task) chosenFor(ctx context.Context, e plan.Edge) ([]store.Realization, error) {
	if e.Match != nil && len(e.From) > 1 {
		c, err := t.g.union(ctx, e)
		if err != nil {
			return nil, err
		}
		t.tellChoice(Choice{Input: e.Name, Matcher: *e.Match, Choice: c})
		return t.g.found(e, c), nil
	}
	var chosen []store.Realization
	for _, from := range e.From {
		dep := t.g.nodes[from.Ref]
		for _, ref := range dep.choices[demandKey(chooser(e, from))].Chosen {
			chosen = append(chosen, dep.results[ref])
		}
	}
	return chosen, nil
}

// shownOutputs returns the outputs of d that the input shows.
func shownOutputs(d store.Derivation, in store.Input) map[string]store.Output {
	shown := make(map[string]store.Output)
	for name, o := range d.Outputs {
		if !o.Volatile && (in.Outputs == nil || slices.Contains(in.Outputs, name)) {
			shown[name] = o
		}
	}
	return shown
}

// show returns what the command sees of a realization, and the hash of that.
func (t *task) show(r store.Realization, in store.Input, outputs map[string]store.Output) (builder.Item, store.Hash) {
	item := builder.Item{Dir: t.g.Store.TreePath(r.Tree), Outputs: make(map[string]string, len(outputs))}
	paths := []string{}
	for name, o := range outputs {
		item.Outputs[name] = ""
		if _, there := r.Manifest.Resolve(o.Path); there {
			item.Outputs[name] = o.Path
			paths = append(paths, o.Path)
		}
	}
	if in.Outputs == nil {
		return item, r.Tree
	}
	item.Paths = r.Manifest.Reach(paths)
	return item, r.Manifest.Narrow(item.Paths).Hash()
}
