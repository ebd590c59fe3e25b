package main

import (
	"errors"
	"fmt"
	"strings"

	"plx/internal/realize"
	"plx/internal/ui"
)

// closing is the last word after a failure: what failed and how to look at it,
// and what could not be made because of that. One failure that nothing else
// depended on was told of a moment ago.
func (p *progress) closing() {
	if len(p.failed) == 0 || len(p.failed) == 1 && len(p.left) == 0 {
		return
	}
	var t ui.Table
	example := ""
	for _, e := range p.failed {
		t.Add("failed", e.Stage.Name, reason(e.Err), seconds(p.took[e.Stage.Name]))
		if build := (*realize.BuildError)(nil); example == "" && errors.As(e.Err, &build) && build.Kept != "" {
			example = quoted(e.Stage.Name)
		}
	}
	for _, line := range t.Lines(0) {
		p.tell("%s", line)
	}
	causes, skipped := p.skipped()
	for _, because := range causes {
		p.tell("skipped  %s: for %s failed", listText(skipped[because]), because)
	}
	if example != "" {
		p.tell("look at one:  plx log --failed %s  plx shell --failed %s", example, example)
	}
}

// reason says in a few words why a stage failed.
func reason(err error) string {
	var build *realize.BuildError
	if errors.As(err, &build) {
		err = build.Err
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return strings.TrimPrefix(line, "command ")
}

// skipped returns the stages that failed and for which others were skipped, and
// those for each: what a stage depends on may itself have been skipped.
func (p *progress) skipped() (causes []string, stages map[string][]string) {
	before, stages := make(map[string]string, len(p.left)), make(map[string][]string)
	for _, e := range p.left {
		before[e.Stage.Name] = e.Because
	}
	for _, e := range p.left {
		because := e.Because
		for before[because] != "" {
			because = before[because]
		}
		if stages[because] == nil {
			causes = append(causes, because)
		}
		stages[because] = append(stages[because], e.Stage.Name)
	}
	return causes, stages
}

// listText names the first of several.
func listText(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
