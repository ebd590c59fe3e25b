package main

import "testing"

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		figures []float64
		want    float64
	}{
		{[]float64{3}, 3},
		{[]float64{9, 1, 2}, 2},
		{[]float64{4, 1, 9, 2}, 3},
	} {
		if got := median(test.figures); got != test.want {
			t.Errorf("median of %v is %v, want %v", test.figures, got, test.want)
		}
	}
}

// TestJudge holds a report to bars: the limit itself is met, and what was not
// measured is neither met nor missed.
func TestJudge(t *testing.T) {
	k := key{Work: "stages", Shape: chain, N: 10, Run: firstBuild}
	r := &report{}
	for tool, seconds := range map[string]float64{plxTool: 2, ninjaTool: 1, makeTool: 4} {
		k.Tool = tool
		r.row(k).Samples = []sample{{Wall: seconds}}
	}
	for _, test := range []struct {
		name string
		bar  bar
		want string
	}{
		{"at the limit", bar{of: wall(k, plxTool), per: wall(k, ninjaTool), limit: 2}, "met"},
		{"above", bar{of: wall(k, plxTool), per: wall(k, ninjaTool), limit: 1.9}, "missed"},
		{"at least", bar{of: wall(k, plxTool), per: wall(k, ninjaTool), limit: 1.9, atLeast: true}, "met"},
		{"not at least", bar{of: wall(k, plxTool), per: wall(k, ninjaTool), limit: 2.1, atLeast: true}, "missed"},
		{"the fastest", bar{of: wall(k, plxTool), per: least(wall(k, makeTool), wall(k, tupTool), wall(k, ninjaTool)), limit: 1.9}, "missed"},
		{"the slowest", bar{of: wall(k, plxTool), per: most(wall(k, makeTool), wall(k, ninjaTool)), limit: 0.5}, "met"},
		{"a sum", bar{of: wall(k, plxTool), per: plus(wall(k, ninjaTool), constant(0.5)), limit: 1.3}, "missed"},
		{"a difference for each", bar{of: by(minus(wall(k, makeTool), wall(k, plxTool)), 10), per: constant(0.1), limit: 2}, "met"},
		{"not there", bar{of: wall(k, plxTool), per: wall(k, tupTool), limit: 1}, "not measured"},
		{"half there", bar{of: wall(k, plxTool), per: plus(wall(k, tupTool), constant(1)), limit: 1}, "not measured"},
	} {
		if got := test.bar.judge(r); got.Result != test.want {
			t.Errorf("%s: %s (%v), want %s", test.name, got.Result, got.Measured, test.want)
		}
	}
}
