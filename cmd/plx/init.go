package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

func (a *app) initCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "init [flags] [DIR]",
		Short: "Write a small stage file to begin with",
		Long: `Writes a stage.toml of three stages, with comments, that works as it is, and
prints its path. It goes to DIR, which is made if it isn't there, or else to
this directory. A file that is there already is left alone, and is an error.`,
		Example: `  plx init && plx realize
  plx init project`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"."}
			}
			return a.init(args[0], asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) init(dir string, asJSON bool) error {
	path := filepath.Join(dir, "stage.toml")
	if err := writeFirst(dir, path); err != nil {
		return fmt.Errorf("init %s: %v", path, err)
	}
	a.say("next: plx realize %s", path)
	if asJSON {
		return a.resultJSON(map[string]string{"path": path})
	}
	return a.result(path)
}

// writeFirst writes the first stage file of a project, and never over another.
func writeFirst(dir, path string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return errors.New("there is one already; move it away, or name another directory")
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(firstStages)
	if err := errors.Join(err, f.Close()); err != nil {
		os.Remove(path)
		return err
	}
	return nil
}

// firstStages is what plx init writes. It asks for nothing but a POSIX system,
// and the lines that begin with "#:" work when these two characters go.
const firstStages = `# Throws dice, and reports what came of it:  throw -> sorted -> report
# Make it:     plx realize
# Look at it:  plx cat report.text

[params]                                  # to have others: plx realize -p dice=8
dice = 5

# A stage is a command, and what it makes. It finds config values as variables.
[stage.throw]
config  = { dice = "${dice}" }            # $dice
outputs = { faces = "faces.txt", score = "score.json" }   # promises: paths to write to, $faces and $score
run     = '''
awk -v n="$dice" -v seed="$PLX_RUN" 'BEGIN { srand(seed); while (n-- > 0) print 1 + int(6 * rand()) }' > "$faces"
awk '{ sum += $1 } END { printf "{\"sum\": %d}\n", sum }' "$faces" > "$score"
'''
# To go on with the best of many, uncomment these, and throw ten times more, each
# with its own $PLX_RUN:  plx realize --rebuild throw
#: runs    = 10
#: match   = { best = 1, by = "score.sum" }

# An input is an output of another stage. If it is the same as before, the
# command doesn't run again.
[stage.sorted]
inputs  = { faces = "throw:faces" }       # $faces
outputs = { counts = "counts.txt" }
run     = 'sort "$faces" | uniq -c > "$counts"'

[stage.report]
inputs  = { thrown = "throw:score", counts = "sorted:counts" }
outputs = { text = "report.txt" }
run     = 'cat "$thrown" "$counts" > "$text"'
check   = 'test -s "$out/report.txt"'     # a result that fails this is refused

# To use files of your project, name them:  src = ["train.py", "lib/**/*.py"]
`
