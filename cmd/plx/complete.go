package main

// What the Tab key completes: stages of the current plan, and the references and
// roots that are in the store. Commands and flags cobra completes by itself.

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"plx/internal/plan"
	"plx/internal/store"
)

// A completer returns what an argument, or the value of a flag, may be.
type completer func(a *app, s *store.Store, begun string) []string

// completers say what each command's arguments are.
var completers = map[string]completer{
	"adopt": things, "cat": things, "diff": things, "lens": things, "log": things, "ls": things, "path": things, "shell": things, "show": things,
	"tree": things, "root add": things,
	"du": setsOrThings, "graph": setsOrThings, "pack": setsOrThings, "publish": setsOrThings, "report": setsOrThings, "rm": setsOrThings,
	"runs": setsOrThings, "verify": setsOrThings, "why": setsOrThings,
	"find": foundNames, "instantiate": stagesOrFiles, "realize": stagesOrFiles, "watch": stagesOrFiles, "root rm": rootNames,
}

// flagCompleters say what flags take, whichever command has them.
var flagCompleters = map[string]completer{
	"check": setsOrThings, "rebuild": setsOrThings, "root": rootNames,
	"sandbox": func(*app, *store.Store, string) []string { return []string{"auto", "strict", "off"} },
	"as": func(*app, *store.Store, string) []string {
		return []string{"value", "path", "dref", "rref", "contents", "json"}
	},
	"sort": columnNames, "columns": columnNames,
}

// colorNames complete --color.
func colorNames(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"auto", "always", "never"}, cobra.ShellCompDirectiveNoFileComp
}

// addCompletions has all commands below cmd complete their arguments.
func (a *app) addCompletions(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		name := strings.TrimPrefix(sub.CommandPath(), "plx ")
		if c := completers[name]; c != nil {
			sub.ValidArgsFunction = a.completing(c)
		}
		for flag, c := range flagCompleters {
			if f := sub.LocalFlags().Lookup(flag); f != nil {
				if err := sub.RegisterFlagCompletionFunc(flag, a.completing(c)); err != nil {
					panic("plx: " + err.Error()) // each is registered once
				}
			}
		}
		a.addCompletions(sub)
	}
}

// completionsShown is how many references are offered.
const completionsShown = 200

// completing returns what cobra calls for an argument. What can't be read
// completes to nothing.
func (a *app) completing(c completer) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		s, err := a.openStore()
		if err != nil {
			return nil, cobra.ShellCompDirectiveDefault
		}
		defer s.Close()
		var fit []string
		for _, name := range c(a, s, begun) {
			if strings.HasPrefix(name, begun) {
				fit = append(fit, name)
			}
		}
		directive := cobra.ShellCompDirectiveNoFileComp
		if len(fit) == 0 || isFile(begun) {
			directive = cobra.ShellCompDirectiveDefault // the names of files
		}
		return fit, directive
	}
}

func stageNames(_ *app, s *store.Store, _ string) []string {
	c, err := currentPlan(s)
	if err != nil {
		return nil
	}
	var names []string
	for _, stage := range c.Stages() {
		names = append(names, stage.Name)
	}
	return names
}

// setNames returns the names of stages, and of sweeps as a whole.
func setNames(a *app, s *store.Store, begun string) []string {
	names := stageNames(a, s, begun)
	had := make(map[string]bool)
	for _, name := range names {
		if sweep, _, ok := plan.Point(name); ok && !had[sweep] {
			had[sweep] = true
			names = append(names, sweep+"[*]")
		}
	}
	return names
}

// things are stages, and references where one is begun.
func things(a *app, s *store.Store, begun string) []string {
	if names := references(a, s, begun); names != nil {
		return names
	}
	return stageNames(a, s, begun)
}

func setsOrThings(a *app, s *store.Store, begun string) []string {
	if names := references(a, s, begun); names != nil {
		return names
	}
	return setNames(a, s, begun)
}

func stagesOrFiles(a *app, s *store.Store, begun string) []string {
	if isFile(begun) {
		return nil
	}
	return setsOrThings(a, s, begun)
}

// references returns the references that begin so, where the kind is written or
// being written, and a stage's name would not begin so.
func references(_ *app, s *store.Store, begun string) []string {
	if !strings.HasPrefix(begun, "dref:") && !strings.HasPrefix(begun, "rref:") {
		for _, kind := range []string{"dref:", "rref:"} {
			if begun != "" && strings.HasPrefix(kind, begun) {
				return []string{kind}
			}
		}
		return nil
	}
	objects, err := s.Beginning(begun)
	if err != nil {
		return nil
	}
	var names []string
	for _, o := range objects[:min(len(objects), completionsShown)] {
		names = append(names, o.String())
	}
	return names
}

// foundNames returns the names of derivations in the store, and what else any
// command takes.
func foundNames(a *app, s *store.Store, begun string) []string {
	refs, err := s.Derivations()
	if err != nil {
		return nil
	}
	names := setsOrThings(a, s, begun)
	had := make(map[string]bool)
	for _, name := range names {
		had[name] = true
	}
	for _, ref := range refs {
		if !had[ref.Name()] {
			had[ref.Name()] = true
			names = append(names, ref.Name())
		}
	}
	return names
}

func rootNames(_ *app, s *store.Store, _ string) []string {
	roots, err := s.Roots()
	if err != nil {
		return nil
	}
	var names []string
	for _, r := range roots {
		names = append(names, fmt.Sprintf("%s\t%s", r.Name, r.Target))
	}
	return names
}

func columnNames(*app, *store.Store, string) []string {
	names := []string{"chosen"}
	for _, c := range fixedColumns[1:] {
		names = append(names, c.name)
	}
	return names
}
