package plan

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"plx/internal/store"
)

// A family is what an entry of a stage file stands for: a stage, the points of
// a sweep, or a group.
type family struct {
	name    string // with the modules that lead to it
	at      *node
	group   *node    // what a group lists; nil: it is none
	about   *stage   // what a group says of itself
	stages  []*stage // one, or the points in matrix order
	swept   bool
	broken  bool // it could not be read, for which there is an error already
	axes    []*axis
	byName  map[string]*stage // the points, by what follows the family's name
	chosen  map[string]choice // what pick found, by pointName
	members *[]*stage         // of a group; nil: not found yet
	busy    bool              // members are being found
}

// An axis is a key of a matrix.
type axis struct {
	at     *node
	name   string
	values []any
	texts  []string            // of the values, and of those that include adds
	points map[string][]*stage // by the text of the value
}

// maxPoints bounds a sweep, so that a slip of the pen is told from one.
const maxPoints = 100_000

// A point is the values of a sweep's axes, in their order.
type point struct {
	values []any
	texts  []string
	added  bool // by include
}

// name is what follows that of the sweep in the name of the stage.
func (f *family) pointName(pt point) string { return pointName(f.picks(pt.texts)) }

func (f *family) picks(texts []string) []pick {
	picks := make([]pick, len(f.axes))
	for i, a := range f.axes {
		picks[i] = pick{a.name, texts[i]}
	}
	return picks
}

// readFamily reads an entry: a stage, a sweep, or a group.
func (l *loader) readFamily(u *unit, name string) *family {
	e := l.entry(u, name)
	f := &family{name: u.prefix + name, at: e.node, chosen: make(map[string]choice)}
	if group := e.node.get("group"); group != nil {
		l.readGroup(f, group)
		return f
	}
	matrix := e.node.get("matrix")
	if f.swept = matrix != nil; !f.swept {
		for _, key := range []string{"exclude", "include"} {
			if n := e.node.get(key); n != nil {
				l.add(n, "has no effect without matrix")
			}
		}
		s := l.readStage(l.x.stage(e.node), e.unit.defaults)
		s.name = f.name
		f.stages = []*stage{s}
		return f
	}
	f.broken = true
	if points, ok := l.readPoints(f, e, matrix); ok {
		f.broken = false
		l.readSweep(f, e, points)
	}
	return f
}

// readGroup reads a stage that is a name for others.
func (l *loader) readGroup(f *family, n *node) {
	for _, child := range f.at.children() {
		if !slices.Contains(groupKeys, child.key) && stageKeys[child.key] {
			l.add(child, "has no effect: the stage is a group, and has no result of its own")
		}
	}
	l.known(f.at, stageKeys)
	if err := store.CheckName(f.at.key); err != nil {
		l.add(f.at, "%v", err)
	}
	at := l.x.stage(f.at)
	f.group = at.get("group")
	l.texts(f.group)
	f.about = &stage{at: at, name: f.name, description: l.text(at.get("description"))}
	l.readDefault(f.about)
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

// readSweep makes a stage of each point. If no string of the stage has an axis
// in it, the points differ in their config only, and one reading does for all.
func (l *loader) readSweep(f *family, e *entry, points []point) {
	f.byName = make(map[string]*stage, len(points))
	varies := mentions(e.node, f.axisNames())
	var first *stage
	start := len(l.list)
	for _, pt := range points {
		s := first
		// An error is most often the same in all points.
		if first == nil || varies && len(l.list)-start < 20 {
			s = l.readStage(l.x.point(f, pt).stage(e.node), e.unit.defaults)
			if first == nil {
				first = s
			}
		}
		f.add(s, first, pt)
	}
	for i, s := range f.canonicalOrder() {
		s.rank = i
	}
}

// add makes the stage of a point from what was read for it, or for the first.
func (f *family) add(read, first *stage, pt point) {
	s := read
	if read == first {
		same := *read
		s = &same
		if len(f.stages) > 0 {
			s.like = f.stages[0]
		}
	}
	s.config = maps.Clone(s.config)
	if s.config == nil {
		s.config = make(map[string]any, len(f.axes))
	}
	for i, a := range f.axes {
		s.config[a.name] = pt.values[i]
		if _, known := a.points[pt.texts[i]]; !known && !slices.Contains(a.texts, pt.texts[i]) {
			a.texts = append(a.texts, pt.texts[i])
		}
		a.points[pt.texts[i]] = append(a.points[pt.texts[i]], s)
	}
	s.point, s.axes, s.sweep = pt, f.axes, f
	name := f.pointName(pt)
	s.name = f.name + name
	f.byName[name] = s
	f.stages = append(f.stages, s)
}

// canonicalOrder returns the points in an order that doesn't change with that
// of the axes: theirs is by name, and what include adds comes last.
func (f *family) canonicalOrder() []*stage {
	axes := make([]int, len(f.axes))
	place := make([]map[string]int, len(f.axes))
	for i, a := range f.axes {
		axes[i], place[i] = i, make(map[string]int, len(a.texts))
		for j, text := range a.texts {
			place[i][text] = j
		}
	}
	slices.SortFunc(axes, func(i, j int) int { return strings.Compare(f.axes[i].name, f.axes[j].name) })
	return slices.SortedStableFunc(slices.Values(f.stages), func(a, b *stage) int {
		if a.point.added || b.point.added {
			return cmp.Compare(boolInt(a.point.added), boolInt(b.point.added))
		}
		for _, i := range axes {
			if c := cmp.Compare(place[i][a.point.texts[i]], place[i][b.point.texts[i]]); c != 0 {
				return c
			}
		}
		return 0
	})
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (f *family) axisNames() []string {
	names := make([]string, len(f.axes))
	for i, a := range f.axes {
		names[i] = a.name
	}
	return names
}
