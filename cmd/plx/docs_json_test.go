package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var shapeHeading = regexp.MustCompile("(?m)^`(plx [^`]*--json)`.*:$")

// shapes returns the fields that docs/cli.md documents, by the commands that
// print them.
func shapes(t *testing.T) map[string]map[string]bool {
	t.Helper()
	page := readText(t, cliPage)
	docs := make(map[string]map[string]bool)
	for _, at := range shapeHeading.FindAllStringSubmatchIndex(page, -1) {
		table, _, _ := strings.Cut(strings.TrimLeft(page[at[1]:], "\n"), "\n\n")
		fields := make(map[string]bool)
		for _, row := range tableRows(table) {
			fields[strings.Trim(row[0], "`")] = true
		}
		docs[page[at[2]:at[3]]] = fields
	}
	return docs
}

// fields adds the fields of v, which is at the path, to seen. It doesn't look
// into a table that is documented as one whose keys are not fixed.
func fields(v any, path string, documented, seen map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		if documented[path+"{}"] {
			seen[path+"{}"] = true
			return
		}
		for key, value := range v {
			fields(value, strings.TrimPrefix(path+"."+key, "."), documented, seen)
		}
	case []any:
		if len(v) == 0 && !below(documented, path+"[]") {
			seen[path+"[]"] = true
		}
		for _, value := range v {
			fields(value, path+"[]", documented, seen)
		}
	default:
		seen[path] = true
	}
}

// below reports whether fields of what is at the path are documented.
func below(documented map[string]bool, path string) bool {
	for field := range documented {
		if strings.HasPrefix(field, path+".") || strings.HasPrefix(field, path+"[]") {
			return true
		}
	}
	return false
}

const shapesFile = `
[params]
n = 1

[stage.data]
files   = { "a.csv" = "a" }
outputs = { a = "a.csv" }

[stage.train]
src     = ["note.txt"]
tools   = ["sh"]
inputs  = { data = "data" }
config  = { n = "${n}" }
outputs = { m = "m", log = { path = "log", volatile = true } }
run     = 'echo said; echo 1 > "$m"; ln -s m "$out/link"; echo x > "$log"'

[stage.sweep]
matrix  = { x = [1, 2] }
outputs = { m = "m.json" }
metrics = ["m"]
run     = 'echo "{\"n\": $x}" > "$m"'

[stage.best]
inputs = { best = { stage = "sweep[*]", match = { best = 1, by = "m.n", where = "m.n < 2" } }, data = "data" }
run    = 'cat "$best"/*/m.json > "$out/best"'

[stage.fail]
default = false
run     = "exit 1"
`

// shapeRuns are what is run, in this order, to see the fields that --json
// prints. TRAIN stands for the realization of train.
var shapeRuns = []struct{ shape, args string }{
	{"plx instantiate --json", "instantiate stage.toml"},
	{"plx realize --dry-run --json", "realize --dry-run stage.toml"},
	{"plx realize --json", "realize stage.toml -o result"},
	{"plx adopt --json", "adopt train byhand"},
	{"plx pack --json", "pack --dry-run train"},
	{"plx pack --json", "pack train -o train.plx"},
	{"plx pack --json", "unpack --list train.plx"},
	{"plx pack --json", "unpack train.plx"},
	{"plx publish --json", "publish train published"},
	{"plx cat --json", "cat train.m"},
	{"plx graph --json", "graph"},
	{"plx log --json", "log train"},
	{"plx ls --json", "ls"},
	{"plx ls FILE --json", "ls stage.toml"},
	{"plx ls STAGE --json", "ls train"},
	{"plx ls RREF --json", "ls TRAIN"},
	{"plx path --json", "path train"},
	{"plx show STAGE --json", "show train"},
	{"plx show RREF --json", "show TRAIN"},
	{"plx report --json", "report"},
	{"plx root add --json", "root add TRAIN name"},
	{"plx root ls --json", "root ls"},
	{"plx why --alive REF --json", "why --alive TRAIN"},
	{"plx why STAGE --json", "why best"},
	{"plx why A B --json", "why best data"},
	{"plx runs STAGE --json", "runs train"},
	{"plx runs STAGE --json", "find --config n=1"},
	{"plx du --json", "du"},
	{"plx tree STAGE --json", "tree best"},
	{"plx ls RREF --json", "tree --files train"},
	{"", "edit"},
	{"plx realize --dry-run --json", "realize --dry-run"},
	{"plx why STAGE --json", "why train"},
	{"", "realize stage.toml"},
	{"plx why STAGE --json", "why train"},
	{"plx why RREF --json", "why TRAIN"},
	{"plx diff A B --json", "diff BEFORE TRAIN"},
	{"plx diff A B --json", "diff sweep[x=1] sweep[x=2]"},
	{"plx doctor --json", "doctor"},
	{"plx gc --json", "gc --dry-run"},
	{"plx root rm --json", "root rm name"},
	{"plx version --json", "version"},
	{"plx completion bash --json", "completion bash"},
	{"plx init --json", "init fresh"},
	{"", "realize renamed.toml"},
	{"plx show RREF --json", "show ADOPTED"},
	{"", "realize stage.toml fail"},
	{"plx rm --json", "rm TRAIN --force"},
	{"", "damage"},
	{"plx verify --json", "verify"},
	{"", "realize lonely/stage.toml"},
	{"", "remove lonely"},
	{"plx gc --json", "gc"},
}

// TestDocsJSON checks that --json prints the fields that are documented, all
// of them and no others.
func TestDocsJSON(t *testing.T) {
	docs, seen := shapes(t), make(map[string]map[string]bool)
	t.Chdir(t.TempDir())
	t.Setenv("PLX_STORE", writableAtEnd(t, t.TempDir())+"/store")
	for name, text := range map[string]string{
		"stage.toml": shapesFile, "renamed.toml": strings.ReplaceAll(edited.Replace(shapesFile), "stage.train]", "stage.trained]"),
		"note.txt": "a note\n", "byhand/m": "2", "byhand/log": "by hand", "lonely/stage.toml": "[stage.lonely]\nfiles = { lonely = \"\" }\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	refs := make(map[string]string)
	for _, r := range shapeRuns {
		if dir, ok := strings.CutPrefix(r.args, "remove "); ok {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if act := map[string]func(*testing.T){"damage": damageStore, "edit": editStage}[r.args]; act != nil {
			act(t)
			continue
		}
		doc := runJSON(t, refs, r.args)
		if r.shape == "" || doc == nil {
			continue
		}
		if seen[r.shape] == nil {
			seen[r.shape] = make(map[string]bool)
		}
		fields(doc, "", docs[r.shape], seen[r.shape])
	}
	for _, shape := range slices.Sorted(maps.Keys(docs)) {
		if got, want := slices.Sorted(maps.Keys(seen[shape])), slices.Sorted(maps.Keys(docs[shape])); !slices.Equal(got, want) {
			t.Errorf("%s prints\n%q, docs/cli.md has\n%q", shape, got, want)
		}
	}
	if len(docs) < 15 || len(docs) != len(seen) {
		t.Errorf("%d shapes are documented, %d were looked at", len(docs), len(seen))
	}
}

// edited changes a script and a value of [shapesFile].
var edited = strings.NewReplacer("echo said", "echo says", "n = 1", "n = 2")

// editStage changes a script, a config value and a source file.
func editStage(t *testing.T) {
	t.Helper()
	for name, text := range map[string]string{"stage.toml": edited.Replace(shapesFile), "note.txt": "another note\n"} {
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// damageStore leaves a directory among the trees that is none of them.
func damageStore(t *testing.T) {
	t.Helper()
	tree := filepath.Join(os.Getenv("PLX_STORE"), "tree", strings.Repeat("1", 32))
	if err := os.Mkdir(tree, 0o755); err != nil {
		t.Fatal(err)
	}
}

// writableAtEnd makes what is below dir removable when the test ends, for an
// ordinary user, too.
func writableAtEnd(t *testing.T, dir string) string {
	t.Cleanup(func() {
		filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				return os.Chmod(path, 0o755)
			}
			return err
		})
	})
	return dir
}

// runJSON runs a command with --json and returns the document. It keeps the
// references of the targets of realize.
func runJSON(t *testing.T, refs map[string]string, args string) any {
	t.Helper()
	list := strings.Fields(args)
	for i, arg := range list {
		if refs[arg] != "" {
			list[i] = refs[arg]
		}
	}
	var stdout, stderr bytes.Buffer
	if status := run(append(list, "--json"), strings.NewReader(""), &stdout, &stderr); status != exitOK && status != exitBuild && status != exitDamage {
		t.Fatalf("plx %s: status %d\n%s", args, status, &stderr)
	}
	if stdout.Len() == 0 {
		return nil
	}
	var doc any
	if err := json.Unmarshal(stdout.Bytes(), &doc); err != nil {
		t.Fatalf("plx %s: %v", args, err)
	}
	var results struct{ Targets []resultJSON }
	if err := json.Unmarshal(stdout.Bytes(), &results); err == nil {
		for _, target := range results.Targets {
			name := map[string]string{"train": "TRAIN", "trained": "ADOPTED"}[target.Stage]
			if len(target.RRefs) > 0 {
				if name == "TRAIN" {
					refs["BEFORE"] = refs[name]
				}
				refs[name] = target.RRefs[0]
			}
		}
	}
	return doc
}
