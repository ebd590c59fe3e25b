package main

// docs/guide.md is run: a block ```console has commands, each after "$ ", and
// what they print; ```toml FILE and ```awk FILE are files, and with + before
// the name they go to the end of one.

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const guidePage = "../../docs/guide.md"

var (
	guideBlock   = regexp.MustCompile("(?ms)^```(\\w+)(?: (\\+?)(\\S+))?\n(.*?)^```$")
	guideCommand = regexp.MustCompile(`(?m)^\$ (.*)\n((?:[^$\n].*\n)*)`)
	guideSaved   = regexp.MustCompile(`(?m)^plx: reuse saved .*\n`)
	guideSeconds = regexp.MustCompile(`[0-9]+\\\.[0-9]+ s`)
)

// printed returns an expression for what the guide shows: times differ from
// run to run, and "…" is any lines.
func printed(shown string) *regexp.Regexp {
	expr := guideSeconds.ReplaceAllString(regexp.QuoteMeta(shown), `[0-9.]+ m?s`)
	return regexp.MustCompile("^" + strings.ReplaceAll(expr, "…\n", "(?:.*\n)*?") + "$")
}

// TestDocsGuide does all that the guide does, in order.
func TestDocsGuide(t *testing.T) {
	for _, tool := range []string{"awk", "sed"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	page, dir := readText(t, guidePage), t.TempDir()
	store := writableAtEnd(t, t.TempDir()) + "/store"
	if commands := runPage(t, page, dir, store); commands < 20 {
		t.Errorf("only %d commands", commands)
	}
}

// runPage writes the files of a page and runs its commands, and returns how many
// these are.
func runPage(t *testing.T, page, dir, store string) (commands int) {
	t.Helper()
	for _, block := range guideBlock.FindAllStringSubmatch(page, -1) {
		kind, add, name, text := block[1], block[2], block[3], block[4]
		if name != "" {
			writeBlock(t, filepath.Join(dir, name), add != "", text)
		}
		if kind != "console" {
			continue
		}
		for _, c := range guideCommand.FindAllStringSubmatch(text, -1) {
			commands++
			cmd := exec.Command("sh", "-c", c[1])
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "PLX_STORE="+store)
			out, _ := cmd.CombinedOutput() // a failure shows in what is printed
			got := strings.ReplaceAll(string(out), store, "~/.local/share/plx/store")
			if !strings.Contains(c[2], "reuse saved") { // it is told where it was a second: on a slow machine
				got = guideSaved.ReplaceAllString(got, "")
			}
			if !printed(c[2]).MatchString(got) {
				t.Fatalf("$ %s\ngot\n%swant\n%s", c[1], got, c[2])
			}
		}
	}
	return commands
}

// caseTools are what the cases of docs/cases.md need, by their headings.
var caseTools = map[string][]string{
	"Choosing a model over a sweep": {"awk", "sed"},
	"A bioinformatics pipeline":     {"awk", "bwa", "samtools", "bcftools"},
	"Reproducible builds in CI":     {"tar"},
	"Sharing results":               {"awk"},
}

// TestDocsCases does what docs/cases.md does, each case by itself.
func TestDocsCases(t *testing.T) {
	page := readText(t, "../../docs/cases.md")
	for name, tools := range caseTools {
		t.Run(name, func(t *testing.T) {
			for _, tool := range tools {
				if _, err := exec.LookPath(tool); err != nil {
					t.Skip(err)
				}
			}
			text := chapter(page, "## "+name)
			if commands := runPage(t, text, writableAtEnd(t, t.TempDir()), writableAtEnd(t, t.TempDir())+"/store"); commands < 3 {
				t.Errorf("only %d commands", commands)
			}
		})
	}
}

// writeBlock writes a file, or to the end of one.
func writeBlock(t *testing.T, path string, add bool, text string) {
	t.Helper()
	if add {
		text = readText(t, path) + text
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}
