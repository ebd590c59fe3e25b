package main

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
)

// A figure is something that follows from what was measured, if that was.
type figure func(*report) (float64, bool)

// A bar is a promise about plx, as a ratio of figures in one run.
type bar struct {
	what, bar string
	of, per   figure
	limit     float64
	atLeast   bool   // of ÷ per must be at least the limit, not at most
	unit      string // × unless the figure is not a ratio
}

// A verdict is what was measured of a bar.
type verdict struct {
	What     string  `json:"what"`
	Bar      string  `json:"bar"`
	Measured float64 `json:"measured"`
	CPU      float64 `json:"cpu"` // the same with CPU time in place of wall time
	Unit     string  `json:"unit"`
	Limit    float64 `json:"limit"`
	Result   string  `json:"result"` // met, missed or not measured
}

func (v verdict) missed() bool { return v.Result == "missed" }

// judge holds the report to the bars.
func judge(r *report, bars []bar) []verdict {
	var all []verdict
	for _, b := range bars {
		all = append(all, b.judge(r))
	}
	return all
}

func (b bar) judge(r *report) verdict {
	v := verdict{What: b.what, Bar: b.bar, Unit: b.unit, Limit: b.limit, Result: "not measured"}
	if v.Unit == "" {
		v.Unit = "×"
	}
	measured, ok := b.measure(r)
	if !ok {
		return v
	}
	byCPU := *r
	byCPU.byCPU = true
	cpu, _ := b.measure(&byCPU)
	v.Measured, v.CPU = rounded(measured), rounded(cpu)
	met := measured <= b.limit
	if b.atLeast {
		met = measured >= b.limit
	}
	v.Result = "missed"
	if met {
		v.Result = "met"
	}
	return v
}

// measure is what the bar is about, if it was measured.
func (b bar) measure(r *report) (float64, bool) {
	of, ok := b.of(r)
	per, okPer := b.per(r)
	return of / per, ok && okPer && per != 0
}

func rounded(x float64) float64 { return math.Round(x*1000) / 1000 }

func printBars(w io.Writer, verdicts []verdict) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer t.Flush()
	fmt.Fprintln(t, "\nwhat\tbar\tmeasured\tby CPU\t")
	for _, v := range verdicts {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", v.What, v.Bar, v.measured(), v.byCPU(), v.Result)
	}
}

// measured is what was, as text.
func (v verdict) measured() string {
	if v.Result == "not measured" {
		return ""
	}
	return fmt.Sprintf("%.2f %s", v.Measured, v.Unit)
}

// byCPU is the same with CPU time for wall time, if that makes a difference.
func (v verdict) byCPU() string {
	if v.Result == "not measured" || v.CPU == v.Measured {
		return ""
	}
	return fmt.Sprintf("%.2f %s", v.CPU, v.Unit)
}

// The figures of a row.

func wall(k key, tool string) figure {
	k.Tool = tool
	return func(r *report) (float64, bool) {
		s, ok := r.measured(k)
		if r.byCPU {
			return s.CPU, ok
		}
		return s.Wall, ok
	}
}

func cpu(k key, tool string) figure {
	k.Tool = tool
	return func(r *report) (float64, bool) {
		s, ok := r.measured(k)
		return s.CPU, ok
	}
}

func memoryOf(k key, tool string) figure {
	k.Tool = tool
	return func(r *report) (float64, bool) {
		s, ok := r.measured(k)
		return float64(s.Peak), ok
	}
}

// And what is made of figures.

func constant(x float64) figure { return func(*report) (float64, bool) { return x, true } }

// least is the least of those that were measured.
func least(figures ...figure) figure { return fold(math.Min, figures) }

// most is the greatest of those that were measured.
func most(figures ...figure) figure { return fold(math.Max, figures) }

func fold(choose func(a, b float64) float64, figures []figure) figure {
	return func(r *report) (result float64, ok bool) {
		for _, f := range figures {
			x, measured := f(r)
			switch {
			case !measured:
			case !ok:
				result, ok = x, true
			default:
				result = choose(result, x)
			}
		}
		return result, ok
	}
}

// plus is the sum of two figures that were both measured.
func plus(a, b figure) figure { return both(a, b, func(x, y float64) float64 { return x + y }) }

// minus is their difference, and by their quotient.
func minus(a, b figure) figure { return both(a, b, func(x, y float64) float64 { return x - y }) }

func by(a figure, n float64) figure {
	return both(a, constant(n), func(x, y float64) float64 { return x / y })
}

func both(a, b figure, join func(x, y float64) float64) figure {
	return func(r *report) (float64, bool) {
		x, okA := a(r)
		y, okB := b(r)
		return join(x, y), okA && okB
	}
}
