package plan

import (
	"slices"
	"strings"

	"plx/internal/match"
	"plx/internal/store"
)

// A stage is an entry of a stage file, read but not resolved.
type stage struct {
	attributes
	at          *node
	name        string // with its modules and axes; the node has its own
	action      string // "run", "fetch", "files" or "import"; empty: it has none, or several
	script      string
	argv        []string
	files       []store.SourceFile
	imported    imported
	fetch       *store.Fetch
	inputs      []*edge // by name
	config      map[string]any
	outputs     map[string]store.Output
	metrics     []string
	src         *sources // nil: none
	check       string
	description string
	always      bool
	carry       []string
	isDefault   *bool // nil: it doesn't say

	// Of a point of a sweep.
	sweep *family
	axes  []*axis
	point point
	rank  int    // among the points, whatever the order of the axes
	like  *stage // the point that it differs from in nothing but its config; nil: none
}

// An edge is an input of a stage.
type edge struct {
	at      *node
	name    string
	stageAt *node // where its stage is named
	from    ref
	stage   *stage   // the one named from, or the first of the set; nil: there is none
	stages  []*stage // all of them
	set     bool     // from is a set
	outputs []*node
	shown   []string // what outputs says, sorted; nil: all
	file    bool
	list    bool
	listAt  *node
	match   *match.Matcher // its own
	matchAt *node
}

// readStage reads the stage at n.
func (p *problems) readStage(n *node, defaults attributes) *stage {
	s := &stage{at: n, name: n.key, attributes: builtin()}
	if err := store.CheckName(n.key); err != nil {
		p.add(n, "%v", err)
	}
	if _, ok := as[map[string]any](p, n, "a table"); !ok {
		return s
	}
	complete := p.known(n, stageKeys)
	p.readAction(s, complete)
	s.check = p.nonempty(n.get("check"))
	s.outputs = p.readOutputs(n.get("outputs"), s.action)
	s.inputs = p.readInputs(n.get("inputs"))
	s.config = p.readConfig(n.get("config"))
	s.src = p.readSources(n.get("src"))
	if metrics := n.get("metrics"); metrics != nil {
		s.metrics = p.distinct(metrics, p.texts(metrics))
		slices.Sort(s.metrics)
	}
	s.description = p.text(n.get("description"))
	s.carry = p.readCarry(s.at.get("carry"))
	s.always, _ = as[bool](p, n.get("always"), "true or false")
	p.readDefault(s)
	p.readOwn(s, defaults)
	return s
}

func (p *problems) readDefault(s *stage) {
	if b, ok := as[bool](p, s.at.get("default"), "true or false"); ok {
		s.isDefault = &b
	}
}

// readOwn reads the attributes of a stage: on top of the defaults if it runs
// something, else it may have none.
func (p *problems) readOwn(s *stage, defaults attributes) {
	base := builtin()
	if s.action == "run" || s.at.get("check") != nil {
		base = defaults
	}
	if s.action != "run" {
		base.runs, base.maxRuns, base.match, base.matchAt = 1, 0, match.Default(), nil
		base.limits, base.tools, base.network = Limits{Timeout: base.limits.Timeout}, nil, false
	}
	s.attributes = p.readAttributes(s.at, base)
	if s.at.get("match") != nil && len(s.match.Exact()) > 0 {
		p.add(s.matchAt.child("exact"), "would name results of this very stage, whose reference it is a part of; it belongs on an input")
	}
	p.checkMeaningful(s)
	if !s.runsScript() {
		s.shell = nil
	}
}

// checkMeaningful reports keys that have no effect in this stage.
func (p *problems) checkMeaningful(s *stage) {
	if s.action == "" {
		return
	}
	if s.action != "run" {
		for _, key := range commandKeys {
			if n := s.at.get(key); n != nil {
				p.add(n, "has no effect: the stage runs no command, its action is %s", s.action)
			}
		}
		for _, key := range scriptKeys {
			if n := s.at.get(key); n != nil && s.at.get("check") == nil {
				p.add(n, "has no effect: the stage runs nothing, its action is %s and it has no check", s.action)
			}
		}
	}
	if n := s.at.get("shell"); n != nil && !s.runsScript() {
		p.add(n, "has no effect: the stage has no script")
	}
}

// runsScript tells whether the shell of the stage is given something to run.
func (s *stage) runsScript() bool {
	if s.at.get("check") != nil || s.match.Script() != "" {
		return true
	}
	if _, ok := s.at.child("run").value.(string); ok {
		return true
	}
	return slices.ContainsFunc(s.inputs, func(e *edge) bool { return e.match != nil && e.match.Script() != "" })
}

// readAction reads the one action that a stage has.
func (p *problems) readAction(s *stage, complete bool) {
	var have []string
	for _, key := range []string{"run", "fetch", "files", "import"} {
		if s.at.get(key) != nil {
			have = append(have, key)
		}
	}
	switch {
	case len(have) > 1:
		p.add(s.at, "has %s: want exactly one action", strings.Join(have, " and "))
	case len(have) == 1:
		s.action = have[0]
	case complete && s.at.get("extends") == nil: // else that is what is wrong
		p.add(s.at, "has no action: want one of run, fetch, files, import, group")
	}
	p.readRun(s, s.at.get("run"))
	s.files = p.readFiles(s.at.get("files"))
	s.imported = p.readImport(s.at.get("import"))
	s.fetch = p.readFetch(s.at.get("fetch"))
}

func (p *problems) readRun(s *stage, n *node) {
	if n == nil {
		return
	}
	switch n.value.(type) {
	case []any:
		s.argv = p.texts(n)
		if len(s.argv) > 0 && s.argv[0] == "" {
			p.add(n.item(0), "is empty: want the name of a command")
		}
	case string:
		s.script = p.nonempty(n)
	default:
		p.add(n, "want a string or an array of strings, have %s", describe(n.value))
	}
}

// readFiles reads the literal files of a stage.
func (p *problems) readFiles(n *node) []store.SourceFile {
	if table, ok := as[map[string]any](p, n, "a table of strings"); ok && len(table) == 0 {
		p.add(n, "is empty")
	}
	var files []store.SourceFile
	seen := make(layout)
	for _, child := range n.children() {
		if err := store.CheckPath(child.key); err != nil {
			p.add(child, "%v", err)
			continue
		}
		text, _ := as[string](p, child, "a string")
		files = append(files, store.SourceFile{Path: child.key, Text: text})
		seen.add(child.key, child.key, child)
	}
	seen.check(p)
	return files
}
