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
	commands := 0
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
			if got := strings.ReplaceAll(string(out), store, "~/.local/share/plx/store"); !printed(c[2]).MatchString(got) {
				t.Fatalf("$ %s\ngot\n%swant\n%s", c[1], got, c[2])
			}
		}
	}
	if commands < 20 {
		t.Errorf("only %d commands", commands)
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
