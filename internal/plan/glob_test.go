package plan

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSources(t *testing.T) {
	dir := project(t, map[string]string{
		"a.py": "", "b.txt": "", ".hidden.py": "", "[x].py": "",
		"lib/c.py": "", "lib/d/e.py": "", "lib/d/.f.py": "", "lib/.git/config": "", "lib/.plx/plan": "", "lib/.dot/g.py": "",
		".plx/x.py": "", "elsewhere/h.py": "",
	})
	for link, target := range map[string]string{"lib/link.py": "../a.py", "lib/loop": "..", "dangling": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o777); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ src, want string }{
		{`["a.py"]`, "a.py"},
		{`["./a.py", "a.py"]`, "a.py"},
		{`["*.py"]`, "[x].py a.py"},
		{`[".*.py"]`, ".hidden.py"},
		{`['\[x].py']`, "[x].py"},
		{`["[ab].*"]`, "a.py b.txt"},
		{`["lib/*.py"]`, "lib/c.py lib/link.py"},
		{`["lib/*"]`, "lib/c.py lib/link.py"},
		{`["lib/**"]`, "lib/c.py lib/d/e.py lib/link.py"},
		{`["**/*.py"]`, "[x].py a.py elsewhere/h.py lib/c.py lib/d/e.py lib/link.py"},
		{`["**/**/e.py"]`, "lib/d/e.py"},
		{`["lib/**/d/**/*.py"]`, "lib/d/e.py"},
		{`["lib/.dot/**"]`, "lib/.dot/g.py"},
		{`["lib"]`, "lib/.dot/g.py lib/c.py lib/d/.f.py lib/d/e.py lib/link.py"},
		{`["lib/"]`, "lib/.dot/g.py lib/c.py lib/d/.f.py lib/d/e.py lib/link.py"},
		{`["lib/*/a.py"]`, "lib/loop/a.py"},
		{`{ "x.py" = "a.py" }`, "x.py"},
		{`{ "x" = "lib/d" }`, "x/.f.py x/e.py"},
		{`{ "." = "lib/**/*.py" }`, "c.py d/e.py link.py"},
		{`{ "y/z" = "lib/d/../**/e.py", "w" = "*.txt" }`, "w/b.txt y/z/d/e.py"},
		{`["nothing"]`, "! nothing: no such file or directory"},
		{`["nothing/*"]`, "! nothing/*: matches no file"},
		{`["a.py/*"]`, "! a.py/*: matches no file"},
		{`["empty"]`, "! empty: matches no file"},
		{`["d*"]`, "! d*: dangling: no such file or directory"},
		{`["**/["]`, `! **/[: "[" is no pattern: a [ without ], or a \ at its end`},
	}
	for _, tt := range tests {
		got := sourcePaths(t, dir, tt.src)
		if got != tt.want {
			t.Errorf("src = %s: got %s, want %s", tt.src, got, tt.want)
		}
	}
	sub := filepath.Join(dir, "sub")
	if err := os.Mkdir(sub, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{"../lib/d/*.py", dir + "/lib/d/*.py"} {
		if got := sourcePaths(t, sub, `{ "x" = "`+from+`" }`); got != "x/e.py" {
			t.Errorf("%s: got %s", from, got)
		}
	}
}

// sourcePaths returns the paths that src has below the working directory, or
// "! " and the error.
func sourcePaths(t *testing.T, dir, src string) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "stage.toml"), []byte("[stage.x]\nrun = 'x'\nsrc = "+src), 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := loadIn(dir)
	if err != nil {
		return "! " + err.(Errors)[0].Err.Error()
	}
	var paths []string
	for _, file := range f.units[0].families["x"].stages[0].src.files {
		paths = append(paths, file.Path)
		if _, err := os.Stat(file.From); err != nil || !filepath.IsAbs(file.From) {
			t.Errorf("%s: from %s: %v", file.Path, file.From, err)
		}
	}
	slices.Sort(paths)
	return strings.Join(paths, " ")
}
