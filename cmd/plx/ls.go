package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"plx/internal/store"
	"plx/internal/ui"
)

type lsFlags struct {
	params []string
	json   bool
}

func (a *app) lsCmd() *cobra.Command {
	var f lsFlags
	cmd := &cobra.Command{
		Use:   "ls [flags] [FILE|STAGE|DREF|RREF]",
		Short: "List stages, realizations, or the files of a result",
		Long: `Without arguments lists the stages of the current plan: name, reference, number
of realizations. For a stage file lists what it defines when sweeps and modules
are expanded: params with their values, and stages; nothing is written. For a
stage or a dref lists its realizations. For an rref lists the files of the
result: kind (f file, x executable, d directory, l symlink), size in bytes,
path. On a terminal these are tables, with heads; else one a line.`,
		Example: `  plx ls
  plx ls stage.toml -p maxiter=1000
  plx ls anneal
  plx ls $(plx realize stage.toml report)`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.ls(cmd.Context(), f, args) },
	}
	paramFlag(cmd, &f.params)
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func (a *app) ls(ctx context.Context, f lsFlags, args []string) error {
	if len(args) == 1 && isFile(args[0]) {
		return a.lsFile(f, args[0])
	}
	if len(f.params) > 0 {
		return &usageError{"-p goes with a stage file"}
	}
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	if len(args) == 0 {
		return a.lsStages(s, f.json)
	}
	sub, err := named(s, args[0])
	if err != nil {
		return err
	}
	if len(sub.rrefs) == 0 {
		return a.lsRealizations(s, sub.dref, f.json)
	}
	return a.lsFiles(s, sub.rrefs[0], f.json)
}

type definedJSON struct {
	Stage       string `json:"stage"`
	Default     bool   `json:"default"`
	Description string `json:"description"`
}

type paramJSON struct {
	Param string `json:"param"`
	Value any    `json:"value"`
}

// lsFile lists what a stage file defines.
func (a *app) lsFile(f lsFlags, path string) error {
	given, err := parseParams(f.params)
	if err != nil {
		return err
	}
	file, err := readFile(request{file: path, params: given})
	if err != nil {
		return err
	}
	params, stages := []paramJSON{}, []definedJSON{}
	for _, p := range file.Params() {
		value := p.Value
		if date, ok := value.(fmt.Stringer); ok {
			value = date.String()
		}
		params = append(params, paramJSON{p.Name, value})
	}
	for _, s := range file.Stages() {
		stages = append(stages, definedJSON{s.Name, s.Default, s.Description})
	}
	if f.json {
		return a.resultJSON(map[string]any{"params": params, "stages": stages})
	}
	for _, p := range params {
		if err := a.result(fmt.Sprintf("param %s = %s", p.Param, plain(p.Value))); err != nil {
			return err
		}
	}
	for _, s := range stages {
		line := "stage " + s.Stage
		if s.Default {
			line += " (default)"
		}
		if s.Description != "" {
			line += ": " + s.Description
		}
		if err := a.result(line); err != nil {
			return err
		}
	}
	return nil
}

type lsStageJSON struct {
	stageJSON
	Realizations int `json:"realizations"`
}

func (a *app) lsStages(s *store.Store, asJSON bool) error {
	c, err := currentPlan(s)
	if err != nil {
		return err
	}
	docs := []lsStageJSON{}
	for _, stage := range c.Stages() {
		refs, err := s.Realizations(stage.Ref)
		if err != nil {
			return err
		}
		docs = append(docs, lsStageJSON{stageJSON{stage.Name, stage.Ref.String()}, len(refs)})
	}
	if asJSON {
		return a.resultJSON(map[string]any{"stages": docs})
	}
	if a.width() > 0 {
		t := ui.Table{Heads: []string{"STAGE", ">RESULTS", "DREF"}}
		for _, doc := range docs {
			t.Add(doc.Stage, strconv.Itoa(doc.Realizations), doc.DRef)
		}
		return a.resultTable(t)
	}
	for _, doc := range docs {
		if err := a.result(fmt.Sprintf("%s %s %d", doc.Stage, doc.DRef, doc.Realizations)); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) lsRealizations(s *store.Store, ref store.DRef, asJSON bool) error {
	if _, err := s.Derivation(ref); err != nil {
		return err
	}
	refs, err := s.Realizations(ref)
	if err != nil {
		return err
	}
	if asJSON {
		return a.resultJSON(map[string]any{"realizations": texts(refs)})
	}
	if a.width() == 0 {
		return a.result(texts(refs)...)
	}
	t := ui.Table{Heads: []string{">RUN", ">SIZE", "MADE", "RREF"}}
	for _, ref := range refs {
		r, err := s.Realization(ref)
		if err != nil {
			a.tell("%v", err)
			continue
		}
		t.Add(runNumber(r.Run), sizeText(r.Manifest.Size()), moment(r.Made), ref.String())
	}
	return a.resultTable(t)
}

type fileJSON struct {
	Path   string `json:"path"`
	Kind   string `json:"kind"`
	Size   int64  `json:"size"`
	Digest string `json:"blake3,omitempty"`
	Target string `json:"target,omitempty"`
}

func (a *app) lsFiles(s *store.Store, ref store.RRef, asJSON bool) error {
	r, err := s.Realization(ref)
	if err != nil {
		return err
	}
	if a.width() > 0 && !asJSON {
		return a.resultTable(filesTable(r.Manifest))
	}
	docs := []fileJSON{}
	for _, e := range r.Manifest.Entries() {
		doc := fileJSON{Path: e.Path, Kind: e.Kind.String(), Size: e.Size, Target: e.Target}
		if e.Kind == store.KindFile || e.Kind == store.KindExecutable {
			doc.Digest = e.Digest.String()
		}
		docs = append(docs, doc)
		if asJSON {
			continue
		}
		line := fmt.Sprintf("%c %d %s", e.Kind, e.Size, e.Path)
		if e.Kind == store.KindSymlink {
			line += " -> " + e.Target
		}
		if err := a.result(line); err != nil {
			return err
		}
	}
	if asJSON {
		return a.resultJSON(map[string]any{"files": docs})
	}
	return nil
}

// filesTable lists files for people.
func filesTable(m store.Manifest) ui.Table {
	t := ui.Table{Heads: []string{"KIND", ">SIZE", "PATH"}}
	for _, e := range m.Entries() {
		size, name := sizeText(e.Size), strings.Map(ui.Visible, e.Path)
		switch e.Kind {
		case store.KindDir:
			size = ""
		case store.KindSymlink:
			size, name = "", name+" -> "+e.Target
		}
		t.Add(e.Kind.String(), size, name)
	}
	return t
}
