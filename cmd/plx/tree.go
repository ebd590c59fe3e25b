package main

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"plx/internal/query"
	"plx/internal/store"
	"plx/internal/ui"
)

type treeFlags struct {
	files, all, json bool
	depth            int
}

func (a *app) treeCmd() *cobra.Command {
	var f treeFlags
	cmd := &cobra.Command{
		Use:   "tree [flags] [STAGE|REF]",
		Short: "Draw what something is built from, or the files of a result",
		Long: `Draws what a stage or a dref is built from, or what an rref was built from: each
input with what it is, and below that its inputs in turn. What stands above
already is marked with (above). Without arguments it draws the targets of the
current plan. Of an input with many only the first few are
drawn, but with --all.

With --files draws the files of a result, with their sizes: of a stage that of
the first result that its matcher chose.`,
		Example: `  plx tree report
  plx tree --depth 1 $(plx realize stage.toml)
  plx tree --files report`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.treeTargets(f)
			}
			return a.tree(cmd.Context(), f, args[0])
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.files, "files", "f", false, "draw the files of the result")
	flags.BoolVarP(&f.all, "all", "a", false, "draw all that an input is, however many")
	flags.IntVarP(&f.depth, "depth", "d", -1, "go no deeper than `n`")
	flags.Lookup("depth").DefValue = "any"
	flags.BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

// branchesShown is how many things of one input are drawn.
const branchesShown = 5

func (a *app) tree(ctx context.Context, f treeFlags, arg string) error {
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	if f.files {
		return a.treeFiles(ctx, s, f, arg)
	}
	sub, err := named(s, arg)
	if err != nil {
		return err
	}
	most := f.most()
	if len(sub.rrefs) > 0 {
		top, err := query.ResultTree(s, sub.rrefs[0], f.depth, most)
		if err != nil {
			return err
		}
		return printTree(a, f, top, store.RRef.String)
	}
	c, err := closureOf(s, sub)
	if err != nil {
		return err
	}
	top := query.StageTree(c, sub.dref, f.depth, most)
	return printTree(a, f, top, func(ref store.DRef) string { return c.Lookup(ref).Name })
}

// most is how many things of one input are drawn.
func (f treeFlags) most() int {
	if f.all {
		return int(^uint(0) >> 1)
	}
	return branchesShown
}

// treeTargets draws what each target of the current plan is built from.
func (a *app) treeTargets(f treeFlags) error {
	if f.files {
		return &usageError{"tree --files: say of which stage or result"}
	}
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	c, err := currentPlan(s)
	if err != nil {
		return err
	}
	name := func(ref store.DRef) string { return c.Lookup(ref).Name }
	docs := []branchJSON{}
	for _, stage := range c.Targets() {
		top := query.StageTree(c, stage.Ref, f.depth, f.most())
		if f.json {
			docs = append(docs, branchesJSON(top, 0, name)...)
		} else if err := printTree(a, f, top, name); err != nil {
			return err
		}
	}
	if f.json {
		return a.resultJSON(map[string]any{"tree": docs})
	}
	return nil
}

func printTree[N comparable](a *app, f treeFlags, top query.Branch[N], name func(N) string) error {
	if f.json {
		return a.resultJSON(map[string]any{"tree": branchesJSON(top, 0, name)})
	}
	lines := []string{name(top.Node)}
	drawBranches(&lines, "", top, name)
	for i := range lines {
		lines[i] = ui.Fit(lines[i], a.width())
	}
	return a.result(lines...)
}

// drawBranches draws what is below a branch.
func drawBranches[N comparable](lines *[]string, indent string, b query.Branch[N], name func(N) string) {
	var below []drawn
	for _, one := range b.Below {
		text := one.Input + ": " + name(one.Node)
		if one.Again {
			text += " (above)"
		}
		below = append(below, drawn{text, func(indent string) { drawBranches(lines, indent, one, name) }})
		if one.Folded > 0 {
			below = append(below, drawn{fmt.Sprintf("%s: and %d more", one.Input, one.Folded), func(string) {}})
		}
	}
	draw(lines, indent, below)
}

// drawn is a line of a tree, and what draws the lines below it.
type drawn struct {
	text  string
	below func(indent string)
}

// draw draws lines that have the same above them.
func draw(lines *[]string, indent string, all []drawn) {
	for i, one := range all {
		branch, more := "├── ", "│   "
		if i == len(all)-1 {
			branch, more = "└── ", "    "
		}
		*lines = append(*lines, indent+branch+one.text)
		one.below(indent + more)
	}
}

type branchJSON struct {
	Depth  int    `json:"depth"`
	Input  string `json:"input"`
	Name   string `json:"name"`
	Again  bool   `json:"again"`
	Folded int    `json:"folded"`
}

// branchesJSON returns the lines of the tree, in order.
func branchesJSON[N comparable](b query.Branch[N], depth int, name func(N) string) []branchJSON {
	docs := []branchJSON{{depth, b.Input, name(b.Node), b.Again, b.Folded}}
	for _, below := range b.Below {
		docs = append(docs, branchesJSON(below, depth+1, name)...)
	}
	return docs
}

// treeFiles draws the files of a result.
func (a *app) treeFiles(ctx context.Context, s *store.Store, f treeFlags, arg string) error {
	all, err := a.chosen(ctx, s, arg)
	if err != nil {
		return unrealized(arg, err)
	}
	if f.json {
		return a.lsFiles(s, all.rrefs[0], true)
	}
	r, err := s.Realization(all.rrefs[0])
	if err != nil {
		return err
	}
	lines := []string{fmt.Sprintf("%s (%s)", short(r.Ref), size(r.Manifest.Size()))}
	drawFiles(&lines, "", ".", dirsOf(r.Manifest), f.depth)
	for i := range lines {
		lines[i] = ui.Fit(lines[i], a.width())
	}
	return a.result(lines...)
}

// A dir is what is in a directory, with the sum of the sizes of its files.
type dir struct {
	entries []store.Entry
	bytes   int64
}

// dirsOf returns the directories of a tree, by their paths.
func dirsOf(m store.Manifest) map[string]*dir {
	dirs := map[string]*dir{".": {}}
	for _, e := range m.Entries() {
		if e.Kind == store.KindDir {
			dirs[e.Path] = &dir{}
		}
	}
	for _, e := range m.Entries() {
		at := path.Dir(e.Path)
		dirs[at].entries = append(dirs[at].entries, e)
		for ; ; at = path.Dir(at) {
			dirs[at].bytes += e.Size
			if at == "." {
				break
			}
		}
	}
	return dirs
}

func drawFiles(lines *[]string, indent, at string, dirs map[string]*dir, depth int) {
	if depth == 0 {
		return
	}
	var all []drawn
	for _, e := range dirs[at].entries {
		text, below := path.Base(e.Path), func(string) {}
		switch e.Kind {
		case store.KindDir:
			text += fmt.Sprintf("/ (%s)", size(dirs[e.Path].bytes))
			below = func(indent string) { drawFiles(lines, indent, e.Path, dirs, depth-1) }
		case store.KindSymlink:
			text += " -> " + e.Target
		case store.KindExecutable:
			text += fmt.Sprintf("* (%s)", size(e.Size))
		default:
			text += fmt.Sprintf(" (%s)", size(e.Size))
		}
		all = append(all, drawn{strings.Map(ui.Visible, text), below})
	}
	draw(lines, indent, all)
}
