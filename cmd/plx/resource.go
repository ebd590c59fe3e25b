package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"plx/internal/builder"
	"plx/internal/plan"
	"plx/internal/store"
)

// cgroups returns what holds commands to their memory and processes, if a stage
// has a bound for them; nil if nothing does, which -v tells, once.
func (a *app) cgroups(c *plan.Closure) *builder.Cgroups {
	bounded := slices.ContainsFunc(c.Stages(), func(s *plan.Stage) bool {
		return s.Resources[plan.Memory] > 0 || s.Resources[plan.PIDs] > 0
	})
	if !bounded {
		return nil
	}
	groups, err := builder.OpenCgroups()
	if err != nil && a.verbose {
		a.say("memory is counted, but nothing holds a command to it, nor to pids: %v", err)
	}
	return groups
}

// parseResources reads what --resource gave, on top of what this machine has.
func parseResources(given []string, jobs int) (map[string]int64, error) {
	amounts := map[string]int64{plan.CPUs: int64(max(runtime.NumCPU(), jobs))}
	if memory := machineMemory(); memory > 0 {
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
