package main

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var answerSteps = flag.Int("answers", 60, "how many steps TestAnswersChangeNothing makes")

// A twin is a project and its store. It is used at one place, where the other
// twin is not at that time, so that both see the same paths.
type twin struct {
	home    string // where it is when it is not used
	forgets bool   // its answers are deleted before each command
}

// twins are a project in two copies: one keeps answers, the other has none.
type twins struct {
	place string
	both  [2]*twin
}

const twinStages = `
[params]
n = 1
[defaults]
tools = ["mytool"]
env   = { PATH = "%[1]s/tools:/usr/bin:/bin" }

[use.base]
file = "base.toml"

[stage.words]
src     = ["*.txt", "lib/**"]
outputs = { words = "words" }
run     = 'cat *.txt $(find lib -type f | sort) > "$words"; mytool >> "$words"'

[stage.linked]
src     = { "in" = "link" }
config  = { n = "${n}" }
inputs  = { words = "words:words" }
run     = 'cat in "$words" > "$out/x"; echo "$n" >> "$out/x"'

[stage.dir]
import  = "dir"
default = false

[stage.runs]
runs    = 3
match   = { best = 2, by = "m.n" }
outputs = { m = "m.json" }
run     = 'echo "{\"n\": $PLX_RUN}" > "$m"'

[stage.all]
inputs = { linked = "linked", runs = "runs", base = "base.one" }
run    = 'cat "$linked/x" "$runs"/*/m.json "$base"/x > "$out/all"'
`

// files are what steps change, each with texts of the same length.
var twinFiles = map[string][]string{
	"p/a.txt":        {"one\n", "two\n"},
	"p/b.txt":        {"", "b\n"},
	"p/lib/deep/x":   {"x\n", "y\n", ""},
	"p/lib/new":      {"", "n\n"},
	"p/dir/d":        {"d\n", "e\n"},
	"p/dir/sub/f":    {"", "f\n"},
	"p/base.toml":    {"[stage.one]\nrun = 'echo 1 > \"$out/x\"'\n", "[stage.one]\nrun = 'echo 2 > \"$out/x\"'\n"},
	"p/first":        {"1\n", "2\n"},
	"p/second":       {"1\n", "3\n"},
	"tools/mytool":   {"#!/bin/sh\necho 1\n", "#!/bin/sh\necho 2\n"},
	"p/lib/.hidden":  {"", "h\n"},
	"p/dir/.plx/own": {"", "o\n"},
}

// command runs plx where the twin is.
func (w *twins) command(t *testing.T, i int, args ...string) string {
	t.Helper()
	tw := w.both[i]
	if tw.forgets {
		answers, err := filepath.Glob("p/.plx/answer-*")
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range answers {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Chdir(w.place + "/p")
	defer t.Chdir(w.place)
	if args[0] == "realize" {
		args = append(args, "-j", "1") // so that what is told is in one order
	}
	var stdout, stderr bytes.Buffer
	status := run(args, strings.NewReader(""), &stdout, &stderr)
	return fmt.Sprintf("%d\n%s%s", status, stdout.String(), plainTimes(stderr.String()))
}

var someTime = regexp.MustCompile(`[0-9.]+ (KiB|bytes)|[0-9.]+ s\b|[0-9-]{10} [0-9:]{8}|p[0-9]+-[0-9]+`)

func plainTimes(text string) string { return someTime.ReplaceAllString(text, "T") }

// each does something to both, and wants the same of them.
func (w *twins) each(t *testing.T, what string, do func(i int) string) {
	t.Helper()
	var got [2]string
	for i, tw := range w.both {
		if err := os.Rename(tw.home, w.place); err != nil {
			t.Fatal(err)
		}
		t.Chdir(w.place)
		got[i] = do(i)
		if err := os.Rename(w.place, tw.home); err != nil {
			t.Fatal(err)
		}
	}
	if got[0] != got[1] {
		t.Fatalf("%s: with answers:\n%s\nwithout:\n%s", what, got[0], got[1])
	}
	t.Logf("%s: %.60q", what, got[0])
}

func (w *twins) write(t *testing.T, name, text string) {
	t.Helper()
	w.each(t, fmt.Sprintf("write %s %q", name, text), func(int) string {
		if text == "" {
			os.RemoveAll(name)
			return ""
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o777); err != nil {
			t.Fatal(err)
		}
		return ""
	})
}

func newTwins(t *testing.T) *twins {
	dir := t.TempDir()
	w := &twins{place: dir + "/w"}
	t.Setenv("PLX_STORE", w.place+"/store")
	t.Setenv("PLX_SANDBOX", "off")
	for i := range w.both {
		w.both[i] = &twin{home: fmt.Sprintf("%s/%d", dir, i), forgets: i == 1}
		if err := os.MkdirAll(w.both[i].home+"/p", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("first", w.both[i].home+"/p/link"); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				os.Chmod(path, 0o755)
			}
			return nil
		})
	})
	for name, texts := range twinFiles {
		w.write(t, name, texts[0])
	}
	w.write(t, "p/lib/deep/x", "x\n")
	w.write(t, "p/stage.toml", fmt.Sprintf(twinStages, w.place))
	return w
}

// Whatever happens in between, plx prints the same with the answers that it
// keeps as without. The seed is in the log.
func TestAnswersChangeNothing(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	w := newTwins(t)
	names := make([]string, 0, len(twinFiles))
	for name := range twinFiles {
		names = append(names, name)
	}
	commands := [][]string{
		{"realize"}, {"realize"}, {"realize", "-q"}, {"realize", "stage.toml"}, {"realize", "--json"}, {"instantiate"},
		{"realize", "-p", "n=2"}, {"realize", "stage.toml", "-p", "n=3"}, {"realize", "stage.toml", "runs", "words"},
		{"realize", "--assert-realized"}, {"realize", "linked"}, {"realize", "--frozen"}, {"gc"}, {"verify"}, {"realize", "--dry-run"},
		{"realize", "--rebuild", "runs"}, {"instantiate", "stage.toml", "dir"}, {"realize", "nosuch"}, {"realize", "-p", "n=[]"},
	}
	last := "realize"
	for range *answerSteps {
		switch rnd.IntN(10) {
		case 0, 1, 2:
			name := names[rnd.IntN(len(names))]
			w.write(t, name, twinFiles[name][rnd.IntN(len(twinFiles[name]))])
		case 3:
			w.byHand(t, rnd)
		case 4:
			w.elsewhere(t, rnd)
		default:
			args := commands[rnd.IntN(len(commands))]
			if rnd.IntN(2) == 0 {
				args = strings.Fields(last)
			}
			last = strings.Join(args, " ")
			w.each(t, "plx "+last, func(i int) string { return w.command(t, i, args...) })
		}
	}
}

// byHand changes something that plx should not be surprised by.
func (w *twins) byHand(t *testing.T, rnd *rand.Rand) {
	what := rnd.IntN(7)
	to := []string{"first", "second"}[rnd.IntN(2)]
	w.each(t, fmt.Sprint("by hand ", what), func(int) string {
		switch what {
		case 0: // the link leads elsewhere
			os.Remove("p/link")
			if err := os.Symlink(to, "p/link"); err != nil {
				t.Fatal(err)
			}
		case 1: // all is touched
			for name := range twinFiles {
				os.Chtimes(name, time.Now(), time.Now())
			}
		case 2: // a tree is gone
			if trees, _ := filepath.Glob("store/tree/*[^t]"); len(trees) > 0 {
				os.Chmod(trees[0], 0o755)
				os.RemoveAll(trees[0])
			}
		case 3: // the record of a target is gone
			records, _ := filepath.Glob("store/drv/*-all/*.json")
			for _, record := range records {
				os.Remove(record)
			}
		case 4:
			os.RemoveAll("store/root")
			os.Mkdir("store/root", 0o777)
		case 6: // a manifest is gone
			if manifests, _ := filepath.Glob("store/tree/*.manifest"); len(manifests) > 0 {
				os.Remove(manifests[0])
			}
		case 5:
			os.Remove("store/changes")
		}
		return ""
	})
}

// elsewhere uses the store from another project: what is made there may be
// chosen here.
func (w *twins) elsewhere(t *testing.T, rnd *rand.Rand) {
	args := [][]string{
		{"realize", "../q/stage.toml", "runs", "--rebuild", "runs"},
		{"realize", "../q/stage.toml", "other"},
		{"gc"},
	}[rnd.IntN(3)]
	text := strings.Replace(fmt.Sprintf(twinStages, w.place), "[stage.runs]", "[stage.other]\nrun = 'echo 1 > \"$out/x\"'\n[stage.runs]", 1)
	text, _, _ = strings.Cut(text, "[stage.all]")
	text = text[strings.Index(text, "[defaults]"):strings.Index(text, "[use.base]")] + text[strings.Index(text, "[stage.other]"):]
	w.each(t, "elsewhere: "+strings.Join(args, " "), func(i int) string {
		if err := os.MkdirAll("q", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("q/stage.toml", []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return w.command(t, i, args...)
	})
}
