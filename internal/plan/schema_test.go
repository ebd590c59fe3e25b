package plan

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// typeMistake is what plx says of a wrong key or type.
var typeMistake = regexp.MustCompile(`unknown key|, have an? `)

// schemaTables returns the keys of each table that the schema has under $defs;
// of the file itself under "".
func schemaTables() map[string]keys {
	return map[string]keys{
		"": fileKeys, "keys": stageKeys, "defaults": defaultsKeys, "use": useKeys,
		"input": inputKeys, "output": outputKeys, "import": importKeys, "fetch": fetchKeys,
	}
}

// schemaProperties returns the properties of a table.
func schemaProperties(schema map[string]any, name string) map[string]any {
	table := schema
	if name != "" {
		table = schema["$defs"].(map[string]any)[name].(map[string]any)
	}
	return table["properties"].(map[string]any)
}

// TestSchemaHasKeys compares the schema with the tables of keys.go.
func TestSchemaHasKeys(t *testing.T) {
	schema := Schema()
	for name, known := range schemaTables() {
		got := slices.Sorted(maps.Keys(schemaProperties(schema, name)))
		if want := known.sorted(); !slices.Equal(got, want) {
			t.Errorf("%q: the schema has %v, keys.go %v", name, got, want)
		}
	}
}

// validator returns what checks a stage file against the schema.
func validator(t *testing.T) func(text string) error {
	t.Helper()
	c := jsonschema.NewCompiler()
	if err := c.AddResource("stage.schema.json", Schema()); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("stage.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return func(text string) error {
		var file any
		if err := toml.Unmarshal([]byte(text), &file); err != nil {
			return err
		}
		data, err := json.Marshal(file) // dates become strings
		if err != nil {
			return err
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
		if err != nil {
			return err
		}
		return schema.Validate(value)
	}
}

// TestSchemaAccepts validates all examples, and those of the page.
func TestSchemaAccepts(t *testing.T) {
	validate, texts := validator(t), make(map[string]string)
	examples, err := filepath.Glob("../../examples/*/*.toml")
	if err != nil || len(examples) == 0 {
		t.Fatal("no examples", err)
	}
	for _, name := range examples {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(text)
	}
	for _, block := range regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(readPage(t), -1) {
		texts[block[1]] = block[1]
	}
	texts["params"] = "stage.a = { run = 'x', runs = '${n}', match = { some = '${n}' }, env = '${e}', inputs = '${i}', src = '${s}' }"
	for name, text := range texts {
		if err := validate(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSchemaAcceptsScripts validates the stage files of the scripts that load.
func TestSchemaAcceptsScripts(t *testing.T) {
	validate, loaded := validator(t), 0
	scripts, err := filepath.Glob("../../testdata/scripts/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range scripts {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files := make(map[string]string)
		for _, f := range archive.Files {
			files[f.Name] = string(f.Data)
		}
		if files["stage.toml"] == "" {
			continue
		}
		if _, err := loadIn(project(t, files)); err != nil {
			continue
		}
		loaded++
		if err := validate(files["stage.toml"]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if loaded < 50 {
		t.Errorf("only %d scripts have a stage file that loads", loaded)
	}
}

// TestSchemaRefuses validates files with one mistake each, and the table of
// mistakes: what is wrong in a key's name or type is wrong for the schema.
func TestSchemaRefuses(t *testing.T) {
	validate := validator(t)
	for _, text := range []string{
		``, `x = 1`, `stage = {}`, `stage.a = 1`, `stage."a b".run = "x"`,
		`stage.a = {}`, `stage.a.runn = "x"`, `stage.a.run = 1`, `stage.a.run = []`,
		`stage.a = { run = "x", files = {} }`,
		`stage.a = { run = "x", runs = "ten" }`, `stage.a = { run = "x", runs = 0 }`, `stage.a = { run = "x", runs = 1.5 }`,
		`stage.a = { run = "x", timeout = 3 }`, `stage.a = { run = "x", timeout = "soon" }`,
		`stage.a = { run = "x", match = "newest" }`, `stage.a = { run = "x", match = { best = "3" } }`,
		`stage.a = { run = "x", match = { bets = 3 } }`,
		`stage.a = { run = "x", outputs = { "1" = "f" } }`, `stage.a = { run = "x", outputs = { o = { kind = "fifo" } } }`,
		`stage.a = { run = "x", inputs = { i = { stag = "b" } } }`, `stage.a = { run = "x", env = { A = 1 } }`,
		`stage.a = { run = "x", default = "yes" }`, `stage.a = { run = "x", src = "f" }`,
		`stage.a.import = { sha256 = "0" }`, `stage.a.import = { path = "f", sha256 = "0" }`,
		`stage.a.fetch = { url = "http://x/f", sha256 = "0" }`, `stage.a.files = { f = 1 }`,
		"stage.a.run = 'x'\n[defaults]\nruns = true", "stage.a.run = 'x'\n[defaults]\nrun = 'x'",
	} {
		if validate(text) == nil {
			t.Errorf("not refused: %s", text)
		}
	}
	wants, err := filepath.Glob("testdata/errors/*.want")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range wants {
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(strings.TrimSuffix(name, ".want") + ".toml")
		if err != nil {
			t.Fatal(err)
		}
		if name == "testdata/errors/interpolation.want" {
			continue // the schema doesn't know the types of params
		}
		if typeMistake.MatchString(string(want)) && validate(string(text)) == nil {
			t.Errorf("not refused: %s", name)
		}
	}
}
