package realize

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"plx/internal/plan"
	"plx/internal/store"
)

// A Change is a way in which what one command sees differs from what another
// does.
type Change struct {
	Key      string // what it is, as in a stage file: run, config.lr, src, inputs.data
	How      string // "changed", "added" or "removed"
	Old, New string // of values: what it was, and is; of an input the references
	Diff     string // of a text: the lines that differ, as diff -u prints them
	Files    []Difference
}

// String returns a line for people.
func (c Change) String() string {
	text := c.what() + " " + c.How
	switch {
	case c.Key == "src":
		return "src " + fileList(c.Files, func(d Difference) string { return d.Path + " " + d.verb() })
	case len(c.Files) > 0:
		return text + ": " + fileList(c.Files, func(d Difference) string { return d.Path })
	case c.New != "" && c.Old != "":
		return text + ": " + c.New + ", was " + c.Old
	case c.New != "" && c.How != "removed":
		return text + ": " + c.New
	}
	return text
}

func (c Change) what() string {
	if name, ok := strings.CutPrefix(c.Key, "inputs."); ok {
		return "input " + name
	}
	if name, ok := strings.CutPrefix(c.Key, "tools."); ok {
		return "tool " + name
	}
	return c.Key
}

// filesNamed is how many files a line names.
const filesNamed = 5

// fileList names the first files.
func fileList(files []Difference, text func(Difference) string) string {
	var names []string
	for _, f := range files[:min(len(files), filesNamed)] {
		names = append(names, text(f))
	}
	list := strings.Join(names, ", ")
	if n := len(files) - len(names); n > 0 {
		list += fmt.Sprintf(" and %d more", n)
	}
	return list
}

// A subject is what is compared: a derivation, and what its command sees.
type subject struct {
	derivation store.Derivation
	context    store.Context         // nil: nothing is chosen for its inputs
	tools      map[string]store.Tool // nil: not looked for
	find       func(store.RRef) (store.Realization, error)
	unknown    map[string]bool // inputs that are yet to be made
}

// A comparer compares subjects.
type comparer struct {
	store   *store.Store
	closure *plan.Closure // whose derivations need not be in the store; may be nil
	sources Sources
	texts   bool // show how texts differ, too
	seen    map[seenKey]seen
}

func newComparer(s *store.Store, c *plan.Closure, sources Sources) *comparer {
	return &comparer{store: s, closure: c, sources: sources, seen: make(map[seenKey]seen)}
}

// derivation reads a derivation that is in the store, or in the closure.
func (c *comparer) derivation(ref store.DRef) (store.Derivation, error) {
	if c.closure != nil {
		if s := c.closure.Lookup(ref); s != nil {
			return s.Derivation, nil
		}
	}
	return c.store.Derivation(ref)
}

// built returns the subject that a realization is.
func (c *comparer) built(r store.Realization) (subject, error) {
	d, err := c.derivation(r.Ref.DRef())
	return subject{derivation: d, context: r.Context, tools: r.Tools, find: c.store.Realization}, err
}

// seen is what an input shows of a realization.
type seen struct {
	manifest store.Manifest
	tree     store.Hash // of the manifest
	dir      string     // where the files are
}

// seenKey tells what inputs show apart.
type seenKey struct {
	ref     store.RRef
	outputs string
}

// changes tells how what the command of b sees differs from what that of a does.
func (c *comparer) changes(a, b subject) []Change {
	old, new := a.derivation, b.derivation
	list := c.command(old, new)
	list = append(list, tableChanges("fetch.", fetchTable(old.Fetch), fetchTable(new.Fetch))...)
	list = append(list, tableChanges("config.", old.Config, new.Config)...)
	list = append(list, tableChanges("env.", anyTable(old.Env), anyTable(new.Env))...)
	if a.tools != nil || b.tools != nil {
		list = append(list, toolChanges(a.tools, b.tools)...)
	}
	list = append(list, tableChanges("outputs.", outputTable(old.Outputs), outputTable(new.Outputs))...)
	if old.Network != new.Network {
		list = append(list, valueChange("network", old.Network, new.Network))
	}
	list = append(list, tableChanges("sandbox", sandboxTable(old.Sandbox), sandboxTable(new.Sandbox))...)
	list = append(list, c.sourceChange(old, new)...)
	return append(list, c.inputChanges(a, b)...)
}

// command compares what is run.
func (c *comparer) command(old, new store.Derivation) []Change {
	var list []Change
	if old.Kind != new.Kind {
		list = append(list, valueChange("action", string(old.Kind), string(new.Kind)))
	}
	if old.Script != new.Script || !slices.Equal(old.Argv, new.Argv) {
		list = append(list, Change{Key: "run", How: "changed", Diff: c.unified(runText(old), runText(new))})
	}
	if old.Script != "" && new.Script != "" && !slices.Equal(old.Shell, new.Shell) {
		list = append(list, Change{Key: "shell", How: "changed", Old: fmt.Sprintf("%q", old.Shell), New: fmt.Sprintf("%q", new.Shell)})
	}
	return list
}

// runText returns what is run: a script, or an argument on each line.
func runText(d store.Derivation) string {
	text := d.Script
	if text == "" {
		text = strings.Join(d.Argv, "\n")
	}
	return lined(text)
}

// lined returns a text whose last line has an end.
func lined(text string) string {
	if text == "" || strings.HasSuffix(text, "\n") {
		return text
	}
	return text + "\n"
}

func (c *comparer) unified(old, new string) string {
	if !c.texts {
		return ""
	}
	return unified("was", []byte(old), "is", []byte(new))
}

func valueChange(key string, old, new any) Change {
	return Change{Key: key, How: "changed", Old: show(old), New: show(new)}
}

// sandboxTable returns the sandbox as a stage file has it.
func sandboxTable(s store.Sandbox) map[string]any {
	switch {
	case s.Off:
		return map[string]any{"": "off"}
	case len(s.Paths) > 0:
		return map[string]any{".paths": strings.Join(s.Paths, " ")}
	}
	return nil
}

// toolChanges compares the programs that stages name.
func toolChanges(old, new map[string]store.Tool) []Change {
	var list []Change
	for _, name := range slices.Sorted(maps.Keys(new)) {
		was, there := old[name]
		switch {
		case !there:
			list = append(list, Change{Key: "tools." + name, How: "added"})
		case was.Digest != new[name].Digest:
			list = append(list, Change{Key: "tools." + name, How: "changed", New: new[name].Path, Old: toolText(was, new[name])})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(old)) {
		if _, there := new[name]; !there {
			list = append(list, Change{Key: "tools." + name, How: "removed"})
		}
	}
	return list
}

// toolText says where a tool was, if it was elsewhere.
func toolText(was, is store.Tool) string {
	if was.Path == is.Path {
		return ""
	}
	return was.Path
}

func anyTable(m map[string]string) map[string]any {
	t := make(map[string]any, len(m))
	for k, v := range m {
		t[k] = v
	}
	return t
}

// fetchTable returns what the result of a fetch depends on.
func fetchTable(f *store.Fetch) map[string]any {
	if f == nil {
		return nil
	}
	return map[string]any{"hash": f.Hash, "filename": f.Filename, "unpack": f.Unpack, "strip": int64(f.Strip)}
}

func outputTable(m map[string]store.Output) map[string]any {
	t := make(map[string]any, len(m))
	for k, v := range m {
		t[k] = v.Path
	}
	return t
}

// tableChanges compares key by key.
func tableChanges(prefix string, old, new map[string]any) []Change {
	var list []Change
	for _, k := range slices.Sorted(maps.Keys(new)) {
		was, there := old[k]
		switch {
		case !there:
			list = append(list, Change{Key: prefix + k, How: "added", New: show(new[k])})
		case show(was) != show(new[k]):
			list = append(list, valueChange(prefix+k, was, new[k]))
		}
	}
	for _, k := range slices.Sorted(maps.Keys(old)) {
		if _, there := new[k]; !there {
			list = append(list, Change{Key: prefix + k, How: "removed", Old: show(old[k])})
		}
	}
	return list
}

// show writes a value as TOML does, nearly.
func show(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("%q", v)
	case float64:
		text := fmt.Sprint(v)
		if !strings.ContainsAny(text, ".e") {
			text += ".0"
		}
		return text
	case []any, map[string]any:
		data, err := store.Canonical(v)
		if err != nil {
			return fmt.Sprint(v)
		}
		return string(data)
	default:
		return fmt.Sprint(v)
	}
}

// sourceChange names the source files that changed.
func (c *comparer) sourceChange(old, new store.Derivation) []Change {
	if old.Source == new.Source {
		return nil
	}
	var was, is store.Manifest
	if !old.Source.IsZero() {
		was, _ = c.sources.Manifest(old.Source) // what can't be read explains nothing
	}
	if !new.Source.IsZero() {
		is, _ = c.sources.Manifest(new.Source)
	}
	change := Change{Key: "src", How: "changed"}
	for _, how := range store.Differing(was, is) {
		d := Difference{Difference: how}
		switch {
		case isDir(was, d.Path) || isDir(is, d.Path):
			continue
		case c.texts && isFile(was, d.Path) && isFile(is, d.Path):
			d.Diff = c.sourceDiff(old.Source, new.Source, d.Path)
		}
		change.Files = append(change.Files, d)
	}
	return []Change{change}
}

func isDir(m store.Manifest, path string) bool {
	e, ok := m.Find(path)
	return ok && e.Kind == store.KindDir
}

// sourceDiff tells how a source file differs, if it is text.
func (c *comparer) sourceDiff(old, new store.Hash, path string) string {
	first, okFirst := c.sources.Text(old, path, maxText)
	second, okSecond := c.sources.Text(new, path, maxText)
	if !okFirst || !okSecond || !isText(first) || !isText(second) {
		return ""
	}
	return unified("was", first, "is", second)
}

// inputChanges names the inputs of which the command sees something else.
func (c *comparer) inputChanges(a, b subject) []Change {
	var list []Change
	for _, name := range slices.Sorted(maps.Keys(b.derivation.Inputs)) {
		if _, there := a.derivation.Inputs[name]; !there {
			list = append(list, Change{Key: "inputs." + name, How: "added", New: c.inputText(b, name)})
			continue
		}
		if change, differs := c.inputChange(a, b, name); differs && !b.unknown[name] {
			list = append(list, change)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.derivation.Inputs)) {
		if _, there := b.derivation.Inputs[name]; !there {
			list = append(list, Change{Key: "inputs." + name, How: "removed", Old: c.inputText(a, name)})
		}
	}
	return list
}

// inputChange compares what an input shows: of derivations, what they draw on.
func (c *comparer) inputChange(a, b subject, name string) (Change, bool) {
	change := Change{Key: "inputs." + name, How: "changed", Old: c.inputText(a, name), New: c.inputText(b, name)}
	if a.context == nil || b.context == nil {
		return change, !slices.Equal(a.derivation.Inputs[name].From, b.derivation.Inputs[name].From)
	}
	old, new := c.show(a, name), c.show(b, name)
	shape := func(s subject) [2]bool { in := s.derivation.Inputs[name]; return [2]bool{in.List, in.File} }
	same := func(x, y seen) bool { return x.tree == y.tree && !x.tree.IsZero() }
	if slices.EqualFunc(old, new, same) && shape(a) == shape(b) {
		return change, false
	}
	change.Files = c.fileChanges(old, new, b.derivation.Inputs[name].List)
	return change, true
}

func (c *comparer) inputText(s subject, name string) string {
	if refs := s.context[name]; refs != nil {
		return refTexts(refs)
	}
	return refTexts(s.derivation.Inputs[name].From)
}

// show returns what a command sees of an input.
func (c *comparer) show(s subject, name string) []seen {
	in := s.derivation.Inputs[name]
	list := make([]seen, len(s.context[name]))
	for i, ref := range s.context[name] {
		key := seenKey{ref, strings.Join(in.Outputs, "\x00")}
		if in.Outputs == nil {
			key.outputs = "*"
		}
		have, ok := c.seen[key]
		if !ok {
			have = c.look(s, ref, in)
			c.seen[key] = have
		}
		list[i] = have
	}
	return list
}

// look returns what an input shows of a realization: nothing if that can't be
// read.
func (c *comparer) look(s subject, ref store.RRef, in store.Input) seen {
	r, err := s.find(ref)
	if err != nil {
		return seen{}
	}
	found := seen{manifest: r.Manifest, tree: r.Tree, dir: c.store.TreePath(r.Tree)}
	if in.Outputs == nil {
		return found
	}
	d, err := c.derivation(ref.DRef())
	if err != nil {
		return seen{}
	}
	var paths []string
	for _, o := range shownOutputs(d, in) {
		if _, there := r.Manifest.Resolve(o.Path); there {
			paths = append(paths, o.Path)
		}
	}
	found.manifest = r.Manifest.Narrow(r.Manifest.Reach(paths))
	found.tree = found.manifest.Hash()
	return found
}

// fileChanges tells which files differ in what an input shows: of a list, each
// with its number before it.
func (c *comparer) fileChanges(old, new []seen, list bool) []Difference {
	var found []Difference
	for i := range max(len(old), len(new)) {
		var a, b seen
		if i < len(old) {
			a = old[i]
		}
		if i < len(new) {
			b = new[i]
		}
		for _, d := range c.differing(a, b) {
			if list {
				d.Path = fmt.Sprintf("%d/%s", i+1, d.Path)
			}
			found = append(found, d)
		}
	}
	return found
}

// differing tells which files of two trees differ.
func (c *comparer) differing(a, b seen) []Difference {
	var found []Difference
	for _, how := range store.Differing(a.manifest, b.manifest) {
		d := Difference{Difference: how}
		if c.texts && isFile(a.manifest, d.Path) && isFile(b.manifest, d.Path) {
			_ = d.look("was", a.dir+"/"+d.Path, "is", b.dir+"/"+d.Path) // of what can't be read no text is shown
		}
		found = append(found, d)
	}
	return found
}

func refTexts[T fmt.Stringer](refs []T) string {
	texts := make([]string, len(refs))
	for i, ref := range refs {
		texts[i] = ref.String()
	}
	return strings.Join(texts, " ")
}
