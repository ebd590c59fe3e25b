package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"plx/internal/builder"
)

func sandboxFlag(cmd *cobra.Command, mode *string) {
	cmd.Flags().StringVar(mode, "sandbox", "", "isolate commands: as far as the system lets (`auto`), wholly or not at all (strict), or never (off) (default $PLX_SANDBOX, else auto)")
}

// newSandbox returns what isolates commands, as the flag or the environment
// says.
func (a *app) newSandbox(flag string) (*builder.Sandbox, error) {
	mode := builder.Mode(cmp.Or(flag, os.Getenv("PLX_SANDBOX"), string(builder.Auto)))
	if !slices.Contains(builder.Modes, mode) {
		from := "--sandbox"
		if flag == "" {
			from = "PLX_SANDBOX"
		}
		return nil, &usageError{fmt.Sprintf("%s: %q is unknown: want one of %v", from, mode, builder.Modes)}
	}
	return &builder.Sandbox{Mode: mode, Missing: func(err error) { a.say("not isolated as it should be: %v", err) }}, nil
}
