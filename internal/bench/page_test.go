package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// example is a report of two runs, of which one tool was left out.
func example() *report {
	r := &report{Machine: machine{Date: "2026-11-28", CPU: "a processor", Cores: 2, Loads: []string{"0.1"}, Tools: []toolVersion{
		{Tool: ninjaTool, Version: "1.11.1"}, {Tool: taskTool, Out: "task is not installed"},
	}}}
	k := stageKey(chain, 1000, firstBuild)
	for tool, cpu := range map[string]float64{plxTool: 1.5, ninjaTool: 1, nixTool: 6} {
		k.Tool = tool
		r.row(k).Samples = []sample{{Wall: 2 * cpu, CPU: cpu, Peak: 1 << 20}}
	}
	k.Tool = snakemakeTool
	r.row(k).Out = "takes over 120 s"
	r.Bars = judge(r, bars())
	return r
}

func TestPage(t *testing.T) {
	got, err := page(example())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\n| processor | a processor, 2 cores |\n",
		"\n| runs | 1 |\n| load average when each began | 0.1 |\n",
		"\n| ninja | 1.11.1 |\n| task | left out: task is not installed |\n\n",
		"\n| first build, 1,000 stages, chain | CPU ≤ 1.8 × ninja's | 1.50 × |  | met |\n",
		"\n### stages, chain, 1,000: first build\n\n| tool |",
		"\n| nix | 1 | 12.0 | 6.00 | 1.0 | 4.00 | 4.00 |\n",
		"\nsnakemake is left out: takes over 120 s\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page has no %q:\n%s", want, got)
		}
	}
}

// TestPageIsCurrent holds the page that is in docs to the text that it is made
// of, all but what was measured.
func TestPageIsCurrent(t *testing.T) {
	data, err := os.ReadFile("../../docs/benchmarks.md")
	if err != nil {
		t.Fatal(err)
	}
	want, err := page(example())
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range [][2]string{{"# Benchmarks\n", "\n## What it was"}, {"\n## How it is measured\n", "\n### "}} {
		if got, want := between(string(data), part), between(want, part); got != want {
			t.Errorf("docs/benchmarks.md has\n%s\nwhere internal/bench/page.md has\n%s", got, want)
		}
	}
}

// between is what is between two texts.
func between(text string, ends [2]string) string {
	_, text, _ = strings.Cut(text, ends[0])
	text, _, _ = strings.Cut(text, ends[1])
	return text
}

// TestReportsJoin writes what was measured, and reads it beside another run: of
// what both measured, the later counts.
func TestReportsJoin(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one.json"), filepath.Join(dir, "two.json")
	if err := example().write(one); err != nil {
		t.Fatal(err)
	}
	later := &report{Machine: machine{Date: "2026-11-29", Loads: []string{"2.5"}, Tools: []toolVersion{{Tool: taskTool, Version: "3"}}}}
	k := stageKey(chain, 1000, firstBuild)
	k.Tool = plxTool
	later.row(k).Samples = []sample{{CPU: 2}}
	if err := later.write(two); err != nil {
		t.Fatal(err)
	}
	r, err := readReports([]string{one, two})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := r.measured(k); got.CPU != 2 {
		t.Errorf("plx took %v s, want 2, of the later run", got.CPU)
	}
	k.Tool = nixTool
	if got, _ := r.measured(k); got.CPU != 6 {
		t.Errorf("nix took %v s, want 6, of the earlier run", got.CPU)
	}
	if got := r.Machine; got.Date != "2026-11-29" || len(got.Tools) != 2 || len(got.Loads) != 2 || got.Tools[1].Version != "3" {
		t.Errorf("the machine is %+v", got)
	}
}

func TestOptions(t *testing.T) {
	for _, args := range [][]string{{"-work", "play"}, {"-shape", "ring"}, {"-n", "1"}, {"-n", "many"}, {"-rounds", "0"}, {"-tools", "ninja,scons"}, {"-run", "never"}} {
		if _, err := parseOptions(args, t.Output()); err == nil {
			t.Errorf("%v is no error", args)
		}
	}
	o, err := parseOptions([]string{"-n", "1000,100", "-tools", "plx,b3sum on 1 thread", "-run", "first build"}, t.Output())
	if err != nil || len(o.sizes) != 2 || o.sizes[0] != 100 || len(o.tools) != 2 || len(o.run) != 1 {
		t.Errorf("got %+v, %v", o, err)
	}
}
