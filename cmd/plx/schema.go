package main

import (
	"github.com/spf13/cobra"

	"plx/internal/plan"
)

func (a *app) schemaCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the stage file",
		Long: `Prints the JSON Schema (draft 2020-12) of the stage file, with which editors
complete keys and mark mistakes. For those that use taplo, this is the first
line of the stage file then:  #:schema ./stage.schema.json`,
		Example: `  plx schema > stage.schema.json`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, args []string) error { return a.resultJSON(plan.Schema()) },
	}
	cmd.Flags().Bool("json", true, "print JSON, as it does anyway")
	return cmd
}
