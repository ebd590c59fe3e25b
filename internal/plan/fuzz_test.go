package plan

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzLoad checks that whatever a stage file holds, Load returns, and what it
// reports has its place in the file.
func FuzzLoad(f *testing.F) {
	f.Add(example)
	files, err := filepath.Glob("testdata/errors/*.toml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("[use.m]\nfile = 'm.toml'\nbind = { data = 'x:o' }\nparams = { rate = 1 }\noverride.train.config.k = 1\n" +
		"[stage.x]\nextends = 'm.clean'\nwithout = ['inputs']\nmatrix = { i = [1, 2] }\noutputs.o = 'o${i}'\ninputs = { y = 'm.train[*]' }")
	dir := project(f, map[string]string{"a.py": "a", "lib/b.py": "b", "clean.py": "c", "m.toml": base})
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(filepath.Join(dir, "stage.toml"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := loadIn(dir)
		var errs Errors
		if err != nil && (!errors.As(err, &errs) || len(errs) == 0) {
			t.Fatalf("got %v, want Errors", err)
		}
		lines := strings.Split(text, "\n")
		for _, e := range errs {
			if filepath.Base(e.File) != "stage.toml" {
				continue
			}
			if e.Line < 1 || e.Line > len(lines) || e.Column < 1 || e.Column > utf8.RuneCountInString(lines[e.Line-1])+1 {
				t.Errorf("%v: no such place", e)
			}
		}
	})
}

// FuzzKeys compares the two readings of a file.
func FuzzKeys(f *testing.F) {
	f.Add(example)
	f.Add("[[a]]\nb = [{c = '''x''''}, \"\"\"\\\"\"\"\"]\n[a.d]\ne.\"f\\n\" = { g = 1979-05-27 07:32:00, h.i = '' }")
	f.Fuzz(func(t *testing.T, text string) {
		if !strings.Contains(text, "\xff") && !strings.Contains(text, "\xfe") && !strings.HasPrefix(text, "\xef\xbb\xbf") {
			sameKeys(t, text)
		}
	})
}

// FuzzTemplate checks that a string taken apart can be put together.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"", "a", "${a}", "x${a}y${b}", "$${a}", "$$${a}", "${", "$", "$${", "${a", "${}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		pieces, err := parseTemplate(s)
		if err != nil {
			return
		}
		if got := formatTemplate(pieces); got != s {
			t.Errorf("%q came back as %q", s, got)
		}
	})
}

// FuzzGlob compares the matcher with a slow one.
func FuzzGlob(f *testing.F) {
	for _, s := range [][2]string{
		{"*", "a"}, {"**", "a/b"}, {"**/*.py", "x.py"}, {"a/**/b/**/c", "a/x/b/c"}, {"*/**/?", "a/b"}, {".*/x", ".a/x"}, {"**/**/a", "a"},
	} {
		f.Add(s[0], s[1])
	}
	// No classes and escapes: path.Match has tests of its own.
	pattern := regexp.MustCompile(`^[a-z.*?]{1,8}(/[a-z.*?]{1,8}){0,6}$`)
	name := regexp.MustCompile(`^[a-z.]{1,8}(/[a-z.]{1,8}){0,8}$`)
	f.Fuzz(func(t *testing.T, p, s string) {
		if !pattern.MatchString(p) || !name.MatchString(s) {
			return
		}
		if got, want := globMatches(t, p, s), slowGlob(strings.Split(p, "/"), strings.Split(s, "/")); got != want {
			t.Errorf("%q on %q: got %v, want %v", p, s, got, want)
		}
	})
}

// globMatches walks a pattern along a path.
func globMatches(t *testing.T, pattern, path string) bool {
	t.Helper()
	g, err := parseGlob(strings.Split(pattern, "/"))
	if err != nil {
		t.Fatal(err)
	}
	places, matched := g.start(), false
	for name := range strings.SplitSeq(path, "/") {
		matched, places = g.done(g.step(places, name, false))
	}
	return matched
}

// slowGlob says what a pattern means once more.
func slowGlob(pattern, names []string) bool {
	switch {
	case len(pattern) == 0:
		return len(names) == 0
	case pattern[0] == "**" && len(pattern) == 1:
		return len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return n[0] == '.' })
	case pattern[0] == "**" && slowGlob(pattern[1:], names):
		return true
	case len(names) == 0 || names[0][0] == '.' && pattern[0][0] != '.':
		return false
	case pattern[0] == "**":
		return slowGlob(pattern, names[1:])
	}
	ok, err := path.Match(pattern[0], names[0])
	return err == nil && ok && slowGlob(pattern[1:], names[1:])
}

// FuzzRecord checks that a plan that was kept, whatever became of it, is read
// or refused.
func FuzzRecord(f *testing.F) {
	f.Add(`{"format":"plx plan 1","file":"stage.toml","params":{},"targets":[],"stages":[{"name":"x","dref":"dref:00000000000000000000000000000000-x","runs":1,"timeout":"1s"}],"target_stages":["x"]}`)
	dir := project(f, map[string]string{".plx/plan-x.json": ""})
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(filepath.Join(dir, ".plx/plan-x.json"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		r, err := Newest(dir)
		if err != nil {
			return
		}
		if filepath.Dir(r.File()) != dir {
			t.Errorf("the stage file is %s", r.File())
		}
		if c, err := r.Closure(&memory{}); err == nil && len(c.Stages()) > 0 {
			t.Error("stages without derivations")
		}
	})
}

// FuzzDuration checks that a length of time is read as it is written.
func FuzzDuration(f *testing.F) {
	for _, s := range []string{"90s", "15m", "2h", "30d", "1.5h", "0s", "9999999999d", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDuration(s)
		if err == nil && d <= 0 {
			t.Errorf("%q is %v", s, d)
		}
		if std, stdErr := time.ParseDuration(s); err == nil && stdErr == nil && (std-d).Abs() > max(1, d>>50) {
			t.Errorf("%q is %v, want %v", s, d, std)
		}
	})
}
