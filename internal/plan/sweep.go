package plan

import (
	"cmp"
	"maps"
	"slices"
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
		if !slices.Contains(groupKeys, child.key) && slices.Contains(stageKeys, child.key) {
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
