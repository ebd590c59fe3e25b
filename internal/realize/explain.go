package realize

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"plx/internal/store"
)

// A history finds what a stage was like before.
type history struct {
	store     *store.Store
	manifests Manifests
	byName    map[string][]store.DRef // all that are in the store
}

// historyDepth is how many derivations of the same name are compared: those of
// a sweep, or of a long day's edits, are many, and reading each takes time.
const historyDepth = 64

// An ancestor is an earlier realization of a stage.
type ancestor struct {
	derivation store.Derivation
	result     store.Realization
}

// compare tells how a task differs from the nearest earlier realization of a
// derivation of its name: the one with the fewest differences, of these the
// newest.
func (h *history) compare(t *task) []string {
	ancestors := h.ancestors(t.stage.Ref.Name())
	if len(ancestors) == 0 {
		return []string{"never built"}
	}
	var nearest []string
	for i, a := range ancestors {
		diff := h.differences(t, a)
		if i == 0 || len(diff) < len(nearest) {
			nearest = diff
		}
	}
	return nearest
}

// ancestors returns the newest realization of each derivation of the name, the
// newest first. What can't be read is passed over: it explains nothing.
func (h *history) ancestors(name string) []ancestor {
	if h.byName == nil {
		h.byName = make(map[string][]store.DRef)
		refs, _ := h.store.Derivations()
		for _, ref := range refs {
			h.byName[ref.Name()] = append(h.byName[ref.Name()], ref)
		}
	}
	var found []ancestor
	for _, ref := range h.byName[name] {
		if r, ok := h.newest(ref); ok {
			found = append(found, ancestor{result: r})
		}
	}
	slices.SortFunc(found, func(a, b ancestor) int { return b.result.Made.Compare(a.result.Made) })
	found = found[:min(len(found), historyDepth)]
	for i := range found {
		found[i].derivation, _ = h.store.Derivation(found[i].result.Ref.DRef())
	}
	return found
}

func (h *history) newest(ref store.DRef) (newest store.Realization, ok bool) {
	refs, err := h.store.Realizations(ref)
	if err != nil {
		return newest, false
	}
	for _, rref := range refs {
		r, err := h.store.Realization(rref)
		if err == nil && (!ok || r.Made.After(newest.Made)) {
			newest, ok = r, true
		}
	}
	return newest, ok
}

// differences tells, a line each, what the command of t sees that the one of a
// did not.
func (h *history) differences(t *task, a ancestor) []string {
	var lines []string
	old, new := a.derivation, t.stage.Derivation
	if old.Script != new.Script || !slices.Equal(old.Argv, new.Argv) {
		lines = append(lines, "run changed")
	}
	if new.Script != "" && !slices.Equal(old.Shell, new.Shell) {
		lines = append(lines, fmt.Sprintf("shell changed: %q, was %q", new.Shell, old.Shell))
	}
	lines = append(lines, tableDifferences("fetch.", fetchTable(old.Fetch), fetchTable(new.Fetch))...)
	lines = append(lines, tableDifferences("config.", old.Config, new.Config)...)
	lines = append(lines, tableDifferences("env.", anyTable(old.Env), anyTable(new.Env))...)
	lines = append(lines, toolDifferences(a.result.Tools, t.tools)...)
	lines = append(lines, tableDifferences("outputs.", outputTable(old.Outputs), outputTable(new.Outputs))...)
	if old.Network != new.Network {
		lines = append(lines, "network changed")
	}
	if old.Sandbox.Off != new.Sandbox.Off || !slices.Equal(old.Sandbox.Paths, new.Sandbox.Paths) {
		lines = append(lines, "sandbox changed")
	}
	lines = append(lines, h.sourceDifferences(old.Source, new.Source)...)
	lines = append(lines, h.inputDifferences(t, a)...)
	if lines == nil && a.result.Answers(t.key) {
		return []string{"its earlier results were refused by its promises or its check"}
	}
	if lines == nil {
		lines = append(lines, "the platform or PATH changed")
	}
	return lines
}

// toolDifferences compares the programs that stages name.
func toolDifferences(old, new map[string]store.Tool) []string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(new)) {
		was, there := old[name]
		switch {
		case !there:
			lines = append(lines, "tool "+name+" added")
		case was.Digest != new[name].Digest:
			lines = append(lines, "tool "+name+" changed: "+new[name].Path)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(old)) {
		if _, there := new[name]; !there {
			lines = append(lines, "tool "+name+" removed")
		}
	}
	return lines
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

// tableDifferences compares key by key.
func tableDifferences(prefix string, old, new map[string]any) []string {
	var lines []string
	for _, k := range slices.Sorted(maps.Keys(new)) {
		was, there := old[k]
		switch {
		case !there:
			lines = append(lines, fmt.Sprintf("%s%s added: %s", prefix, k, show(new[k])))
		case show(was) != show(new[k]):
			lines = append(lines, fmt.Sprintf("%s%s changed: %s, was %s", prefix, k, show(new[k]), show(was)))
		}
	}
	for _, k := range slices.Sorted(maps.Keys(old)) {
		if _, there := new[k]; !there {
			lines = append(lines, fmt.Sprintf("%s%s removed", prefix, k))
		}
	}
	return lines
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

// sourceDifferences names the source files that changed.
func (h *history) sourceDifferences(old, new store.Hash) []string {
	if old == new {
		return nil
	}
	var was, is store.Manifest
	if !old.IsZero() {
		was, _ = h.manifests.Manifest(old)
	}
	if !new.IsZero() {
		is, _ = h.manifests.Manifest(new)
	}
	var lines []string
	for _, e := range is.Entries() {
		other, there := was.Find(e.Path)
		switch {
		case e.Kind == store.KindDir:
		case !there:
			lines = append(lines, "src "+e.Path+" added")
		case other != e:
			lines = append(lines, "src "+e.Path+" changed")
		}
	}
	for _, e := range was.Entries() {
		if _, there := is.Find(e.Path); !there && e.Kind != store.KindDir {
			lines = append(lines, "src "+e.Path+" removed")
		}
	}
	return lines
}

// inputDifferences names the inputs of which the command sees something else.
func (h *history) inputDifferences(t *task, a ancestor) []string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(t.action.Inputs)) {
		refs, there := a.result.Context[name]
		if !there {
			lines = append(lines, "input "+name+" added")
			continue
		}
		if !h.showsSame(t, name, refs) {
			lines = append(lines, fmt.Sprintf("input %s changed: %s, was %s", name, refTexts(t.context[name]), refTexts(refs)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.result.Context)) {
		if _, there := t.action.Inputs[name]; !there {
			lines = append(lines, "input "+name+" removed")
		}
	}
	return lines
}

// showsSame reports whether the command of t would see the same of the
// realizations as of those that were chosen.
func (h *history) showsSame(t *task, name string, refs []store.RRef) bool {
	items := t.action.Inputs[name].Items
	if len(items) != len(refs) {
		return false
	}
	in := t.stage.Derivation.Inputs[name]
	for i, ref := range refs {
		r, err := h.store.Realization(ref)
		if err != nil {
			return false
		}
		d, err := h.store.Derivation(ref.DRef())
		if err != nil {
			return false
		}
		if _, tree := t.show(r, in, shownOutputs(d, in)); tree != items[i].Tree {
			return false
		}
	}
	return true
}

func refTexts(refs []store.RRef) string {
	texts := make([]string, len(refs))
	for i, ref := range refs {
		texts[i] = ref.String()
	}
	return strings.Join(texts, " ")
}
