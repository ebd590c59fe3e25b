package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"plx/internal/store"
)

func (a *app) lsCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ls [flags] [STAGE|DREF|RREF]",
		Short: "List stages, realizations, or the files of a result",
		Long: `Without arguments lists the stages of the current plan: name, reference, number
of realizations. For a stage or a dref lists its realizations. For an rref
lists the files of the result: kind (f file, x executable, d directory,
l symlink), size in bytes, path.`,
		Example: `  plx ls
  plx ls anneal
  plx ls $(plx realize stage.toml report)`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.ls(cmd.Context(), args, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) ls(ctx context.Context, args []string, asJSON bool) error {
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	if len(args) == 0 {
		return a.lsStages(s, asJSON)
	}
	sub, err := named(s, args[0])
	if err != nil {
		return err
	}
	if len(sub.rrefs) == 0 {
		return a.lsRealizations(s, sub.dref, asJSON)
	}
	return a.lsFiles(s, sub.rrefs[0], asJSON)
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
	return a.result(texts(refs)...)
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
