package main

// docs/cli.md is made of testdata/cli.md, which is written by hand, and of the
// commands' own texts, which are put where it says {{plx gc}}. These tests
// hold both to what the commands do.

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "write docs/cli.md anew")

const cliPage = "../../docs/cli.md"

func readText(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// commands returns all commands by their paths, as in "plx root add", and the
// paths in order.
func commands() (map[string]*cobra.Command, []string) {
	all, order := make(map[string]*cobra.Command), []string(nil)
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		all[cmd.CommandPath()] = cmd
		order = append(order, cmd.CommandPath())
		for _, sub := range cmd.Commands() {
			if !sub.Hidden {
				visit(sub)
			}
		}
	}
	visit((&app{}).rootCmd())
	return all, order
}

// indented returns the text as a code block.
func indented(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = "    " + line
		}
	}
	return strings.Join(lines, "\n")
}

// section writes what a command says of itself.
func section(cmd *cobra.Command) string {
	parts := []string{"## " + cmd.CommandPath(), cmd.Short + ".", indented(cmd.UseLine())}
	if cmd.Long != "" {
		parts = append(parts, cmd.Long)
	}
	if flags := cmd.LocalNonPersistentFlags().FlagUsages(); flags != "" {
		parts = append(parts, "Flags:", indented(flags))
	}
	if cmd.Example != "" {
		parts = append(parts, "Examples:", indented(strings.ReplaceAll("\n"+cmd.Example, "\n  ", "\n")[1:]))
	}
	return strings.Join(parts, "\n\n")
}

var placeholder = regexp.MustCompile(`(?m)^\{\{(.*)\}\}$`)

func TestDocsCLI(t *testing.T) {
	all, order := commands()
	var seen []string
	page := placeholder.ReplaceAllStringFunc(readText(t, "testdata/cli.md"), func(match string) string {
		name := strings.Trim(match, "{}")
		if name == "flags" {
			return indented(all["plx"].PersistentFlags().FlagUsages())
		}
		seen = append(seen, name)
		if all[name] == nil {
			t.Fatalf("testdata/cli.md: no command %s", name)
		}
		return section(all[name])
	})
	if want := order[1:]; !slices.Equal(seen, want) {
		t.Errorf("testdata/cli.md: commands\n%q, want\n%q", seen, want)
	}
	if *update {
		if err := os.WriteFile(cliPage, []byte(page), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if readText(t, cliPage) != page {
		t.Error("docs/cli.md is not what the commands say: go test ./cmd/plx -run Docs -update")
	}
}

// TestDocsHelp checks that every command can be understood from its help.
func TestDocsHelp(t *testing.T) {
	all, order := commands()
	for _, name := range order {
		cmd := all[name]
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: Short %q: want a phrase without a period", name, cmd.Short)
		}
		if cmd.Long == "" && cmd.HasSubCommands() || cmd.Example == "" && !cmd.HasSubCommands() {
			t.Errorf("%s: no Example, or with subcommands no Long", name)
		}
		if cmd.HasParent() && !cmd.Parent().HasParent() && cmd.GroupID == "" {
			t.Errorf("%s: it is in none of helpGroups", name)
		}
		for line := range strings.Lines(cmd.Long) {
			if len([]rune(line)) > 82 {
				t.Errorf("%s: Long has a line of more than 81 characters: %s", name, line)
			}
		}
		for line := range strings.Lines(cmd.Example) {
			if !strings.HasPrefix(line, "  ") {
				t.Errorf("%s: an Example is not indented: %s", name, line)
			}
		}
	}
}

// TestDocsExitStatuses checks the table against the constants.
func TestDocsExitStatuses(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "exit.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]bool)
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "exit") && len(spec.Values) == 1 {
			want[spec.Values[0].(*ast.BasicLit).Value] = true
		}
		return true
	})
	got := make(map[string]bool)
	for _, row := range tableRows(chapter(readText(t, cliPage), "## Exit statuses")) {
		number, _, _ := strings.Cut(row[0], " ")
		got[number] = true
	}
	if len(want) < 5 || !maps.Equal(got, want) {
		t.Errorf("statuses: got %v, want %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

var getenv = regexp.MustCompile(`os\.(?:Getenv|LookupEnv)\("(\w+)"\)`)

// TestDocsEnvironment checks that the variables that are read are told.
func TestDocsEnvironment(t *testing.T) {
	told := make(map[string]bool)
	for _, row := range tableRows(chapter(readText(t, cliPage), "## Environment")) {
		told[strings.Trim(row[0], "`")] = true
	}
	for _, pattern := range []string{"*.go", "../../internal/*/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, match := range getenv.FindAllStringSubmatch(readText(t, file), -1) {
				if !told[match[1]] {
					t.Errorf("%s reads $%s, of which docs/cli.md says nothing", file, match[1])
				}
			}
		}
	}
}

// chapter returns what follows the heading, up to the next of its kind.
func chapter(page, heading string) string {
	_, text, _ := strings.Cut(page, "\n"+heading+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

// tableRows returns the cells of the rows of the tables in text, without the
// heads.
func tableRows(text string) [][]string {
	var rows [][]string
	head := true
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			head = true
			continue
		}
		var cells []string
		for _, cell := range strings.Split(strings.Trim(line, "|"), " | ") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		switch {
		case strings.HasPrefix(cells[0], "-"):
			head = false
		case !head:
			rows = append(rows, cells)
		}
	}
	return rows
}

var readmeRow = regexp.MustCompile(`^\[(.+)\]\((.+)\)$`)

// TestDocsWhereIs checks that what the README leads to is there.
func TestDocsWhereIs(t *testing.T) {
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Skip("there is no README.md")
	}
	rows := tableRows(chapter(string(page), "## Where is …?"))
	if len(rows) == 0 {
		t.Error("README.md has no table under Where is …?")
	}
	for _, row := range rows {
		if err := checkRow(row); err != nil {
			t.Error(err)
		}
	}
}

func checkRow(row []string) error {
	if len(row) != 2 {
		return fmt.Errorf("README.md: %q: want a question and a link", row)
	}
	link := readmeRow.FindStringSubmatch(row[1])
	if link == nil || link[1] != link[2] {
		return fmt.Errorf("README.md: %s: want [path](path)", row[1])
	}
	_, err := os.Stat(filepath.Join("../..", link[2]))
	return err
}
