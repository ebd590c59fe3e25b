package plan

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const page = "../../docs/stage-file.md"

func readPage(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// section returns what is below a heading, up to the next.
func section(t *testing.T, text, heading string) string {
	t.Helper()
	_, after, ok := strings.Cut(text, "\n"+heading+"\n")
	if !ok {
		t.Fatalf("%s: no heading %q", page, heading)
	}
	before, _, _ := strings.Cut(after, "\n#")
	return before
}

// TestPageHasKeys compares the page with the tables of keys.go.
func TestPageHasKeys(t *testing.T) {
	text := readPage(t)
	row := regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)`(?:, or)? \\|")
	for _, heading := range []string{"### params", "### defaults", "### use", "### require"} {
		if !strings.Contains(section(t, text, heading), "```toml") {
			t.Errorf("%s: no example", heading)
		}
	}
	for heading, known := range map[string]keys{
		"## Keys of the file": fileKeys, "### defaults": defaultsKeys, "## Keys of a stage": stageKeys,
		"### use": useKeys, "### inputs": inputKeys, "### outputs": outputKeys, "### import": importKeys, "### fetch": fetchKeys,
	} {
		var got []string
		for _, m := range row.FindAllStringSubmatch(section(t, text, heading), -1) {
			got = append(got, m[1])
		}
		slices.Sort(got)
		if want := known.sorted(); !slices.Equal(got, want) {
			t.Errorf("%s: the page has %v, keys.go %v", heading, got, want)
		}
	}
	for _, key := range stageKeys {
		if !strings.Contains(section(t, text, "### "+key), "```toml") {
			t.Errorf("### %s: no example", key)
		}
	}
}

// TestPageExamples loads each example of the page.
func TestPageExamples(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(readPage(t), -1)
	if len(blocks) < len(stageKeys) {
		t.Fatalf("only %d examples", len(blocks))
	}
	files := map[string]string{
		"common/main.py": "", "p/fit.toml": "[params]\nrate = 0.5\n[require]\ndata = 'a table'\n[stage.fit]\nrun = 'x'\n" +
			"config = { rate = '${rate}' }\ninputs = { data = 'data' }\noutputs = { model = 'm' }",
		"p/lib/x.py": "", "p/include/x.h": ""}
	for _, name := range []string{"mkparams.py", "anneal.py", "anneal", "plot.py", "query", "train", "words.txt", "data.csv", "fit", "score", "Makefile"} {
		files["p/"+name] = name
	}
	for _, block := range blocks {
		files["p/stage.toml"] = block[1]
		f, err := loadIn(filepath.Join(project(t, files), "p"))
		if err != nil {
			t.Errorf("%v in\n%s", err, block[1])
			continue
		}
		if _, err := f.Instantiate(t.Context(), &memory{}, nil); err != nil {
			t.Errorf("%v in\n%s", err, block[1])
		}
	}
}
