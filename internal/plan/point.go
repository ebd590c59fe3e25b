package plan

import (
	"slices"
	"strconv"

	"plx/internal/store"
)

// A point is the values of a sweep's axes, in their order.
type point struct {
	values []any
	texts  []string
	added  bool // by include
}

// readPoints works out the points of a sweep, in order.
func (l *loader) readPoints(f *family, e *entry, matrix *node) ([]point, bool) {
	before := len(l.list)
	matrix = matrix.with(l.x.expand(matrix))
	if _, ok := as[map[string]any](l.problems, matrix, "a table of arrays"); !ok {
		return nil, false
	}
	for _, name := range e.axes {
		f.axes = append(f.axes, l.readAxis(e, matrix.get(name)))
	}
	if len(f.axes) == 0 {
		l.add(matrix, "is empty: want at least one axis, as in lr = [0.1, 0.01]")
	}
	if len(l.list) > before {
		return nil, false
	}
	points := l.product(f, matrix)
	points = l.exclude(f, e.node.get("exclude"), points)
	points = l.include(f, e.node.get("include"), points)
	if len(l.list) == before && len(points) == 0 {
		l.add(matrix, "no point is left of the sweep")
	}
	return points, len(l.list) == before
}

func (l *loader) readAxis(e *entry, n *node) *axis {
	a := &axis{at: n, name: n.key, points: make(map[string][]*stage)}
	switch {
	case e.node.child("config").get(n.key) != nil:
		l.add(e.node.child("config").get(n.key), "is an axis of the matrix, too")
	case n.in().params[n.key] != nil:
		l.add(n, "is a param of the file, too: rename one of them")
	}
	list, ok := as[[]any](l.problems, n, "an array of values")
	if ok && len(list) == 0 {
		l.add(n, "is empty")
	}
	for _, item := range n.items() {
		v, text, ok := l.axisValue(item)
		if ok && slices.Contains(a.texts, text) {
			l.add(item, "%s stands twice", quoteValue(text))
		}
		a.values, a.texts = append(a.values, v), append(a.texts, text)
	}
	return a
}

// axisValue returns a value of an axis, and its text in names.
func (l *loader) axisValue(n *node) (v any, text string, ok bool) {
	before := len(l.list)
	v = l.canonical(n)
	text, ok = valueText(v)
	if _, silent := v.(unknown); !ok && !silent {
		l.add(n, "want a string, a number, a boolean or a date, have %s", describe(n.value))
	}
	return v, text, ok && len(l.list) == before
}

// valueText is how names and longer strings have a scalar.
func valueText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return formatFloat(v), true
	case store.Datetime:
		return v.String(), true
	default:
		return "", false
	}
}

// product returns all combinations, those of the first axis slowest.
func (l *loader) product(f *family, matrix *node) []point {
	n := 1
	for _, a := range f.axes {
		if n *= len(a.values); n > maxPoints {
			l.add(matrix, "makes more than %d points", maxPoints)
			return nil
		}
	}
	points := make([]point, n)
	for i := range points {
		points[i] = point{values: make([]any, len(f.axes)), texts: make([]string, len(f.axes))}
		rest := i
		for j := len(f.axes) - 1; j >= 0; j-- {
			a := f.axes[j]
			points[i].values[j], points[i].texts[j] = a.values[rest%len(a.values)], a.texts[rest%len(a.texts)]
			rest /= len(a.values)
		}
	}
	return points
}

// readCombination reads a table that gives values to axes.
func (l *loader) readCombination(f *family, n *node) (pt point, ok bool) {
	before := len(l.list)
	pt = point{values: make([]any, len(f.axes)), texts: make([]string, len(f.axes))}
	if _, ok := as[map[string]any](l.problems, n, "a table of axes and values"); !ok {
		return pt, false
	}
	if len(n.children()) == 0 {
		l.add(n, "is empty")
	}
	for _, child := range n.children() {
		i := slices.IndexFunc(f.axes, func(a *axis) bool { return a.name == child.key })
		if i < 0 {
			l.add(child, "is no axis of the matrix%s", l.among(child.key, "axis", "axes", f.axisNames()))
			continue
		}
		pt.values[i], pt.texts[i], _ = l.axisValue(child)
	}
	return pt, len(l.list) == before
}

// combinations returns the tables of exclude or include.
func (l *loader) combinations(n *node) []*node {
	if n == nil {
		return nil
	}
	n = n.with(l.x.expand(n))
	switch n.value.(type) {
	case []any, []map[string]any:
		n = n.with(plainList(n.value))
	}
	if list, ok := as[[]any](l.problems, n, "an array of tables"); ok && len(list) == 0 {
		l.add(n, "is empty")
	}
	return n.items()
}

// exclude drops the points that have all values of one of the tables.
func (l *loader) exclude(f *family, n *node, points []point) []point {
	for _, item := range l.combinations(n) {
		not, ok := l.readCombination(f, item)
		if !ok {
			continue
		}
		drop := func(pt point) bool {
			for i, v := range not.values {
				if v != nil && pt.texts[i] != not.texts[i] {
					return false
				}
			}
			return true
		}
		before := len(points)
		if points = slices.DeleteFunc(points, drop); len(points) == before {
			l.add(item, "there is no such point to exclude")
		}
	}
	return points
}

// include adds points, each with a value for every axis.
func (l *loader) include(f *family, n *node, points []point) []point {
	items := l.combinations(n)
	if len(items) == 0 {
		return points
	}
	seen := make(map[string]bool, len(points))
	for _, pt := range points {
		seen[f.pointName(pt)] = true
	}
	for _, item := range items {
		pt, ok := l.readCombination(f, item)
		if !ok {
			continue
		}
		if i := slices.Index(pt.values, nil); i >= 0 {
			l.add(item, "has no value for the axis %s", f.axes[i].name)
			continue
		}
		name := f.pointName(pt)
		if seen[name] {
			l.add(item, "there is a point %s already", name)
			continue
		}
		seen[name], pt.added = true, true
		points = append(points, pt)
	}
	return points
}
