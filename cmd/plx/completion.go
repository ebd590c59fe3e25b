package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) completionCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "completion [flags] bash|zsh|fish",
		Short: "Print a script that completes plx's commands in a shell",
		Long: `Prints a script that a shell reads when it starts: then the Tab key completes
commands and flags, stages of the current plan, and, after dref: or rref:, the
references in the store.`,
		Example: `  source <(plx completion bash)
  plx completion fish > ~/.config/fish/completions/plx.fish`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.completion(cmd.Root(), args[0], asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) completion(root *cobra.Command, shell string, asJSON bool) error {
	if !asJSON {
		return writeCompletion(a.stdout, root, shell)
	}
	var script strings.Builder
	if err := writeCompletion(&script, root, shell); err != nil {
		return err
	}
	return a.resultJSON(map[string]string{"shell": shell, "script": script.String()})
}

func writeCompletion(w io.Writer, root *cobra.Command, shell string) error {
	switch shell {
	case "zsh":
		return root.GenZshCompletion(w)
	case "fish":
		return root.GenFishCompletion(w, true)
	default:
		return root.GenBashCompletionV2(w, true)
	}
}
