package plan

import (
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"plx/internal/store"
)

// Limits bound each run of a stage's command, and say what is done about one
// that fails. They are no part of its derivation. What is 0 is no bound.
type Limits struct {
	Timeout   time.Duration    // how long it may take
	MaxSilent time.Duration    // how long it may print nothing
	MaxLog    int64            // how much it may print, in bytes
	MaxOutput int64            // how large $out may be, in bytes
	Retries   int              // how often a run that fails is tried again
	Resources map[string]int64 // what it takes while it runs; memory in bytes
}

// The resources that mean something to plx; others are only counted.
const (
	CPUs   = "cpus"
	Memory = "memory" // in bytes
	PIDs   = "pids"   // processes and threads; a bound of each run, and not counted
)

// readLimits reads what the table sets.
func (p *problems) readLimits(table *node, l *Limits) {
	if n := table.get("timeout"); n != nil {
		l.Timeout = p.duration(n)
	}
	if n := table.get("max-silent"); n != nil {
		l.MaxSilent = p.duration(n)
	}
	if n := table.get("max-log"); n != nil {
		l.MaxLog = p.size(n)
	}
	if n := table.get("max-output"); n != nil {
		l.MaxOutput = p.size(n)
	}
	if n := table.get("retries"); n != nil {
		l.Retries = p.retries(n)
	}
	if n := table.get("resources"); n != nil {
		l.Resources = p.resources(n)
	}
}

// maxRetries is how many attempts after the first are more than anybody wants.
const maxRetries = 1000

// retries reads a number from 0 on: 0 takes back what [defaults] say.
func (p *problems) retries(n *node) int {
	i, ok := as[int64](p, n, "an integer")
	if ok && (i < 0 || i > maxRetries) {
		p.add(n, "want a number from 0 to %d, have %d", maxRetries, i)
		return 0
	}
	return int(i)
}

// resources reads how much a run takes of each resource.
func (p *problems) resources(n *node) map[string]int64 {
	as[map[string]any](p, n, `a table, as in { cpus = 2, memory = "4GiB" }`)
	amounts := make(map[string]int64)
	for _, child := range n.children() {
		if err := store.CheckName(child.key); err != nil {
			p.add(child, "%v", err)
			continue
		}
		_, isText := child.value.(string)
		switch {
		case child.key == Memory || isText && child.key != CPUs && child.key != PIDs:
			amounts[child.key] = p.size(child)
		default:
			amounts[child.key] = int64(p.count(child, 1))
		}
	}
	return amounts
}

// ParseAmount reads how much there is of a resource, as --resource gives it: a
// number, or a size.
func ParseAmount(text string) (int64, error) {
	var n int64
	if _, err := fmt.Sscanf(text, "%d", &n); err == nil && fmt.Sprint(n) == text {
		if n < 0 {
			return 0, fmt.Errorf("%q is less than nothing", text)
		}
		return n, nil
	}
	n, err := ParseSize(text)
	if err != nil {
		return 0, fmt.Errorf(`%q is neither a number nor a size, as in "8" or "32GiB"`, text)
	}
	return n, nil
}

// readTools reads the names of programs whose content counts.
func (p *problems) readTools(n *node) []string {
	tools := p.distinct(n, p.texts(n))
	for i, name := range tools {
		absolute := filepath.IsAbs(name) && path.Clean(name) == name
		switch {
		case name == "":
			p.add(n.item(i), "is empty")
		case strings.Contains(name, "/") && !absolute:
			p.add(n.item(i), "%q: want the name of a program that is on PATH, or an absolute path; what lies in src counts as it is", name)
		}
	}
	return slices.Sorted(slices.Values(tools))
}

// readCarry reads the paths of a result that a run hands to the next attempt.
func (p *problems) readCarry(n *node) []string {
	if n == nil {
		return nil
	}
	paths := p.distinct(n, p.texts(n))
	for i, name := range paths {
		if err := store.CheckPath(name); err != nil {
			p.add(n.item(i), "%v", err)
		}
		for _, other := range paths {
			if strings.HasPrefix(name, other+"/") {
				p.add(n.item(i), "%q lies in %q, which is carried as a whole", name, other)
			}
		}
	}
	return slices.Sorted(slices.Values(paths))
}

// recordLimits are limits in a recorded plan.
type recordLimits struct {
	Timeout   string           `json:"timeout,omitempty"`
	MaxSilent string           `json:"max_silent,omitempty"`
	MaxLog    int64            `json:"max_log,omitempty"`
	MaxOutput int64            `json:"max_output,omitempty"`
	Retries   int              `json:"retries,omitempty"`
	Resources map[string]int64 `json:"resources,omitempty"`
}

func (l Limits) record() recordLimits {
	return recordLimits{lengthText(l.Timeout), lengthText(l.MaxSilent), l.MaxLog, l.MaxOutput, l.Retries, maps.Clone(l.Resources)}
}

func lengthText(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

// limits returns what was recorded.
func (r recordLimits) limits() (l Limits, err error) {
	l = Limits{MaxLog: r.MaxLog, MaxOutput: r.MaxOutput, Retries: r.Retries, Resources: r.Resources}
	if l.Timeout, err = recordedLength("timeout", r.Timeout); err != nil {
		return l, err
	}
	if l.MaxSilent, err = recordedLength("max_silent", r.MaxSilent); err != nil {
		return l, err
	}
	if l.MaxLog < 0 || l.MaxOutput < 0 || l.Retries < 0 {
		return l, fmt.Errorf("a limit is less than nothing")
	}
	for name, amount := range l.Resources {
		if amount < 1 {
			return l, fmt.Errorf("resource %q: want a number from 1 on, have %d", name, amount)
		}
	}
	return l, nil
}

func recordedLength(key, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%s %q is no length of time", key, text)
	}
	return d, nil
}
