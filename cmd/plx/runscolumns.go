package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"plx/internal/query"
)

// A column is what a table shows of each run.
type column struct {
	name  string
	value func(query.Run) any // nil: nothing
	text  func(any) string    // for people; nil: as it is
	right bool
}

// fixedColumns are those that do not depend on the runs.
var fixedColumns = []column{
	{"#", func(r query.Run) any { return unless(r.Chosen, 0) }, nil, true},
	{"rref", func(r query.Run) any { return r.Ref.String() }, func(v any) string { return v.(string)[:len("rref:")+shortLen] }, false},
	{"stage", func(r query.Run) any { return r.Stage }, nil, false},
	{"dref", func(r query.Run) any { return r.Ref.DRef().String() }, func(v any) string { return v.(string)[:len("dref:")+shortLen] }, false},
	{"run", func(r query.Run) any { return unless(r.Number, 0) }, nil, true},
	{"took", func(r query.Run) any { return r.Took }, durationText, true},
	{"cpu", func(r query.Run) any { return r.CPU }, durationText, true},
	{"memory", func(r query.Run) any { return r.Memory }, sizeText, true},
	{"size", func(r query.Run) any { return r.Bytes }, sizeText, true},
	{"made", func(r query.Run) any { return r.Made }, func(v any) string { return moment(v.(time.Time)) }, false},
	{"host", func(r query.Run) any { return unless(r.Host, "") }, nil, false},
	{"by", func(r query.Run) any { return unless(r.By, "") }, nil, false},
	{"tree", func(r query.Run) any { return r.Tree.String() }, nil, false},
	{"adopted", func(r query.Run) any { return adoptedFrom(r) }, nil, false},
}

func unless[T comparable](v, nothing T) any {
	if v == nothing {
		return nil
	}
	return v
}

func adoptedFrom(r query.Run) any {
	if r.Adopted.IsZero() {
		return nil
	}
	return r.Adopted.String()
}

func durationText(v any) string { return seconds(v.(time.Duration)) }
func sizeText(v any) string     { return strings.Replace(size(v.(int64)), " bytes", " B", 1) }

func fixedColumn(name string) column {
	i := slices.IndexFunc(fixedColumns, func(c column) bool { return c.name == name })
	return fixedColumns[i]
}

// configColumn shows a key of config: by its own name, unless something else has
// that.
func configColumn(runs []query.Run, key string) column {
	name := key
	taken := func(c column) bool { return c.name == key }
	if slices.ContainsFunc(fixedColumns, taken) || slices.Contains(query.MetricNames(runs), key) {
		name = "config." + key
	}
	return column{name: name, value: func(r query.Run) any { return r.Config[key] }}
}

func metricColumn(name string) column {
	return column{name: name, value: func(r query.Run) any { return r.Metrics[name] }, text: metricText}
}

// metricText writes a number with as many digits as people compare.
func metricText(v any) string {
	if x, ok := v.(float64); ok {
		return fmt.Sprintf("%.6g", x)
	}
	return cell(v)
}

// runColumns returns the columns that are shown.
func runColumns(runs []query.Run, f runsFlags, stages bool) ([]column, error) {
	if f.columns != nil {
		var list []column
		for _, name := range f.columns {
			c, err := columnOf(runs, name)
			if err != nil {
				return nil, err
			}
			list = append(list, c)
		}
		return list, nil
	}
	list := []column{fixedColumn("#"), fixedColumn("rref")}
	if stages {
		list = append(list, fixedColumn("stage"))
	}
	if f.all {
		list = append(list, fixedColumn("dref"))
	}
	for _, key := range query.ConfigNames(runs) {
		list = append(list, configColumn(runs, key))
	}
	for _, name := range query.MetricNames(runs) {
		list = append(list, metricColumn(name))
	}
	for _, name := range []string{"run", "took", "size", "made"} {
		list = append(list, fixedColumn(name))
	}
	return list, nil
}

// columnOf returns the column of the name.
func columnOf(runs []query.Run, name string) (column, error) {
	var names []string
	for _, c := range fixedColumns {
		if strings.EqualFold(c.name, name) || c.name == "#" && strings.EqualFold(name, "chosen") {
			return c, nil
		}
		names = append(names, c.name)
	}
	for _, metric := range query.MetricNames(runs) {
		if metric == name {
			return metricColumn(metric), nil
		}
		names = append(names, metric)
	}
	key, config := strings.CutPrefix(name, "config.")
	for _, r := range runs {
		if _, ok := r.Config[key]; ok {
			return configColumn(runs, key), nil
		}
	}
	for _, metric := range query.MetricNames(runs) {
		if _, last, ok := strings.Cut(metric, "."); ok && last == name && !config {
			return metricColumn(metric), nil
		}
	}
	if len(runs) == 0 { // there is nothing to tell by
		return column{name: name, value: func(query.Run) any { return nil }}, nil
	}
	for _, key := range query.ConfigNames(runs) {
		names = append(names, configColumn(runs, key).name)
	}
	return column{}, &usageError{fmt.Sprintf("there is no column %q: the columns are %s", name, strings.Join(names, ", "))}
}
