package main

import (
	"os"
	"strings"
	"testing"
)

// TestReadmeShowsExample checks that the README's example is the one in
// examples/. Its output is checked by examples_readme.txtar.
func TestReadmeShowsExample(t *testing.T) {
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../../examples/wordcount/stage.toml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "```toml\n"+string(example)+"```\n") {
		t.Error("README.md doesn't show examples/wordcount/stage.toml as it is")
	}
}
