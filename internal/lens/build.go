package lens

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
)

// A build is a place inside of a build: what build.json describes.
type build struct {
	Config  map[string]any        `json:"config"`
	Inputs  map[string]buildInput `json:"inputs"`
	Out     string                `json:"out"`
	Outputs map[string]string     `json:"outputs"` // below Out
}

type buildInput struct {
	Items []buildItem `json:"items"`
	File  string      `json:"file"` // the path, in each item, of the one output that the input is; or ""
}

type buildItem struct {
	Path    string            `json:"path"`    // where it lies
	Outputs map[string]string `json:"outputs"` // below Path; an absent one has none
}

// Build returns the start inside of the build that a build.json describes.
// From there a lens sees what the command may see: its own config, the outputs
// that its inputs show and into them, and the paths of its own outputs.
func Build(data []byte) (Start, error) {
	var b build
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&b); err != nil {
		return Start{}, fmt.Errorf("lens: build.json: %v", err)
	}
	if b.Config == nil {
		b.Config = make(map[string]any)
	}
	if _, err := withNumbers(b.Config); err != nil {
		return Start{}, fmt.Errorf("lens: build.json: %v", err)
	}
	return Start{&b}, nil
}

const thisBuild = "this build"

func (b *build) follow(rest []step) ([]Target, error) {
	if len(rest) == 0 {
		return nil, b.nameError(`""`)
	}
	s := rest[0]
	if s.kind != stepName {
		return nil, b.nameError(s.String())
	}
	if in, ok := b.Inputs[s.name]; ok {
		return in.list(s).follow(rest[1:])
	}
	if p, ok := b.Outputs[s.name]; ok {
		return file{path: filepath.Join(b.Out, filepath.FromSlash(p))}.follow(rest[1:])
	}
	if v, ok := b.Config[s.name]; ok {
		return followValue(thisBuild, v, Target{}, rest[:1], rest[1:])
	}
	if s.name == configName {
		return followValue(thisBuild, b.Config, Target{}, rest[:1], rest[1:])
	}
	return nil, b.nameError(s.String())
}

func (b *build) nameError(name string) error {
	names := []string{configName}
	names = slices.AppendSeq(names, maps.Keys(b.Inputs))
	names = slices.AppendSeq(names, maps.Keys(b.Outputs))
	names = slices.AppendSeq(names, maps.Keys(b.Config))
	slices.Sort(names)
	return &NameError{In: thisBuild, Name: name, Valid: steps(slices.Compact(names))}
}

// list returns the places of the input.
func (in buildInput) list(s step) list {
	l := list{name: "input " + s.String()}
	for _, item := range in.Items {
		l.items = append(l.items, shown{item, in.File, l.name})
	}
	return l
}

// A shown is one realization as a build sees it.
type shown struct {
	buildItem
	file string // the path of the one output that it is; or ""
	name string // of the input, for messages
}

func (n shown) follow(rest []step) ([]Target, error) {
	if len(rest) > 0 && rest[0].kind == stepName {
		if p, ok := n.Outputs[rest[0].name]; ok {
			return n.output(p, rest[0].String()).follow(rest[1:])
		}
	}
	switch {
	case n.file != "":
		return n.output(n.file, "file").follow(rest)
	case len(rest) == 0:
		return file{path: n.Path}.follow(nil)
	default:
		return nil, &NameError{
			In:    n.name,
			Name:  rest[0].String(),
			Valid: steps(slices.Sorted(maps.Keys(n.Outputs))),
			Hint:  "of what it depends on, a build sees the outputs alone; ${stage.NAME.config.KEY} in config brings in what else it needs",
		}
	}
}

// output returns the place of an output at the path p; "" if it is absent.
func (n shown) output(p, name string) node {
	gone := &NameError{In: n.name, Name: name, Hint: notMade}
	if p == "" {
		return absent{gone}
	}
	return file{path: filepath.Join(n.Path, filepath.FromSlash(p)), absent: gone}
}

// An absent is the place of an output that was not made.
type absent struct{ err error }

func (n absent) follow([]step) ([]Target, error) { return nil, n.err }
