package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plx/internal/plan"
	"plx/internal/realize"
	"plx/internal/report"
	"plx/internal/store"
)

// harmfulFile is a stage file whose names, values, logs and pictures would run
// a script in a page that took them for more than data.
const harmfulFile = `
[stage.data]
description = "<script>harm=1</script>"
files   = { "<img src=x onerror=harm=1>.csv" = "</script><script>harm=1</script>" }

[stage.fit]
matrix  = { rate = [1.0, 0.1], kind = ["<svg onload=harm=1>", "plain"] }
inputs  = { data = "data" }
outputs = { metrics = "metrics.json", trace = "trace.csv", picture = "p.svg", page = "page.html" }
metrics = ["metrics"]
runs    = 2
match   = "all"
run     = '''
echo '</script><script>harm=1</script><!--'
printf '{"loss": 0.%s%s, "note": "<img src=x onerror=harm=1>", "<b>": 1' "${#kind}" "$PLX_RUN" > "$metrics"
case $PLX_RUN$kind in 1plain) printf ', "constructor": 2, "__proto__": {"harm": 1}' >> "$metrics" ;; esac
printf '}' >> "$metrics"
printf '"<u>step</u>",loss\n0,2\n1,%s\n' "$PLX_RUN" > "$trace"
printf '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="top.harm=1"><script>top.harm=1;alert(1)</script><image href="http://127.0.0.1:9/x.png"/><a href="javascript:top.harm=1"><rect width="9" height="9" onclick="top.harm=1"/></a><set attributeName="href" to="javascript:top.harm=1" begin="0s"/><foreignObject width="9" height="9"><iframe xmlns="http://www.w3.org/1999/xhtml" src="javascript:top.harm=1" srcdoc="&lt;script>top.harm=1&lt;/script>"></iframe></foreignObject><style>@import url(http://127.0.0.1:9/x.css);</style></svg>' > "$picture"
echo '<script>harm=1</script>' > "$page"
'''

[stage.old]
config  = { level = 1 }
outputs = { m = "m.json" }
metrics = ["m"]
run     = '''
# a script
printf '{"x": %s}' "$level" > "$m"
'''

[stage.new]
inputs  = { best = { stage = "fit[*]", match = { best = 1, by = "metrics.loss", order = "min" } } }
config  = { level = 2 }
outputs = { m = "m.json" }
metrics = ["m"]
run     = '''
# a script that was changed
printf '{"x": %s}' "$level" > "$m"
'''

[stage.lost]
run = "echo this did not go well; exit 3"
`

// TestBrowser looks at pages in headless Chromium, if that, Node.js and
// playwright-core are there: see internal/report/browsertest.
func TestBrowser(t *testing.T) {
	script, err := filepath.Abs("../../internal/report/browsertest/page.js")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(script), "node_modules/playwright-core")); err != nil {
		t.Skip("playwright-core is missing: npm ci in internal/report/browsertest")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is missing")
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is missing")
	}
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("PLX_STORE", writableAtEnd(t, t.TempDir())+"/store")
	if err := os.WriteFile("stage.toml", []byte(harmfulFile), 0o666); err != nil {
		t.Fatal(err)
	}
	plx(t, exitBuild, "realize", "-k", "stage.toml")
	plx(t, exitOK, "report", "-o", "small.html")
	plx(t, exitOK, "report", "-o", "dir/")
	if err := largeReport(t).WriteFile("large.html"); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, script, "small.html", "dir", "large.html")
	cmd.Env = append(os.Environ(), "CHROMIUM="+chromium, "HOME="+dir)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}

// plx runs plx, which is to end with the status.
func plx(t *testing.T, want int, args ...string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if got := run(args, strings.NewReader(""), &stdout, &stderr); got != want {
		t.Fatalf("plx %s: status %d, want %d\n%s", strings.Join(args, " "), got, want, &stderr)
	}
}

// largeReport returns a report of 300 stages and 5,000 runs of one of them.
func largeReport(t *testing.T) *report.Report {
	t.Helper()
	var text strings.Builder
	for i := range 300 {
		fmt.Fprintf(&text, "[stage.s%d]\nrun = 'true'\n", i)
		if i >= 10 {
			fmt.Fprintf(&text, "inputs = { a = \"s%d\", b = \"s%d\" }\n", i-10+i%3, i-7-i%4)
		}
	}
	if err := os.WriteFile("large.toml", []byte(text.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(writableAtEnd(t, t.TempDir()) + "/store")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	file, err := plan.Load("large.toml", plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := file.Instantiate(context.Background(), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	z := &realize.Realizer{Store: s, Values: lensValues{s}}
	standings, err := z.Standings(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	r, err := report.Collect(context.Background(), report.Source{Store: s, Closure: c, Standings: standings, File: "large.toml", Made: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	r.Origins = []report.Origin{{Host: "host"}}
	tree := strings.Repeat("0", 32)
	r.Trees[tree] = []report.File{}
	for i := range 5000 {
		r.Runs = append(r.Runs, report.Run{
			RRef: fmt.Sprintf("rref:%032d", i), Number: i + 1, Made: int64(i), Tree: tree,
			Context: map[string][]int{}, Metrics: map[string]any{"m.x": i + 1, "m.y": i % 7},
		})
		r.Stages[0].Runs = append(r.Stages[0].Runs, i)
	}
	return r
}
