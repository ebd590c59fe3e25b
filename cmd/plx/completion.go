package main

import (
	"github.com/spf13/cobra"
)

func (a *app) completionCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "completion [flags] bash|zsh|fish",
		Short: "Print a script that completes plx's commands in a shell",
		Long: `Prints a script that a shell reads when it starts: then the Tab key completes
commands and flags.`,
		Example: `  source <(plx completion bash)
  plx completion fish > ~/.config/fish/completions/plx.fish`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.completion(cmd.Root(), args[0])
		},
	}
	return cmd
}

func (a *app) completion(root *cobra.Command, shell string) error {
	switch shell {
	case "zsh":
		return root.GenZshCompletion(a.stdout)
	case "fish":
		return root.GenFishCompletion(a.stdout, true)
	default:
		return root.GenBashCompletionV2(a.stdout, true)
	}
}
