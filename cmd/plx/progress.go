package main

import (
	"fmt"
	"strings"
	"time"

	"plx/internal/realize"
)

// A progress tells people what happens, a line for each event, and counts.
type progress struct {
	*app
	built, reused, adopted, failed, skipped int
}

// observe is called by one goroutine at a time.
func (p *progress) observe(e realize.Event) {
	name := e.Stage.Name
	switch e.Kind {
	case realize.Reused:
		p.reused++
		if p.verbose {
			p.say("%s: reused", name)
		}
	case realize.Adopted:
		p.adopted++
		p.say("%s: adopted, for the same command on the same inputs gave it before", name)
	case realize.Refused:
		p.say("%s: not adopted: %v: %v", name, e.Refs[0], e.Err)
	case realize.Waiting:
		p.say("%s: waiting for another build of the same", name)
	case realize.Building:
		if p.verbose {
			p.say("%s%s: started", name, runText(e))
		}
	case realize.Built:
		p.built++
		p.say("%s%s: built in %s", name, runText(e), seconds(e.Elapsed))
	case realize.Repeated:
		p.built++
		p.say("%s%s: built in %s, and gave what was there already", name, runText(e), seconds(e.Elapsed))
	case realize.Failed:
		p.failed++
		p.say("%s%s: failed after %s", name, runText(e), seconds(e.Elapsed))
	case realize.Skipped:
		p.skipped++
		p.say("%s: skipped, for %s failed", name, e.Because)
	case realize.Warned:
		p.tell("%s: %v", name, e.Err)
	}
}

// runText names a run, where a stage has several.
func runText(e realize.Event) string {
	if e.Run > 1 || e.Stage.Runs > 1 {
		return fmt.Sprintf(" run %d", e.Run)
	}
	return ""
}

func seconds(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// summary tells how much there was of each.
func (p *progress) summary() {
	var parts []string
	for _, c := range []struct {
		n    int
		what string
	}{{p.built, "built"}, {p.adopted, "adopted"}, {p.reused, "reused"}, {p.failed, "failed"}, {p.skipped, "skipped"}} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	if parts != nil {
		p.say("%s", strings.Join(parts, ", "))
	}
}
