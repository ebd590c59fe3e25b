package report

import (
	"os"
	"os/exec"
	"testing"
)

// TestFilter holds the filter of the page to the expressions that matchers are
// held to: see internal/match/testdata/where.json.
func TestFilter(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is missing: the page's filter was not tested")
	}
	const script = `
const fs = require("fs");
(async () => {
  const { parse } = await import("data:text/javascript," + encodeURIComponent(fs.readFileSync("page/filter.js", "utf8")));
  const { values, vectors } = JSON.parse(fs.readFileSync("../match/testdata/where.json", "utf8"));
  let wrong = 0;
  for (const { where, keeps, column } of vectors) {
    let got;
    try {
      got = parse(where).holds((name) => values[name]);
    } catch (error) {
      got = Number(/^column (\d+): /.exec(error.message)?.[1] ?? error.message);
    }
    if (got === (column ?? keeps)) continue;
    wrong++;
    console.log(where.slice(0, 60) + ": got " + got + ", want " + (column ?? keeps));
  }
  process.exit(wrong || vectors.length < 100 ? 1 : 0);
})();
`
	cmd := exec.Command(node, "-e", script)
	cmd.Env = append(os.Environ(), "NODE_NO_WARNINGS=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
