package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra/doc"
)

// manDir is where the manual pages are. They are made here, and not by plx: what
// makes them fills tables whenever a program that has it starts.
const manDir = "../../docs/man"

// TestDocsMan checks that the manual pages are what the commands say.
func TestDocsMan(t *testing.T) {
	all, order := commands()
	var want []string
	for _, name := range order {
		file := filepath.Join(manDir, strings.ReplaceAll(name, " ", "-")+".1")
		want = append(want, file)
		cmd := all[name]
		cmd.DisableAutoGenTag = true
		var page bytes.Buffer
		header := &doc.GenManHeader{Title: strings.ToUpper(strings.ReplaceAll(name, " ", "-")), Section: "1", Source: "plx", Manual: "plx"}
		if err := doc.GenMan(cmd, header, &page); err != nil {
			t.Fatal(err)
		}
		text := undated(page.String())
		if *update {
			if err := os.MkdirAll(manDir, 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if have, err := os.ReadFile(file); err != nil || string(have) != text {
			t.Errorf("%s is not what the command says: go test ./cmd/plx -run Docs -update", file)
		}
	}
	have, err := filepath.Glob(manDir + "/*")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("%s has %q, want %q", manDir, have, want)
	}
}

// undated returns a page without the month in which it was made.
func undated(page string) string {
	lines := strings.SplitAfter(page, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".TH ") {
			fields := strings.Split(line, "\" \"")
			if len(fields) > 2 {
				fields[2] = ""
			}
			lines[i] = strings.Join(fields, "\" \"")
		}
	}
	return strings.Join(lines, "")
}
