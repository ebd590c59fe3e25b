package plan

import (
	"maps"
	"slices"
	"strings"

	"plx/internal/store"
)

// readConfig reads the config of a stage.
func (p *problems) readConfig(n *node) map[string]any {
	if _, ok := as[map[string]any](p, n, "a table"); !ok {
		return nil
	}
	config := make(map[string]any)
	for _, child := range n.children() {
		config[child.key] = p.canonical(child)
	}
	return config
}

// outputKinds are what an output may be said to be.
var outputKinds = []string{"any", "dir", "file"}

// readOutputs reads the promises of a stage.
func (p *problems) readOutputs(n *node, action string) map[string]store.Output {
	if _, ok := as[map[string]any](p, n, "a table"); !ok {
		return nil
	}
	outputs := make(map[string]store.Output)
	for _, child := range n.children() {
		outputs[child.key] = p.readOutput(child, action)
	}
	p.checkOverlap(n, outputs)
	if len(outputs) > 0 && maps.Equal(outputs, p.outputs) { // many stages promise the same
		return p.outputs
	}
	p.outputs = outputs
	return outputs
}

func (p *problems) readOutput(n *node, action string) store.Output {
	o := store.Output{Kind: "any"}
	at := n
	switch n.value.(type) {
	case string:
	case map[string]any:
		p.known(n, outputKeys)
		if at = n.get("path"); at == nil {
			p.add(n, "has no path")
			return o
		}
		o.Nonempty, _ = as[bool](p, n.get("nonempty"), "true or false")
		o.Optional, _ = as[bool](p, n.get("optional"), "true or false")
		o.Volatile, _ = as[bool](p, n.get("volatile"), "true or false")
		if o.Volatile && action != "run" && action != "" {
			p.add(n.get("volatile"), "only the outputs of a command can be volatile; the action is %s", action)
		}
		p.readKind(n.get("kind"), &o)
	case unknown:
		return o
	default:
		p.add(n, "want a path or a table, have %s", describe(n.value))
		return o
	}
	path, ok := as[string](p, at, "a string")
	if err := store.CheckPath(path); ok && err != nil {
		p.add(at, "an output is a path below $out: %v", err)
	} else if ok {
		o.Path = path
	}
	return o
}

func (p *problems) readKind(n *node, o *store.Output) {
	kind, ok := as[string](p, n, "a string")
	switch {
	case !ok:
	case !slices.Contains(outputKinds, kind):
		p.add(n, `want "file", "dir" or "any", have %q%s`, kind, p.near(kind, outputKinds))
	default:
		o.Kind = kind
	}
}

// checkOverlap reports outputs that lie in each other where they may not.
func (p *problems) checkOverlap(n *node, outputs map[string]store.Output) {
	byPath := make(map[string]string, len(outputs))
	for _, child := range n.children() {
		o := outputs[child.key]
		if o.Path == "" {
			continue
		}
		if other, twice := byPath[o.Path]; twice {
			p.add(child, "has the same path as the output %s", other)
			continue
		}
		byPath[o.Path] = child.key
	}
	for _, child := range n.children() {
		o := outputs[child.key]
		for dir := range parents(o.Path) {
			name, ok := byPath[dir]
			switch above := outputs[name]; {
			case !ok:
			case above.Volatile:
				p.add(child, "lies in the output %s, which is volatile", name)
			case o.Volatile:
				p.add(child, "is volatile, and so can't lie in another output, %s", name)
			case above.Kind == "file":
				p.add(child, "lies in the output %s, which is a file", name)
			}
		}
	}
}

// parents goes through the directories that a path lies in, innermost first.
func parents(path string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for {
			i := strings.LastIndexByte(path, '/')
			if i < 0 || !yield(path[:i]) {
				return
			}
			path = path[:i]
		}
	}
}

// readInputs reads the inputs of a stage, ordered by name.
func (p *problems) readInputs(n *node) []*edge {
	if _, ok := as[map[string]any](p, n, "a table"); !ok {
		return nil
	}
	var edges []*edge
	for _, child := range n.children() {
		edges = append(edges, p.readInput(child))
	}
	return edges
}

// readInput reads one input: "stage", "stage:output", or a table.
func (p *problems) readInput(n *node) *edge {
	e := &edge{at: n, name: n.key, stageAt: n}
	switch n.value.(type) {
	case string:
		p.readFrom(e, n)
	case map[string]any:
		p.known(n, inputKeys)
		p.readInputTable(e, n)
	case unknown:
	default:
		p.add(n, `want "stage", "stage:output" or a table, have %s`, describe(n.value))
	}
	return e
}

func (p *problems) readInputTable(e *edge, n *node) {
	if e.stageAt = n.get("stage"); e.stageAt == nil {
		p.add(n, "has no stage")
	} else if _, ok := as[string](p, e.stageAt, "a string"); ok {
		p.readFrom(e, e.stageAt)
	}
	if at := n.get("outputs"); at != nil {
		if e.file {
			p.add(at, "the input is one output already: stage = %q", e.stageAt.value)
		} else {
			e.shown = p.distinct(at, p.texts(at))
			e.outputs = at.items()
			slices.Sort(e.shown)
			e.shown = slices.Compact(e.shown)
		}
	}
	e.listAt = n.get("list")
	e.list, _ = as[bool](p, e.listAt, "true or false")
	if e.matchAt = n.get("match"); e.matchAt != nil {
		e.match = p.readMatch(e.matchAt)
	}
}

// narrow has the input show one output only, which n names.
func (e *edge) narrow(output string, n *node) {
	e.file, e.shown, e.outputs = true, []string{output}, []*node{n}
}

// readFrom takes "stage" or "stage:output" apart.
func (p *problems) readFrom(e *edge, n *node) {
	text := n.value.(string)
	r, err := parseRef(text)
	if err != nil {
		p.add(n, "%v", err)
		return
	}
	e.from = r
	if r.narrowed {
		e.narrow(r.output, n)
	}
}
