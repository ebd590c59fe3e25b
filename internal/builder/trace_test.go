package builder

import (
	"maps"
	"slices"
	"testing"
)

// Directories that a command hasn't touched are not laid again, and those that it
// has are, even if all that it did is undone.
func TestTraces(t *testing.T) {
	tree := makeTree(t, map[string]string{"sub/f": "text"})
	look := func(script string, ts *Traces) Action {
		a := newAction(t, script)
		a.Inputs = map[string]Input{"x": {Items: []Item{{Dir: tree}}}}
		a.Traces = ts
		return a
	}
	kept := func(t *testing.T, script string) []string {
		var ts Traces
		first := look(script, &ts)
		mustRun(t, first)
		if !ts.fine {
			t.Skip("the file system counts ctimes in ticks")
		}
		was := maps.Clone(ts.dirs)
		second := look(":", &ts)
		second.Dir, second.Used = first.Dir, true
		mustRun(t, second)
		var same []string
		for dir, is := range ts.dirs {
			if was[dir].ctime == is.ctime {
				same = append(same, dir[len(first.Dir)+1:])
			}
		}
		slices.Sort(same)
		return same
	}
	for _, test := range []struct {
		script string
		want   []string
	}{
		{`:`, []string{"carry", "in", "in/x", "in/x/sub", "src", "tmp"}},
		{`cat "$x/sub/f"; echo > "$out/o"`, []string{"carry", "in", "in/x", "in/x/sub", "src", "tmp"}},
		{`echo > f; rm f; echo > "$TMPDIR/f"; rm "$TMPDIR/f"`, []string{"carry", "in", "in/x", "in/x/sub"}},
		{`chmod 700 "$x"; chmod 555 "$x"`, []string{"carry", "in", "in/x/sub", "src", "tmp"}},
		{`chmod 700 "$x/sub"; mv "$x/sub/f" "$x/sub/g"; mv "$x/sub/g" "$x/sub/f"; touch -d @315532800 "$x/sub"; chmod 555 "$x/sub"`, []string{"carry", "in", "in/x", "src", "tmp"}},
		{`touch -a "$x"`, []string{"carry", "in", "in/x/sub", "src", "tmp"}},
	} {
		if got := kept(t, test.script); !slices.Equal(got, test.want) {
			t.Errorf("after %s: kept %q, want %q", test.script, got, test.want)
		}
	}
}
