package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// A command that is killed before any step that changes a file leaves a sound
// store, and the next goes on.
func TestKill(t *testing.T) {
	eachScenario(t, func(t *testing.T, p *project) {
		calls := p.calls(t, changes|locks)
		steps := p.steps(calls)
		t.Logf("%d of %d steps", len(steps), len(calls))
		for _, i := range steps {
			t.Run(fmt.Sprint(i), func(t *testing.T) { p.kill(t, i) })
		}
	})
}

// numbered is what differs in names from one object to another.
var numbered = regexp.MustCompile(`[0-9a-v]{32}(-[a-z]+)?|[0-9]+`)

// steps returns all steps, or one of each kind of those that make something
// appear or disappear in the store or among the plans, the last: by then most
// is there that could be missed.
func (p *project) steps(calls []fileCall) []int {
	last := make(map[string]int)
	for i, c := range calls {
		kind := fmt.Sprint(i)
		if !*every {
			if !strings.HasPrefix(c.name, "rename") && !strings.HasPrefix(c.name, "symlink") && !strings.HasPrefix(c.name, "unlink") {
				continue
			}
			if strings.HasPrefix(c.paths[len(c.paths)-1], p.store()+"/tmp/") && len(c.paths) == 1 {
				continue
			}
			kind = numbered.ReplaceAllString(c.String(), "N")
		}
		last[kind] = i
	}
	return slices.Sorted(maps.Values(last))
}

// What a build does to files is not plx's doing, and is left alone.
func TestTracerLeavesBuilds(t *testing.T) {
	p := newProject(t, scenarios[0])
	made := false
	for _, c := range p.calls(t, changes) {
		made = made || c.name == "mkdirat" && strings.HasSuffix(c.paths[0], "/out")
		if c.name == "write" && strings.Contains(c.paths[0], "/out/") {
			t.Errorf("%v is a build's", c)
		}
	}
	if !made {
		t.Error("that plx makes a directory for a result was not seen")
	}
}

// kill ends the command before step n, from 0.
func (p *project) kill(t *testing.T, n int) {
	seen := 0
	var at fileCall
	end := p.trace(t, func(c fileCall) answer {
		if c.effects&(changes|locks) == 0 {
			return answer{}
		}
		at = c
		seen++
		return answer{kill: seen > n}
	})
	if end.status != -1 && seen > n {
		t.Errorf("it was not killed, but ended with %d", end.status)
	}
	p.alone(t)
	p.recovers(t, false)
	if t.Failed() {
		t.Logf("that was before step %d: %v", n, at)
	}
}

// alone waits until no process works below the store any more: the kernel ends
// builds with plx, but not before it.
func (p *project) alone(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(traceLimit); ; time.Sleep(time.Millisecond) {
		links, err := filepath.Glob("/proc/[0-9]*/cwd")
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(links, func(link string) bool {
			dir, err := os.Readlink(link)
			return err == nil && strings.HasPrefix(dir, p.store()+"/")
		})
		if at < 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: a build outlives plx", links[at])
		}
	}
}
