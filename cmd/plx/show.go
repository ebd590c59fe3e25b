package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"plx/internal/store"
)

type showFlags struct {
	json   bool
	format string
}

func (a *app) showCmd() *cobra.Command {
	var f showFlags
	cmd := &cobra.Command{
		Use:   "show [flags] STAGE|DREF|RREF",
		Short: "Show what a stage or a reference stands for",
		Long: `Shows a derivation (for a stage of the current plan, or a dref) or a
realization (for an rref): what it is made from, and how it came to be.

With --format it prints where a result comes from in the form of others, as JSON;
of a stage, that is the one that its matcher chose. prov is W3C PROV-JSON.
ro-crate is the metadata of an RO-Crate (Workflow Run RO-Crate, Provenance
profile): the file ro-crate-metadata.json beside the files of the result.
in-toto is a statement with SLSA provenance, to be signed by other tools. All say
what is recorded; what is not known is left out.`,
		Example: `  plx show anneal
  plx show --json $(plx realize stage.toml)
  plx show --format prov report > report.prov.json
  cp -RL $(plx path report) crate; plx show --format ro-crate report > crate/ro-crate-metadata.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.show(cmd.Context(), f, args[0]) },
	}
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	cmd.Flags().StringVar(&f.format, "format", "", "print where a result comes from, as `form`: prov, ro-crate or in-toto")
	return cmd
}

func (a *app) show(ctx context.Context, f showFlags, arg string) error {
	if f.format != "" && !slices.Contains(provenanceForms, f.format) {
		return &usageError{fmt.Sprintf("--format %s: there are %s", f.format, strings.Join(provenanceForms, ", "))}
	}
	s, err := a.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	if f.format != "" {
		return a.showProvenance(ctx, s, f.format, arg)
	}
	sub, err := named(s, arg)
	if err != nil {
		return err
	}
	if len(sub.rrefs) == 0 {
		return a.showDerivation(s, sub.dref, f.json)
	}
	return a.showRealization(s, sub.rrefs[0], f.json)
}

// showDerivation prints a derivation. Its JSON is the canonical form, whose
// hash is the reference's.
func (a *app) showDerivation(s *store.Store, ref store.DRef, asJSON bool) error {
	d, err := s.Derivation(ref)
	if err != nil {
		return err
	}
	data, err := d.Canonical()
	if err != nil {
		return err
	}
	rrefs, err := s.Realizations(ref)
	if err != nil {
		return err
	}
	if asJSON {
		return a.resultJSON(derivationJSON{ref.String(), json.RawMessage(data), texts(rrefs)})
	}
	l := &lines{}
	l.add("derivation", ref)
	l.add("action", d.Kind)
	l.text("run", d.Script)
	l.list("argv", d.Argv)
	l.list("shell", d.Shell)
	l.fetch(d.Fetch)
	for _, k := range slices.Sorted(maps.Keys(d.Config)) {
		l.add("config "+k, plain(d.Config[k]))
	}
	for _, k := range slices.Sorted(maps.Keys(d.Env)) {
		l.add("env "+k, d.Env[k])
	}
	l.list("tools", d.Tools)
	l.list("carry", d.Carry)
	if err := l.source(s, d.Source); err != nil {
		return err
	}
	for _, k := range slices.Sorted(maps.Keys(d.Inputs)) {
		l.add("input "+k, inputText(d.Inputs[k]))
	}
	for _, k := range slices.Sorted(maps.Keys(d.Outputs)) {
		l.add("output "+k, outputText(d.Outputs[k]))
	}
	l.list("metrics", d.Metrics)
	l.text("check", d.Check)
	if d.Match != nil {
		l.add("match", plain(d.Match))
	}
	for _, ref := range rrefs {
		l.add("realization", ref)
	}
	return a.result(l.all...)
}

type derivationJSON struct {
	DRef         string          `json:"dref"`
	Derivation   json.RawMessage `json:"derivation"`
	Realizations []string        `json:"realizations"`
}

// lines are "key: value" for people.
type lines struct{ all []string }

func (l *lines) add(key string, value any) {
	l.all = append(l.all, fmt.Sprintf("%s: %v", key, value))
}

func (l *lines) list(key string, values []string) {
	if len(values) > 0 {
		l.add(key, strings.Join(values, " "))
	}
}

// text adds a text that may have several lines.
func (l *lines) text(key, text string) {
	text = strings.TrimRight(text, "\n")
	switch {
	case text == "":
	case strings.Contains(text, "\n"):
		l.all = append(l.all, key+":", "  "+strings.ReplaceAll(strings.TrimLeft(text, "\n"), "\n", "\n  "))
	default:
		l.add(key, text)
	}
}

// fetch adds what is downloaded.
func (l *lines) fetch(f *store.Fetch) {
	if f == nil {
		return
	}
	for _, url := range f.URLs {
		l.add("url", url)
	}
	l.add("hash", f.Hash)
	l.text("filename", f.Filename)
	if f.Unpack {
		l.add("unpack", fmt.Sprintf("strip %d", f.Strip))
	}
	if f.MaxSize > 0 {
		l.add("max-size", size(f.MaxSize))
	}
}

// source adds the files of a source tree.
func (l *lines) source(s *store.Store, tree store.Hash) error {
	if tree.IsZero() {
		return nil
	}
	m, err := s.Manifest(tree)
	if err != nil {
		return err
	}
	for _, e := range m.Entries() {
		if e.Kind != store.KindDir {
			l.add("src", fmt.Sprintf("%s (%s)", e.Path, size(e.Size)))
		}
	}
	return nil
}

// plain writes a value on one line: a text as it is, else as JSON.
func plain(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	if m, ok := v.(fmt.Stringer); ok {
		return m.String()
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(data)
}

func inputText(in store.Input) string {
	parts := texts(in.From)
	if in.Outputs != nil {
		parts = append(parts, "shows "+strings.Join(in.Outputs, ", "))
	}
	if in.List {
		parts = append(parts, "as a list")
	}
	if in.Match != nil {
		parts = append(parts, "match "+plain(in.Match))
	}
	return strings.Join(parts, "; ")
}

func outputText(o store.Output) string {
	text := o.Path
	for _, word := range []struct {
		is   bool
		name string
	}{{o.Kind != "any", o.Kind}, {o.Nonempty, "nonempty"}, {o.Optional, "optional"}, {o.Volatile, "volatile"}} {
		if word.is {
			text += ", " + word.name
		}
	}
	return text
}

// showRealization prints a realization, and how it came to be.
func (a *app) showRealization(s *store.Store, ref store.RRef, asJSON bool) error {
	r, err := s.Realization(ref)
	if err != nil {
		return err
	}
	doc := newRealizationJSON(s, r)
	if asJSON {
		return a.resultJSON(doc)
	}
	l := &lines{}
	l.add("realization", doc.RRef)
	l.add("derivation", doc.DRef)
	l.add("path", doc.Path)
	l.add("tree", doc.Tree)
	l.add("size", size(doc.Bytes))
	for _, k := range slices.Sorted(maps.Keys(doc.Context)) {
		l.add("input "+k, strings.Join(doc.Context[k], " "))
	}
	l.add("action key", doc.Action)
	if doc.Run > 0 {
		l.add("run", doc.Run)
	}
	l.add("made", r.Made.Format(time.RFC3339))
	l.add("took", r.Stopped.Sub(r.Started).Round(time.Millisecond))
	l.add("CPU", fmt.Sprintf("%.2f s user, %.2f s system", doc.User, doc.System))
	l.add("memory", size(doc.MaxRSS))
	l.add("by", doc.By+" on "+doc.Host+" with plx "+doc.Version)
	for _, k := range slices.Sorted(maps.Keys(doc.Tools)) {
		l.add("tool "+k, doc.Tools[k].Path+" (blake3 "+doc.Tools[k].BLAKE3+")")
	}
	if doc.Carried {
		l.add("carried", "it went on from what an earlier attempt had left")
	}
	if doc.Hand {
		l.add("made by hand", "no command made it, or not alone")
	}
	if doc.Adopted != "" {
		l.add("adopted from", doc.Adopted)
	}
	l.list("volatile", doc.Volatile)
	return a.result(l.all...)
}

type realizationJSON struct {
	RRef     string              `json:"rref"`
	DRef     string              `json:"dref"`
	Path     string              `json:"path"`
	Tree     string              `json:"tree"`
	Bytes    int64               `json:"bytes"`
	Context  map[string][]string `json:"context"`
	Action   string              `json:"action"`
	Run      int                 `json:"run"`
	Made     time.Time           `json:"made"`
	Started  time.Time           `json:"started"`
	Stopped  time.Time           `json:"stopped"`
	User     float64             `json:"user_seconds"`
	System   float64             `json:"system_seconds"`
	MaxRSS   int64               `json:"max_rss_bytes"`
	Host     string              `json:"host"`
	By       string              `json:"by"`
	Version  string              `json:"version"`
	Sandbox  string              `json:"sandbox"`
	Tools    map[string]toolJSON `json:"tools"`
	Carried  bool                `json:"carried"`
	Hand     bool                `json:"hand"`
	Adopted  string              `json:"adopted,omitempty"`
	Volatile []string            `json:"volatile"`
}

type toolJSON struct {
	Path   string `json:"path"`
	BLAKE3 string `json:"blake3"`
}

func newRealizationJSON(s *store.Store, r store.Realization) realizationJSON {
	doc := realizationJSON{
		RRef: r.Ref.String(), DRef: r.Ref.DRef().String(), Path: s.OutPath(r.Ref), Tree: r.Tree.String(), Bytes: r.Manifest.Size(),
		Context: make(map[string][]string, len(r.Context)), Action: r.Action.String(), Run: r.Run,
		Made: r.Made.UTC(), Started: r.Started, Stopped: r.Stopped,
		User: r.User.Seconds(), System: r.System.Seconds(), MaxRSS: r.MaxRSS,
		Host: r.Host, By: r.By, Version: r.Version, Sandbox: r.Sandbox,
		Tools: make(map[string]toolJSON, len(r.Tools)), Carried: r.Carried, Hand: r.Hand, Volatile: append([]string{}, r.Volatile...),
	}
	for name, refs := range r.Context {
		doc.Context[name] = texts(refs)
	}
	for name, tool := range r.Tools {
		doc.Tools[name] = toolJSON{tool.Path, tool.Digest.String()}
	}
	if !r.Adopted.IsZero() {
		doc.Adopted = r.Adopted.String()
	}
	return doc
}
