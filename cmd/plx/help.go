package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A helpGroup is a part of the list of commands.
type helpGroup struct {
	title    string
	commands []string
}

// helpGroups returns the parts of the list, in order. A command that is in none
// of them is listed after them.
func helpGroups() []helpGroup {
	return []helpGroup{
		{"Make results:", []string{"init", "instantiate", "realize", "watch", "shell", "adopt"}},
		{"Look at them:", []string{"ls", "show", "lens", "path", "cat", "log", "runs", "find", "tree", "graph", "why", "diff", "du", "report"}},
		{"Hand them on:", []string{"publish", "pack", "unpack", "push", "pull"}},
		{"Look after the store:", []string{"root", "rm", "gc", "verify", "doctor"}},
		{"Other:", []string{"schema", "completion", "help", "version"}},
	}
}

// group puts the commands into the parts of the list.
func group(root *cobra.Command) {
	for _, g := range helpGroups() {
		root.AddGroup(&cobra.Group{ID: g.title, Title: g.title})
		for _, cmd := range root.Commands() {
			if slices.Contains(g.commands, cmd.Name()) {
				cmd.GroupID = g.title
			}
		}
		if slices.Contains(g.commands, "help") {
			root.SetHelpCommandGroupID(g.title)
		}
	}
}

// badFlag says that a flag is wrong, with the name of one that is near.
func badFlag(cmd *cobra.Command, err error) error {
	text := err.Error()
	if name, unknown := strings.CutPrefix(text, "unknown flag: --"); unknown {
		names := &cobra.Command{SuggestionsMinimumDistance: max(1, len(name)/3)}
		add := func(f *pflag.Flag) {
			names.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
		}
		cmd.LocalFlags().VisitAll(add)
		cmd.InheritedFlags().VisitAll(add)
		if near := names.SuggestionsFor(name); len(near) > 0 {
			text += fmt.Sprintf("; did you mean --%s?", near[0])
		}
	}
	return &usageError{fmt.Sprintf("%s (see %s --help)", text, cmd.CommandPath())}
}
