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
	of, ok := b.of(r)
	per, okPer := b.per(r)
	if !ok || !okPer || per == 0 {
		return v
	}
	v.Measured = math.Round(of/per*1000) / 1000
	met := of/per <= b.limit
	if b.atLeast {
		met = of/per >= b.limit
	}
	v.Result = "missed"
	if met {
		v.Result = "met"
	}
	return v
}

func printBars(w io.Writer, verdicts []verdict) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer t.Flush()
	fmt.Fprintln(t, "\nwhat\tbar\tmeasured\t")
	for _, v := range verdicts {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", v.What, v.Bar, v.measured(), v.Result)
	}
}

// measured is what was, as text.
func (v verdict) measured() string {
	if v.Result == "not measured" {
		return ""
	}
	return fmt.Sprintf("%.2f %s", v.Measured, v.Unit)
}

// The figures of a row.

func wall(k key, tool string) figure {
	return of(k, tool, func(s sample) float64 { return s.Wall })
}

func cpu(k key, tool string) figure {
	return of(k, tool, func(s sample) float64 { return s.CPU })
}

func memoryOf(k key, tool string) figure {
	return of(k, tool, func(s sample) float64 { return float64(s.Peak) })
}

func of(k key, tool string, part func(sample) float64) figure {
	k.Tool = tool
	return func(r *report) (float64, bool) {
		s, ok := r.measured(k)
		return part(s), ok
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
