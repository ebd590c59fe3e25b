package store

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// An ActionKind is what a derivation does to make its result.
type ActionKind string

// The kinds of action, by their keys in a canonical derivation.
const (
	ActionRun    ActionKind = "run"    // runs a command
	ActionImport ActionKind = "import" // its result is its source tree: files of the project, or literal ones
	ActionFetch  ActionKind = "fetch"  // downloads a file whose hash is known, and may unpack it
)

// An Output is a promise of a derivation: something that its result contains.
type Output struct {
	Path     string
	Kind     string // "file", "dir" or "any"
	Nonempty bool
	Optional bool
	Volatile bool // kept with the realization, but not part of its tree
}

// An Input says which realizations a derivation is built from.
type Input struct {
	From    []DRef   // one, or in order the members of a set
	Outputs []string // names of the outputs that it shows; nil shows all of the result
	File    bool     // the input is the one output that it shows, not a directory
	List    bool     // the input is a directory of numbered realizations
	Match   any      // what its own matcher says in canonical form; nil: the stage's
}

// A Derivation is the full intent of a stage: everything that its result
// depends on, resolved. Its [DRef] is the hash of its canonical form.
type Derivation struct {
	Name    string
	Kind    ActionKind
	Script  string   // for run: given to Shell as its last argument
	Shell   []string // for run, with Script
	Argv    []string // for run, without Script and Shell
	Source  Hash     // tree of the source files; zero: none
	Fetch   *Fetch   // for fetch
	Config  map[string]any
	Env     map[string]string
	Tools   []string // for run: the programs whose content counts, sorted; names looked up on the search path, or absolute paths
	Carry   []string // for run: paths of the result that a failed run hands to the next, sorted
	Inputs  map[string]Input
	Outputs map[string]Output
	Metrics []string
	Check   string
	Match   any  // what the matcher says in canonical form; nil: the default
	Always  bool // run it each time, whatever is there
	Network bool // the command may use the network
	Sandbox Sandbox
}

// A Sandbox says how a command is isolated. The zero Sandbox is the default:
// from all that it isn't given.
type Sandbox struct {
	Off   bool     // not at all
	Paths []string // absolute paths of the machine that it sees besides, sorted
}

// set adds s to the table of a canonical form, unless it is the default.
func (s Sandbox) set(t map[string]any) {
	own := make(map[string]any)
	setTrue(own, "off", s.Off)
	setList(own, "paths", s.Paths)
	if len(own) > 0 {
		t["sandbox"] = own
	}
}

// derivationFormat marks a canonical derivation and its version.
const derivationFormat = "plx derivation 1"

// Canonical returns the canonical form of d, whose hash is d's own. A key
// that has its default is left out, so that keys can be added to the format
// without changing the references of derivations that don't use them.
func (d Derivation) Canonical() ([]byte, error) {
	if err := CheckName(d.Name); err != nil {
		return nil, err
	}
	t := map[string]any{"format": derivationFormat, "name": d.Name, "action": string(d.Kind)}
	set(t, "script", d.Script)
	setList(t, "shell", d.Shell)
	setList(t, "argv", d.Argv)
	if !d.Source.IsZero() {
		t["source"] = d.Source.String()
	}
	if d.Fetch != nil {
		t["fetch"] = d.Fetch.table()
	}
	if len(d.Config) > 0 {
		t["config"] = d.Config
	}
	if len(d.Env) > 0 {
		t["env"] = texts(d.Env)
	}
	setList(t, "tools", d.Tools)
	setList(t, "carry", d.Carry)
	if len(d.Inputs) > 0 {
		t["inputs"] = mapTable(d.Inputs, Input.table)
	}
	if len(d.Outputs) > 0 {
		t["outputs"] = mapTable(d.Outputs, Output.table)
	}
	setList(t, "metrics", d.Metrics)
	set(t, "check", d.Check)
	if d.Match != nil {
		t["match"] = d.Match
	}
	setTrue(t, "always", d.Always)
	setTrue(t, "network", d.Network)
	d.Sandbox.set(t)
	data, err := Canonical(t)
	if err != nil {
		return nil, fmt.Errorf("derivation %s: %w", d.Name, err)
	}
	return data, nil
}

// Ref returns the address of d and its canonical form.
func (d Derivation) Ref() (DRef, []byte, error) {
	data, err := d.Canonical()
	if err != nil {
		return DRef{}, nil, err
	}
	return DRef{HashOf(data), d.Name}, data, nil
}

// VolatilePaths returns the paths of the volatile outputs, in order.
func (d Derivation) VolatilePaths() []string {
	var paths []string
	for _, o := range d.Outputs {
		if o.Volatile {
			paths = append(paths, o.Path)
		}
	}
	slices.Sort(paths)
	return paths
}

// Dependencies returns the derivations that d's inputs draw on, each once.
func (d Derivation) Dependencies() []DRef {
	var refs []DRef
	for _, name := range slices.Sorted(maps.Keys(d.Inputs)) {
		refs = append(refs, d.Inputs[name].From...)
	}
	slices.SortFunc(refs, DRef.Compare)
	return slices.Compact(refs)
}

func (o Output) table() any {
	t := map[string]any{"path": o.Path}
	if o.Kind != "any" {
		set(t, "kind", o.Kind)
	}
	setTrue(t, "nonempty", o.Nonempty)
	setTrue(t, "optional", o.Optional)
	setTrue(t, "volatile", o.Volatile)
	return t
}

func (in Input) table() any {
	from := make([]any, len(in.From))
	for i, ref := range in.From {
		from[i] = ref.String()
	}
	t := map[string]any{"from": from}
	if in.Outputs != nil {
		t["outputs"] = list(in.Outputs)
	}
	setTrue(t, "file", in.File)
	setTrue(t, "list", in.List)
	if in.Match != nil {
		t["match"] = in.Match
	}
	return t
}

func set(t map[string]any, key, value string) {
	if value != "" {
		t[key] = value
	}
}

func setTrue(t map[string]any, key string, value bool) {
	if value {
		t[key] = true
	}
}

func setList(t map[string]any, key string, values []string) {
	if len(values) > 0 {
		t[key] = list(values)
	}
}

func list(values []string) []any {
	l := make([]any, len(values))
	for i, v := range values {
		l[i] = v
	}
	return l
}

func mapTable[V any](m map[string]V, f func(V) any) map[string]any {
	t := make(map[string]any, len(m))
	for k, v := range m {
		t[k] = f(v)
	}
	return t
}

// ParseDerivation reads the canonical form of a derivation, and nothing else.
func ParseDerivation(data []byte) (Derivation, error) {
	v, err := ParseCanonical(data)
	if err != nil {
		return Derivation{}, fmt.Errorf("derivation: %v", err)
	}
	r := reader{}
	d := r.derivation(v)
	if r.err != nil {
		return Derivation{}, fmt.Errorf("derivation: %v", r.err)
	}
	again, err := d.Canonical()
	if err != nil {
		return Derivation{}, err
	}
	if string(again) != string(data) {
		return Derivation{}, errors.New("derivation: it has keys that this plx doesn't know")
	}
	return d, nil
}

// A reader takes canonical values apart, and keeps the first error. Keys that
// it doesn't look at are found by writing the result again.
type reader struct{ err error }

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// as returns v as a T, or the zero T where v is nil.
func as[T any](r *reader, key string, v any) T {
	t, ok := v.(T)
	if !ok && v != nil {
		r.fail("%s: unexpected %T", key, v)
	}
	return t
}

func (r *reader) table(key string, v any) map[string]any { return as[map[string]any](r, key, v) }

func (r *reader) strings(key string, v any) []string {
	values := as[[]any](r, key, v)
	if values == nil {
		return nil
	}
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = as[string](r, key, v)
	}
	return texts
}

func (r *reader) hash(key string, v any) Hash {
	text := as[string](r, key, v)
	if text == "" {
		return Hash{}
	}
	h, err := ParseHash(text)
	if err != nil {
		r.fail("%s: %v", key, err)
	}
	return h
}

func (r *reader) drefs(key string, v any) []DRef {
	var refs []DRef
	for _, text := range r.strings(key, v) {
		ref, err := ParseDRef(text)
		if err != nil {
			r.fail("%s: %v", key, err)
		}
		refs = append(refs, ref)
	}
	return refs
}

func readMap[V any](r *reader, key string, v any, f func(string, any) V) map[string]V {
	t := r.table(key, v)
	if t == nil {
		return nil
	}
	m := make(map[string]V, len(t))
	for k, v := range t {
		m[k] = f(key+"."+k, v)
	}
	return m
}

func (r *reader) derivation(v any) Derivation {
	t := r.table("derivation", v)
	if t["format"] != derivationFormat {
		r.fail("format %v: want %q", t["format"], derivationFormat)
	}
	return Derivation{
		Name:    as[string](r, "name", t["name"]),
		Kind:    ActionKind(as[string](r, "action", t["action"])),
		Script:  as[string](r, "script", t["script"]),
		Shell:   r.strings("shell", t["shell"]),
		Argv:    r.strings("argv", t["argv"]),
		Source:  r.hash("source", t["source"]),
		Fetch:   r.fetch(t["fetch"]),
		Config:  r.table("config", t["config"]),
		Env:     readMap(r, "env", t["env"], func(k string, v any) string { return as[string](r, k, v) }),
		Tools:   r.strings("tools", t["tools"]),
		Carry:   r.strings("carry", t["carry"]),
		Inputs:  readMap(r, "inputs", t["inputs"], r.input),
		Outputs: readMap(r, "outputs", t["outputs"], r.output),
		Metrics: r.strings("metrics", t["metrics"]),
		Check:   as[string](r, "check", t["check"]),
		Match:   t["match"],
		Always:  as[bool](r, "always", t["always"]),
		Network: as[bool](r, "network", t["network"]),
		Sandbox: r.sandbox(t["sandbox"]),
	}
}

func (r *reader) sandbox(v any) Sandbox {
	t := r.table("sandbox", v)
	return Sandbox{Off: as[bool](r, "sandbox.off", t["off"]), Paths: r.strings("sandbox.paths", t["paths"])}
}

func (r *reader) input(key string, v any) Input {
	t := r.table(key, v)
	return Input{
		From:    r.drefs(key, t["from"]),
		Outputs: r.strings(key, t["outputs"]),
		File:    as[bool](r, key, t["file"]),
		List:    as[bool](r, key, t["list"]),
		Match:   t["match"],
	}
}

func (r *reader) output(key string, v any) Output {
	t := r.table(key, v)
	o := Output{
		Path:     as[string](r, key, t["path"]),
		Kind:     as[string](r, key, t["kind"]),
		Nonempty: as[bool](r, key, t["nonempty"]),
		Optional: as[bool](r, key, t["optional"]),
		Volatile: as[bool](r, key, t["volatile"]),
	}
	if o.Kind == "" {
		o.Kind = "any"
	}
	return o
}
