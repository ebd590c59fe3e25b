package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// elsewhere says how plx does what is a command of DVC, Snakemake, Nix, git or
// the like.
var elsewhere = map[string]string{
	"add":         "a file becomes a stage by import = \"path\" in the stage file",
	"build":       "plx realize makes results",
	"check":       "plx realize --dry-run checks the stage file and says what there is to do, plx realize --check makes results again and compares, plx verify checks the store",
	"checkout":    "plx path tells where a result is, plx publish lays results out under names",
	"clean":       "nothing that plx makes lies in the project; plx gc removes from the store what nothing needs, plx rm what is named",
	"collect":     "plx gc removes what nothing needs",
	"config":      "flags and environment variables say it all: plx --help, and docs/cli.md",
	"cp":          "plx path tells where a result is, plx publish lays results out under names",
	"dag":         "plx graph draws what depends on what",
	"delete":      "plx rm removes results, plx gc what nothing needs",
	"dot":         "plx graph --dot writes the graph for Graphviz",
	"exec":        "plx realize makes results, plx shell runs a command where a stage's would run",
	"exp":         "plx runs compares realizations in a table",
	"experiments": "plx runs compares realizations in a table",
	"export":      "plx publish lays results out under names, plx pack writes an archive",
	"fetch":       "a download is a stage with fetch = { url = …, blake3 = … }",
	"fmt":         "stage files are TOML: a formatter for that will do, such as taplo",
	"format":      "stage files are TOML: a formatter for that will do, such as taplo",
	"history":     "plx runs --all tells of earlier versions of a stage, too",
	"import":      "a file becomes a stage by import = \"path\" in the stage file; plx unpack takes in an archive",
	"info":        "plx show tells of a stage or a result, plx doctor of the store",
	"lint":        "plx realize --dry-run checks the stage file and says what there is to do",
	"list":        "plx ls lists stages, results and files",
	"make":        "plx realize makes results",
	"metrics":     "plx runs shows metrics in a table, plx diff how they differ",
	"new":         "plx init writes a stage file",
	"params":      "plx ls stage.toml lists params, plx runs shows what they were",
	"plan":        "plx realize --dry-run says what would be built, and why",
	"plots":       "plx report makes a page with plots",
	"query":       "plx find finds realizations, plx why tells what depends on what",
	"remove":      "plx rm removes results, plx gc what nothing needs",
	"repro":       "plx realize makes results",
	"rerun":       "plx realize --rebuild STAGE makes new results",
	"restore":     "plx path tells where a result is, plx publish lays results out under names",
	"run":         "plx realize makes results",
	"stage":       "a stage is an entry of the stage file; plx ls lists them",
	"status":      "plx realize --dry-run says what would be built, and why; plx ls lists the stages",
	"store":       "plx du tells of room, plx find of results, plx verify of damage, plx gc of what nothing needs",
	"test":        "plx realize --check makes results again and compares",
	"update":      "plx realize makes what has changed",
	"validate":    "plx realize --dry-run checks the stage file and says what there is to do",
	"why-depends": "plx why A B tells through which inputs A depends on B",
}

// noSuchCommand says so, with how plx does it, or with a command that is near.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("unknown command %q", args[0])
	cmd.SuggestionsMinimumDistance = max(1, len(args[0])/3)
	if how := elsewhere[args[0]]; how != "" && cmd.Parent() == nil {
		text += ": " + how
	} else if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += fmt.Sprintf("; did you mean %q?", near[0])
	}
	return &usageError{text + " (" + cmd.CommandPath() + " --help lists the commands)"}
}
