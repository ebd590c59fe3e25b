package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"plx/internal/builder"
	"plx/internal/plan"
	"plx/internal/store"
)

// cgroups returns what holds commands to their memory and processes, if a stage
// has a bound for them; an error says why nothing does. Without a closure there
// are no bounds.
func cgroups(c *plan.Closure) (*builder.Cgroups, error) {
	if c == nil {
		return nil, nil
	}
	bounded := slices.ContainsFunc(c.Stages(), func(s *plan.Stage) bool {
		return s.Resources[plan.Memory] > 0 || s.Resources[plan.PIDs] > 0
	})
	if !bounded {
		return nil, nil
	}
	return builder.OpenCgroups()
}

// unbounded tells, once, that nothing holds commands to their bounds. Memory
// is also counted, so that its bound is of use all the same.
func (a *app) unbounded(cause error) func(builder.Limits) {
	var told sync.Once
	return func(l builder.Limits) {
		switch {
		case cause == nil:
		case l.PIDs > 0:
			told.Do(func() { a.say("nothing holds commands to their pids, nor to their memory: %v", cause) })
		case l.Memory > 0 && a.verbose:
			told.Do(func() { a.say("memory is counted, but nothing holds commands to it: %v", cause) })
		}
	}
}

// parseResources reads what --resource gave, on top of what this machine has.
func parseResources(given []string, jobs int) (map[string]int64, error) {
	amounts := map[string]int64{plan.CPUs: int64(max(runtime.NumCPU(), jobs))}
	if memory := builder.MachineMemory(); memory > 0 {
		amounts[plan.Memory] = memory
	}
	for _, text := range given {
		name, number, ok := strings.Cut(text, "=")
		if !ok || store.CheckName(name) != nil {
			return nil, &usageError{fmt.Sprintf("--resource %s: want --resource name=number, as in gpu=2 or memory=32GiB", text)}
		}
		if name == plan.PIDs {
			return nil, &usageError{fmt.Sprintf("--resource %s: pids are a bound of each run, and not counted", text)}
		}
		n, err := plan.ParseAmount(number)
		if err != nil {
			return nil, &usageError{fmt.Sprintf("--resource %s: %v", text, err)}
		}
		amounts[name] = n
	}
	return amounts, nil
}
