package plan

import (
	"errors"
	"path"
	"slices"
	"strings"
	"time"

	"plx/internal/match"
	"plx/internal/store"
)

// attributes are what [defaults] may set for all stages.
type attributes struct {
	shell   []string
	env     map[string]string
	envAt   map[string]*node
	passEnv []string
	passAt  *node
	runs    int
	maxRuns int
	match   match.Matcher
	matchAt *node // nil: nothing sets it
	limits  Limits
	tools   []string
	network bool
	sandbox store.Sandbox
}

// builtin is what a stage has that neither it nor [defaults] sets.
func builtin() attributes {
	return attributes{shell: []string{"sh", "-eu"}, runs: 1, match: match.Default()}
}

// readAttributes reads what the table sets, on top of base.
func (p *problems) readAttributes(table *node, base attributes) attributes {
	a := base
	if n := table.get("shell"); n != nil {
		a.shell = p.texts(n)
		if len(a.shell) > 0 && a.shell[0] == "" {
			p.add(n.item(0), "is empty")
		}
	}
	p.readEnv(table.get("env"), &a)
	if n := table.get("passenv"); n != nil {
		a.passAt, a.passEnv = n, p.distinct(n, p.texts(n))
		for i, name := range a.passEnv {
			p.checkEnvName(n.item(i), name)
		}
	}
	a.runs = p.count(table.get("runs"), a.runs)
	a.maxRuns = p.count(table.get("max-runs"), a.maxRuns)
	if a.maxRuns > 0 && a.maxRuns < a.runs {
		n := table.get("max-runs")
		if n == nil {
			n = table.get("runs")
		}
		if n != nil {
			p.add(n, "max-runs is %d, but runs is %d: no round would be allowed", a.maxRuns, a.runs)
		}
	}
	if n := table.get("match"); n != nil {
		a.matchAt = n
		if m := p.readMatch(n); m != nil {
			a.match = *m
		}
	}
	p.readLimits(table, &a.limits)
	if n := table.get("tools"); n != nil {
		a.tools = p.readTools(n)
	}
	if n := table.get("network"); n != nil {
		a.network, _ = as[bool](p, n, "true or false")
	}
	if n := table.get("sandbox"); n != nil {
		a.sandbox = p.readSandbox(n)
	}
	return a
}

// readSandbox reads "off", or a table with the paths that are seen besides.
func (p *problems) readSandbox(n *node) store.Sandbox {
	switch n.value.(type) {
	case string:
		if text := p.text(n); text != "off" {
			p.add(n, `%q is unknown: want "off", or a table as in { paths = ["/opt/cuda"] }`, text)
		}
		return store.Sandbox{Off: true}
	case map[string]any:
	default:
		p.add(n, `want "off", or a table as in { paths = ["/opt/cuda"] }, have %s`, describe(n.value))
		return store.Sandbox{}
	}
	p.known(n, sandboxKeys)
	list := n.get("paths")
	if list == nil {
		return store.Sandbox{}
	}
	paths := p.distinct(list, p.texts(list))
	for i, text := range paths {
		if err := checkSandboxPath(text); err != nil {
			p.add(list.item(i), "%q %v", text, err)
		}
	}
	return store.Sandbox{Paths: slices.Sorted(slices.Values(paths))}
}

// ownDirs are directories that each command has of its own.
var ownDirs = []string{"/", "/build", "/dev", "/dev/shm", "/dev/pts", "/plx", "/proc", "/tmp"}

func checkSandboxPath(text string) error {
	switch {
	case !path.IsAbs(text) || path.Clean(text) != text || strings.Contains(text, "\x00"):
		return errors.New(`is no path to show: want an absolute one without . and .., as in "/opt/cuda"`)
	case slices.Contains(ownDirs, text), strings.HasPrefix(text, "/build/"), strings.HasPrefix(text, "/proc/"), strings.HasPrefix(text, "/plx/"):
		return errors.New("can't be shown: each command has one of its own")
	}
	return nil
}

// readEnv adds the variables of the table to those of the defaults.
func (p *problems) readEnv(n *node, a *attributes) {
	if n == nil {
		return
	}
	base, baseAt := a.env, a.envAt
	a.env, a.envAt = make(map[string]string), make(map[string]*node)
	for name, value := range base {
		a.env[name], a.envAt[name] = value, baseAt[name]
	}
	as[map[string]any](p, n, "a table of strings")
	for _, child := range n.children() {
		p.checkEnvName(child, child.key)
		a.env[child.key], a.envAt[child.key] = p.text(child), child
	}
}

// readMatch reads a matcher, or returns nil.
func (p *problems) readMatch(n *node) *match.Matcher {
	before := len(p.list)
	v := p.canonical(n)
	if len(p.list) > before || hasUnknown(v) {
		return nil
	}
	m, err := match.Parse(v)
	if err != nil {
		at := n
		var key *match.KeyError
		if errors.As(err, &key) && key.Key != "" {
			at = n.child(key.Key)
		}
		if key != nil {
			err = key.Err
		}
		p.add(at, "%v", err)
		return nil
	}
	return &m
}

func hasUnknown(v any) bool {
	switch v := v.(type) {
	case unknown:
		return true
	case []any:
		return slices.ContainsFunc(v, hasUnknown)
	case map[string]any:
		for _, v := range v {
			if hasUnknown(v) {
				return true
			}
		}
	}
	return false
}

// distinct reports what stands twice in a list of texts.
func (p *problems) distinct(n *node, texts []string) []string {
	seen := make(map[string]bool, len(texts))
	for i, text := range texts {
		if seen[text] {
			p.add(n.item(i), "%q stands twice", text)
		}
		seen[text] = true
	}
	return texts
}

// duration reads a length of time, as in "90s", "15m", "2h", "30d".
func (p *problems) duration(n *node) time.Duration {
	text, ok := as[string](p, n, `a string, as in "90s"`)
	if !ok {
		return 0
	}
	d, err := ParseDuration(text)
	if err != nil {
		p.add(n, "%v", err)
	}
	return d
}
