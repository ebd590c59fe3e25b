package publish

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"plx/internal/plan"
	"plx/internal/store"
)

// item is an output of a stage with config.
func item(stage, output, path string, n, of int, config map[string]any) Item {
	return Item{
		Result: Result{Stage: &plan.Stage{Name: stage, Derivation: store.Derivation{Config: config}}, Number: n, Of: of, Realization: store.Realization{Origin: store.Origin{Run: 7}}},
		Output: output, path: path,
	}
}

func TestExpand(t *testing.T) {
	config := map[string]any{"lr": 0.1, "n": int64(3), "who": "../a/b", "dots": "..", "list": []any{"x"}, "deep": map[string]any{"x": "y"}}
	swept := item("base.train[lr=0.1,who=x]", "model", "out/model.bin", 2, 3, config)
	for _, test := range []struct {
		item           Item
		template, want string
	}{
		{swept, "{stage}/{point}/{n}/{output}", "base.train/lr=0.1,who=x/2/model.bin"},
		{swept, "{stage}-{lr}-run{run}.bin", "base.train-0.1-run7.bin"},
		{swept, "{who}", ".._a_b"},
		{swept, "{dots}/x", "__/x"},
		{swept, "/a//./b/", "a/b"},
		{swept, "{n}", "2"}, // a config key does not take the place of one of these
		{swept, "{list}", "error: name \"{list}\": stage base.train[lr=0.1,who=x] has no {list}; it has {dots}, {lr}, {n}, {output}, {point}, {run}, {stage}, {who}"},
		{swept, "../{stage}", "error: name \"../{stage}\": it would lie outside of the directory"},
		{swept, "a/../../b", "error: name \"a/../../b\": it would lie outside of the directory"},
		{item("one", "", "", 1, 1, nil), "{point}/{output}", "error: name \"{point}/{output}\": nothing is left of it for one"},
		{item("one", "", "", 1, 1, nil), "{stage}/{point}/{output}", "one"},
	} {
		got, err := test.item.expand(test.template)
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != test.want {
			t.Errorf("%s of %s: got %q, want %q", test.template, test.item.text(), got, test.want)
		}
	}
}

// Whatever the values, a name stays below its directory.
func FuzzExpand(f *testing.F) {
	for _, seed := range [][2]string{{"{stage}/{x}", ".."}, {"{x}{x}", "."}, {"{x}/{x}/..", "a/b"}, {"{{x}}", "\x00/"}, {"", ""}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, template, value string) {
		name, err := item("s[x="+value+"]", value, value, 1, 2, map[string]any{"x": value}).expand(template)
		if err != nil {
			return
		}
		if !filepath.IsLocal(name) || name == "." || filepath.Clean(name) != name {
			t.Errorf("%q with %q is %q", template, value, name)
		}
	})
}

func TestTemplate(t *testing.T) {
	for of, want := range map[int]string{1: "{stage}/{point}/{output}", 3: "{stage}/{point}/{n}/{output}"} {
		if got := item("s", "o", "o", 1, of, nil).template(); got != want {
			t.Errorf("of %d: got %s, want %s", of, got, want)
		}
	}
}

func TestCollisions(t *testing.T) {
	for _, test := range []struct {
		names []string
		want  string
	}{
		{[]string{"a/x", "a/y", "ab"}, ""},
		{[]string{"a", "b", "a"}, "would both be a:"},
		{[]string{"a/b/c", "a/b"}, "would both be a/b:"},
		{[]string{"a", "a/b/c"}, "would both be a:"},
	} {
		var items []Item
		for _, name := range test.names {
			i := item("s", name, name, 1, 1, nil)
			i.Name = name
			items = append(items, i)
		}
		err := collisions(items)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%q: got %v, want %q", test.names, err, test.want)
		}
	}
}

// published puts files in a directory, as Publish lays them out under names.
func published(t *testing.T, dir string, files map[string]string) ([]Entry, error) {
	t.Helper()
	var items []Item
	for _, name := range slices.Sorted(maps.Keys(files)) {
		from := filepath.Join(t.TempDir(), "from")
		if err := os.WriteFile(from, []byte(files[name]), 0o444); err != nil {
			t.Fatal(err)
		}
		i := item("s", "o", "o", 1, 1, map[string]any{"k": int64(1)})
		i.Name, i.from = name, from
		items = append(items, i)
	}
	return Publish(context.Background(), dir, Copy, items)
}

// What was published is replaced and known again; what somebody else made, or
// changed, is left alone, with all else.
func TestPublishReplaces(t *testing.T) {
	dir := t.TempDir()
	for _, text := range []string{"one", "two"} {
		entries, err := published(t, dir, map[string]string{"a/x": text, "b": "same"})
		if err != nil || len(entries) != 2 {
			t.Fatal(entries, err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, "a/x")); err != nil || string(got) != text {
			t.Errorf("got %q, %v; want %q", got, err, text)
		}
	}
	index, err := readIndex(dir)
	if err != nil || len(index.Entries) != 2 || len(index.files) != 2 {
		t.Errorf("the index has %+v, %v", index, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "b"), []byte("changed"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := published(t, dir, map[string]string{"a/x": "three", "b": "same"}); !errors.Is(err, ErrForeign) {
		t.Errorf("over a file that was changed the error is %v; want ErrForeign", err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "a/x")); err != nil || string(got) != "two" {
		t.Errorf("then a/x is %q, %v; want it as it was", got, err)
	}
}

// A directory whose index is not plx's is nobody's to write to.
func TestPublishForeignIndex(t *testing.T) {
	for name, text := range map[string]string{indexJSON: `{"pages":[]}`, indexCSV: "a,b\n"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := published(t, dir, map[string]string{"x": "1"}); err == nil {
			t.Errorf("it publishes beside a foreign %s", name)
		}
		if _, err := os.Lstat(filepath.Join(dir, "x")); err == nil {
			t.Errorf("beside a foreign %s, it has written", name)
		}
	}
}
