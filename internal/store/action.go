package store

// An Action is everything that a command can observe and that plx controls,
// and nothing else: not the names of stages, nor what is expected of the
// result, nor when to stop. Two derivations with one action share results.
type Action struct {
	Kind     ActionKind
	Script   string
	Shell    []string
	Argv     []string
	Source   Hash
	Fetch    *Fetched // for fetch
	Config   map[string]any
	Env      map[string]string
	Tools    map[string]Digest // by their names in the derivation: what the programs contain
	Inputs   map[string]ActionInput
	Outputs  map[string]string // name → path, the volatile ones too
	Platform string            // operating system and architecture, as in linux/amd64
	Path     string            // the search path for commands
	Network  bool
	Sandbox  Sandbox
}

// An ActionInput is what a command sees of one input.
type ActionInput struct {
	List  bool
	File  string // for an input that is one output: its path
	Items []ActionItem
}

// An ActionItem is what a command sees of one realization.
type ActionItem struct {
	Tree    Hash              // of what is shown
	Outputs map[string]string // name → path of what is shown; an absent one has no path
}

// actionFormat marks what an action key is the hash of.
const actionFormat = "plx action 1"

// Canonical returns the canonical form of a, whose hash is the action key.
func (a Action) Canonical() ([]byte, error) {
	t := map[string]any{"format": actionFormat, "action": string(a.Kind)}
	set(t, "script", a.Script)
	setList(t, "shell", a.Shell)
	setList(t, "argv", a.Argv)
	if !a.Source.IsZero() {
		t["source"] = a.Source.String()
	}
	if a.Fetch != nil {
		t["fetch"] = a.Fetch.table()
	}
	if len(a.Config) > 0 {
		t["config"] = a.Config
	}
	if len(a.Env) > 0 {
		t["env"] = texts(a.Env)
	}
	if len(a.Tools) > 0 {
		t["tools"] = mapTable(a.Tools, func(d Digest) any { return d.String() })
	}
	if len(a.Inputs) > 0 {
		t["inputs"] = mapTable(a.Inputs, ActionInput.table)
	}
	if len(a.Outputs) > 0 {
		t["outputs"] = texts(a.Outputs)
	}
	set(t, "platform", a.Platform)
	set(t, "path", a.Path)
	setTrue(t, "network", a.Network)
	a.Sandbox.set(t)
	return Canonical(t)
}

// Key returns the action key.
func (a Action) Key() (Hash, error) {
	data, err := a.Canonical()
	if err != nil {
		return Hash{}, err
	}
	return HashOf(data), nil
}

func (in ActionInput) table() any {
	items := make([]any, len(in.Items))
	for i, item := range in.Items {
		items[i] = map[string]any{"tree": item.Tree.String(), "outputs": texts(item.Outputs)}
	}
	t := map[string]any{"items": items}
	setTrue(t, "list", in.List)
	set(t, "file", in.File)
	return t
}

func texts(m map[string]string) map[string]any {
	return mapTable(m, func(v string) any { return v })
}
