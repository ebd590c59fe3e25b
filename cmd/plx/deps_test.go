package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport is who may import whom of this module, with the reason. Above
// these is cmd/plx alone, which may import all.
var mayImport = map[string]struct {
	packages []string
	why      string
}{
	"bench":        {[]string{"builder/host"}, "it measures the binary that users run, and no part of it"},
	"builder":      {[]string{"builder/host"}, "it knows directories, not references: so that a command can be run elsewhere"},
	"builder/host": {nil, "it is what the system gives, and decides nothing"},
	"fetch":        {nil, "it knows directories, not references: a hash is all that it asks of a file"},
	"store":        {[]string{"builder/host"}, "identity and format change for no other reason than their own"},
	"match":        {[]string{"near", "store"}, "choosing is pure: what it looks at is given to it"},
	"graph":        {[]string{"plan", "store"}, "it draws what it is told"},
	"near":         {nil, "a name is text, whatever it stands for"},
	"lens":         {[]string{"near", "store"}, "a lens reads what is there, and never makes it"},
	"plan":         {[]string{"match", "near", "store"}, "a plan is complete before anything runs"},
	"query":        {[]string{"lens", "match", "plan", "store"}, "a question makes nothing, and chooses nothing by itself"},
	"publish":      {[]string{"builder/host", "match", "plan", "store"}, "what is laid out was chosen before"},
	"draw":         {nil, "a drawing is of boxes and lines, whatever they stand for"},
	"provenance":   {[]string{"store"}, "it retells what records say"},
	"report":       {[]string{"draw", "graph", "match", "plan", "query", "realize", "store"}, "a page shows what they know, and makes nothing"},
	"realize":      {[]string{"builder", "match", "plan", "store"}, "the algorithm wires them; it prints nothing"},
	"watch":        {nil, "it knows files, and nothing of what they mean"},
	"ui":           {[]string{"builder", "builder/host", "match", "plan", "realize", "store"}, "it shows what realize tells; nothing depends on how that looks"},
}

// dependencies are the modules that packages may import besides the standard
// library; tests may import testscript and jsonschema, too.
var dependencies = []string{"github.com/BurntSushi/toml", "github.com/clipperhouse/displaywidth", "github.com/fsnotify/fsnotify", "github.com/klauspost/compress", "github.com/rogpeppe/go-internal/diff", "github.com/spf13/cobra", "github.com/spf13/pflag", "github.com/ulikunitz/xz", "github.com/zeebo/blake3", "golang.org/x/sys"}

func TestImports(t *testing.T) {
	dirs := packages(t)
	for _, dir := range dirs {
		name := strings.TrimPrefix(dir, "../../internal/")
		policy, ok := mayImport[name]
		if !ok {
			t.Errorf("internal/%s: say in mayImport what it may import, and why", name)
		}
		for _, path := range imports(t, dir) {
			if other, own := strings.CutPrefix(path, "plx/internal/"); own && !slices.Contains(policy.packages, other) {
				t.Errorf("internal/%s imports internal/%s: %s", name, other, policy.why)
			}
			if strings.HasPrefix(path, "github.com/spf13/") {
				t.Errorf("internal/%s imports %s: commands are for cmd/plx", name, path)
			}
		}
	}
	for name := range mayImport {
		if !slices.Contains(dirs, filepath.Join("../../internal", name)) {
			t.Errorf("mayImport has internal/%s, which doesn't exist", name)
		}
	}
}

func TestDependencies(t *testing.T) {
	for _, dir := range append(packages(t), ".") {
		for _, path := range imports(t, dir) {
			host, _, _ := strings.Cut(path, "/")
			if !strings.Contains(host, ".") {
				continue
			}
			if !slices.ContainsFunc(dependencies, func(d string) bool { return path == d || strings.HasPrefix(path, d+"/") }) {
				t.Errorf("%s imports %s: a new dependency wants its line in docs/design/dependencies.md, and here", dir, path)
			}
		}
	}
}

// packages returns the directories below internal that hold one.
func packages(t *testing.T) []string {
	t.Helper()
	var dirs []string
	err := filepath.WalkDir("../../internal", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == "node_modules"):
			return fs.SkipDir
		case !d.IsDir() && strings.HasSuffix(path, ".go") && !slices.Contains(dirs, filepath.Dir(path)):
			dirs = append(dirs, filepath.Dir(path))
		}
		return nil
	})
	if err != nil || len(dirs) == 0 {
		t.Fatal("no packages", err)
	}
	return dirs
}

// imports returns what the package in the directory imports, without its
// tests, on every platform.
func imports(t *testing.T, dir string) []string {
	t.Helper()
	var paths []string
	for _, file := range files(t, dir) {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range tree.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			paths = append(paths, path)
		}
	}
	return paths
}

// files returns the Go files in the directory, without tests.
func files(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(dir + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(file string) bool { return strings.HasSuffix(file, "_test.go") })
}
