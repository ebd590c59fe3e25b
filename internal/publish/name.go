package publish

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"plx/internal/plan"
	"plx/internal/store"
)

// A Result is a realization that was chosen for a stage.
type Result struct {
	Stage  *plan.Stage
	Number int // among those that were chosen, from 1
	Of     int // how many they are
	store.Realization
}

// An Item is an output of a result, and where it is to be.
type Item struct {
	Result Result
	Output string // its name; empty: the whole of a result that declares none
	Name   string // below the directory, with slashes
	from   string // in the store
	path   string // in the result

	siblings []Item // all outputs of the result
}

// fields returns what a template can name.
func (i Item) fields() map[string]string {
	stage, point, _ := strings.Cut(i.Result.Stage.Name, "[")
	f := make(map[string]string)
	for key, value := range i.Result.Stage.Derivation.Config {
		if text, ok := scalar(value); ok {
			f[key] = text
		}
	}
	f["stage"], f["point"], f["n"] = stage, strings.TrimSuffix(point, "]"), strconv.Itoa(i.Result.Number)
	f["run"] = strconv.Itoa(i.Result.Run)
	f["output"] = i.Output
	if i.Output != "" {
		f["output"] += path.Ext(i.path)
	}
	return f
}

// scalar returns the text of a value that has no parts.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case []any, map[string]any:
		return "", false
	default:
		return fmt.Sprint(v), true
	}
}

// template returns how the output is named where nobody says it: by what tells
// it from others.
func (i Item) template() string {
	parts := []string{"{stage}", "{point}"}
	if i.Result.Of > 1 {
		parts = append(parts, "{n}")
	}
	return strings.Join(append(parts, "{output}"), "/")
}

var field = regexp.MustCompile(`\{([^{}]*)\}`)

// expand names the output by the template.
func (i Item) expand(template string) (string, error) {
	fields := i.fields()
	var unknown error
	name := field.ReplaceAllStringFunc(template, func(text string) string {
		value, ok := fields[text[1:len(text)-1]]
		if !ok && unknown == nil {
			unknown = fmt.Errorf("name %q: stage %s has no %s; it has {%s}", template, i.Result.Stage.Name, text, strings.Join(slices.Sorted(maps.Keys(fields)), "}, {"))
		}
		return safe(value)
	})
	if unknown != nil {
		return "", unknown
	}
	var parts []string
	for part := range strings.SplitSeq(name, "/") {
		switch part {
		case "", ".":
		case "..":
			return "", fmt.Errorf("name %q: it would lie outside of the directory", template)
		default:
			parts = append(parts, part)
		}
	}
	if parts == nil {
		return "", fmt.Errorf("name %q: nothing is left of it for %s", template, i.Result.Stage.Name)
	}
	return strings.Join(parts, "/"), nil
}

// safe returns a value as a part of a file name.
func safe(value string) string {
	value = strings.Map(func(r rune) rune {
		if r == '/' || r < ' ' || r == 0x7f {
			return '_'
		}
		return r
	}, value)
	if value == ".." || value == "." {
		return strings.ReplaceAll(value, ".", "_")
	}
	return value
}

// Items names all outputs of the results. An empty template stands for one that
// tells results apart.
func Items(s *store.Store, results []Result, template string) ([]Item, error) {
	var items []Item
	for _, r := range results {
		for _, i := range outputs(s, r) {
			how := template
			if how == "" {
				how = i.template()
			}
			var err error
			if i.Name, err = i.expand(how); err != nil {
				return nil, err
			}
			items = append(items, i)
		}
	}
	return items, collisions(items)
}

// outputs returns the outputs that there are of a result.
func outputs(s *store.Store, r Result) []Item {
	if len(r.Stage.Derivation.Outputs) == 0 {
		return []Item{{Result: r, from: s.TreePath(r.Tree)}}
	}
	var items []Item
	for _, name := range slices.Sorted(maps.Keys(r.Stage.Derivation.Outputs)) {
		o := r.Stage.Derivation.Outputs[name]
		i := Item{Result: r, Output: name, path: o.Path, from: s.OutPath(r.Ref) + "/" + o.Path}
		if o.Volatile {
			i.from = s.VolatilePath(r.Ref) + "/" + o.Path
		}
		if _, there := r.Manifest.Find(o.Path); there || o.Path == "." || o.Volatile && slices.Contains(r.Volatile, o.Path) {
			items = append(items, i)
		}
	}
	siblings := slices.Clone(items)
	for i := range items {
		items[i].siblings = siblings
	}
	return items
}

// collisions returns an error if two items can't both be there.
func collisions(items []Item) error {
	taken := make(map[string]Item)
	for _, i := range items {
		if other, twice := taken[i.Name]; twice {
			return collision(i, other, i.Name)
		}
		taken[i.Name] = i
	}
	for _, i := range items {
		for dir := path.Dir(i.Name); dir != "."; dir = path.Dir(dir) {
			if other, is := taken[dir]; is {
				return collision(i, other, dir)
			}
		}
	}
	return nil
}

func collision(a, b Item, name string) error {
	return fmt.Errorf("%s and %s would both be %s: say more in --name, as {stage}, {point}, {n} or {output}", a.text(), b.text(), name)
}

// text names the item for people.
func (i Item) text() string {
	text := i.Result.Stage.Name
	if i.Result.Of > 1 {
		text += fmt.Sprintf("[%d]", i.Result.Number)
	}
	if i.Output != "" {
		text += "." + i.Output
	}
	return text
}

// Names returns the names of the items.
func Names(items []Item) []string {
	names := make([]string, len(items))
	for i, item := range items {
		names[i] = item.Name
	}
	return names
}
