package report

import (
	"errors"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"

	"plx/internal/match"
	"plx/internal/store"
)

// run returns the place of a realization, which is added if it is new, with
// all that it was made from.
func (c *collector) run(ref store.RRef, chosen bool) (int, error) {
	if i, ok := c.runs[ref]; ok {
		return i, nil
	}
	r, err := c.store.Realization(ref)
	if err != nil {
		c.runs[ref] = -1
		return -1, err
	}
	context := make(map[string][]int, len(r.Context))
	var lost []string
	for _, name := range slices.Sorted(maps.Keys(r.Context)) {
		context[name] = []int{}
		for _, from := range r.Context[name] {
			i, err := c.run(from, true)
			if err != nil && !passedOver(err) {
				return -1, err
			}
			if i < 0 {
				lost = append(lost, from.String())
			}
			context[name] = append(context[name], i)
		}
	}
	stage, d, err := c.stageOf(ref.DRef())
	if err != nil {
		return -1, err
	}
	run := newRun(r)
	run.Stage, run.Context, run.Lost = stage, context, lost
	if run.Origin, err = c.origin(r); err != nil {
		return -1, err
	}
	if !c.bare {
		c.addContents(&run, r, d, chosen)
	}
	i := len(c.Runs)
	c.Runs = append(c.Runs, run)
	c.runs[ref] = i
	c.Stages[stage].Runs = append(c.Stages[stage].Runs, i)
	return i, nil
}

// addContents adds what a realization contains.
func (c *collector) addContents(run *Run, r store.Realization, d store.Derivation, chosen bool) {
	class := 2
	if chosen {
		class = 1
	}
	run.Metrics = c.metrics(r, d)
	run.Log = c.log(r.Ref, class)
	run.Volatile = c.volatile(r, class)
	c.addTree(r.Tree, r.Manifest, class)
}

// stageOf returns the stage of a derivation, which may be none of the plan.
func (c *collector) stageOf(ref store.DRef) (int, store.Derivation, error) {
	if i, ok := c.stages[ref]; ok {
		return i, c.derivations[ref], nil
	}
	d, err := c.store.Derivation(ref)
	if err != nil {
		return 0, d, err
	}
	stage, err := c.stage(ref, d)
	if err != nil {
		return 0, d, err
	}
	stage.State = "done"
	c.Stages = append(c.Stages, stage)
	return len(c.Stages) - 1, d, nil
}

func newRun(r store.Realization) Run {
	run := Run{
		RRef: r.Ref.String(), Number: r.Run, Made: r.Made.UnixMilli(), Seconds: seconds(r.Stopped.Sub(r.Started).Seconds()),
		CPU: seconds((r.User + r.System).Seconds()), MaxRSS: r.MaxRSS, Bytes: r.Manifest.Size(),
		Action: r.Action.String(), Tree: r.Tree.String(), Carried: r.Carried, Hand: r.Hand,
	}
	if !r.Started.IsZero() {
		run.Started = r.Started.UnixMilli()
	}
	if !r.Adopted.IsZero() {
		run.Adopted = r.Adopted.String()
	}
	return run
}

// seconds rounds to milliseconds.
func seconds(s float64) float64 { return math.Round(s*1000) / 1000 }

// origin returns the place of how a realization was made.
func (c *collector) origin(r store.Realization) (int, error) {
	o := Origin{Host: r.Host, By: r.By, Version: r.Version, Sandbox: r.Sandbox, Tools: make(map[string]string, len(r.Tools))}
	for name, tool := range r.Tools {
		o.Tools[name] = tool.Path + " " + tool.Digest.String()
	}
	return place(c.origins, &c.Origins, o)
}

// metrics returns the numbers and truth values of a realization that tables
// show. What JSON can't hold is left out.
func (c *collector) metrics(r store.Realization, d store.Derivation) map[string]any {
	m, err := match.Parse(d.Match)
	if d.Match == nil || err != nil {
		m = match.Default()
	}
	found := c.reader.Metrics(r, d, m)
	for name, v := range found {
		if x, ok := v.(float64); ok && (math.IsNaN(x) || math.IsInf(x, 0)) {
			delete(found, name)
			continue
		}
		found[name] = plain(v)
	}
	return found
}

// log asks for the log of a realization, if it has one.
func (c *collector) log(ref store.RRef, class int) string {
	path := c.store.LogPath(ref)
	info, err := os.Stat(path)
	if err != nil || info.Size() == 0 {
		return ""
	}
	return c.want(wanted{path: path, kind: textContent, size: info.Size(), class: class})
}

// addTree adds the files of a tree, and asks for those that can be shown.
func (c *collector) addTree(tree store.Hash, m store.Manifest, class int) {
	if c.Trees[tree.String()] != nil {
		return
	}
	files := []File{}
	for _, e := range m.Entries() {
		f := File{Path: e.Path, Kind: string(rune(e.Kind)), Size: e.Size, Target: e.Target}
		if e.Kind == store.KindFile || e.Kind == store.KindExecutable {
			f.Digest = e.Digest.String()
			path := filepath.Join(c.store.TreePath(tree), filepath.FromSlash(e.Path))
			f.Content = c.want(wanted{path: path, kind: kindOf(e.Path), size: e.Size, class: class, digest: f.Digest})
		}
		files = append(files, f)
	}
	c.Trees[tree.String()] = files
}

// volatile returns the volatile outputs of a realization, those that are files.
func (c *collector) volatile(r store.Realization, class int) []File {
	var files []File
	for _, top := range r.Volatile {
		root := c.store.VolatilePath(r.Ref)
		err := filepath.WalkDir(filepath.Join(root, filepath.FromSlash(top)), func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			info, err := e.Info()
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			rel = filepath.ToSlash(rel)
			f := File{Path: rel, Kind: "f", Size: info.Size()}
			f.Content = c.want(wanted{path: path, kind: kindOf(rel), size: f.Size, class: class})
			files = append(files, f)
			return nil
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			continue // what can't be read is not shown
		}
	}
	return files
}
