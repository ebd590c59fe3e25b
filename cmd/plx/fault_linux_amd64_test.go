package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A fault is an error that calls give.
type fault struct {
	errno   unix.Errno
	effects effect // of the calls that give it
	onward  bool   // all calls from some point on give it, not one
}

// faults are those that disks and systems have.
var faults = []fault{
	{unix.ENOSPC, grows, false},
	{unix.ENOSPC, grows, true},
	{unix.EROFS, changes, true},
	{unix.EIO, reads | changes, false},
	{unix.EIO, reads | changes, true},
	{unix.EMFILE, opens, false},
	{unix.EMFILE, opens, true},
}

func (f fault) String() string {
	name := unix.ErrnoName(f.errno)
	if f.onward {
		name += " onward"
	}
	return name
}

// A command in which a call fails says so, or does without it. The store is
// sound, and the next command goes on.
func TestFault(t *testing.T) {
	eachScenario(t, func(t *testing.T, p *project) {
		for _, f := range faults {
			calls := p.calls(t, f.effects)
			t.Logf("%v: %d calls", f, len(calls))
			for _, i := range chosen(len(calls), 2) {
				t.Run(fmt.Sprintf("%v %d", f, i), func(t *testing.T) { p.fault(t, f, i) })
			}
		}
	})
}

// chosen returns all of 0 to n-1, or only some of them.
func chosen(n, some int) []int {
	if *every || n <= some {
		some = n
	}
	list := make([]int, some)
	for i := range list {
		list[i] = (2*i + 1) * n / (2 * some)
	}
	return list
}

// fault makes call n, from 0, fail.
func (p *project) fault(t *testing.T, f fault, n int) {
	seen := 0
	var at fileCall
	end := p.trace(t, func(c fileCall) answer {
		if c.effects&f.effects == 0 {
			return answer{}
		}
		seen++
		if seen <= n || seen > n+1 && !f.onward {
			return answer{}
		}
		if seen == n+1 {
			at = c
		}
		return answer{errno: f.errno}
	})
	told := regexp.MustCompile(`(?m)^\S.*\S: ` + regexp.QuoteMeta(f.errno.Error()) + `(: .*)?$`).MatchString(end.stderr)
	switch {
	case strings.Contains(end.stderr, "goroutine ") || end.status == -1:
		t.Errorf("it crashed: status %d", end.status)
	case end.status == 0 && end.stdout != p.want.stdout && p.scenario.again == nil:
		t.Errorf("it succeeded, but printed %q, not %q", end.stdout, p.want.stdout)
	case end.status != 0 && !told:
		t.Errorf("it ended with %d, and did not say what failed, or why", end.status)
	}
	p.recovers(t, true)
	if t.Failed() {
		t.Logf("that was call %d: %v; it ended with %d, stderr:\n%s", n, at, end.status, end.stderr)
	}
}
