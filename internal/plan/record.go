package plan

// This file keeps plans beside stage files. The rules are:
//
//   - .plx/ ignores itself for git, and holds nothing but plans, memos, answers,
//     and what is remembered of source files: a cache, which a store writes.
//
//   - There is one plan per stage file, targets and params, named by their
//     hash. Its time is when it was last recorded; one that says the same is
//     not written again.
//
//   - A plan appears whole, by rename(2). Plans that were not recorded again
//     for 30 days go when another is written.
//
// Collecting garbage reads the stages' references of all of them as roots.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"plx/internal/store"
)

const (
	recordFormat = "plx plan 1"
	recordDir    = ".plx"
	recordPrefix = "plan-"
	recordSuffix = ".json"

	// rememberedFile is what a store remembers of the files of the project.
	rememberedFile = "files"

	// recordAge is how long a plan that is not recorded again is kept.
	recordAge = 30 * 24 * time.Hour
)

// An origin is where a closure comes from: the absolute path of its stage
// file, empty if it comes from none, and what was asked for.
type origin struct {
	file    string
	params  map[string]string
	targets []string
}

// dir returns the directory of the plans.
func (o origin) dir() string { return filepath.Join(filepath.Dir(o.file), recordDir) }

// RememberedPath returns where what is remembered of the files that f takes in
// belongs: beside its plans.
func (f *File) RememberedPath() string {
	return filepath.Join(origin{file: f.abs}.dir(), rememberedFile)
}

// path returns where the plan is.
func (o origin) path() (string, error) {
	hash, err := o.hash()
	return filepath.Join(o.dir(), recordPrefix+hash+recordSuffix), err
}

// hash returns what the plan is named by.
func (o origin) hash() (string, error) {
	params := make(map[string]any, len(o.params))
	for name, text := range o.params {
		params[name] = text
	}
	targets := make([]any, len(o.targets))
	for i, name := range o.targets {
		targets[i] = name
	}
	data, err := store.Canonical(map[string]any{"file": filepath.Base(o.file), "params": params, "targets": targets})
	if err != nil {
		return "", err
	}
	return store.HashOf(data).String(), nil
}

// recordFile is the content of a plan.
type recordFile struct {
	Format       string              `json:"format"`
	File         string              `json:"file"`
	Params       map[string]string   `json:"params"`
	Targets      []string            `json:"targets"`
	Stages       []recordStage       `json:"stages"`
	TargetStages []string            `json:"target_stages"`
	Groups       map[string][]string `json:"groups,omitempty"`
}

type recordStage struct {
	Name    string `json:"name"`
	DRef    string `json:"dref"`
	Runs    int    `json:"runs"`
	MaxRuns int    `json:"max_runs,omitempty"`
	recordLimits
	PassEnv     []string `json:"passenv,omitempty"`
	Description string   `json:"description,omitempty"`

	// Order says, by the names of inputs that draw on sets, how the stages
	// that the derivation has are to be ordered: the axes' order is no part
	// of it.
	Order map[string][]int `json:"order,omitempty"`
}

// Record keeps the closure as a plan beside its stage file, and returns the
// plan's path. A closure that comes from no stage file has no plan, and no
// path.
func (c *Closure) Record() (string, error) {
	if c.origin.file == "" {
		return "", nil
	}
	path, err := c.origin.path()
	if err != nil {
		return "", fmt.Errorf("record plan: %v", err)
	}
	if err := c.record(path); err != nil {
		return "", fmt.Errorf("record plan: %w", err)
	}
	c.sources = nil // their memos are kept, and they are large
	return path, nil
}

func (c *Closure) record(path string) error {
	data, err := c.encode()
	if err != nil {
		return err
	}
	c.recorded = data
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, data) {
		now := time.Now()
		return errors.Join(os.Chtimes(path, now, now), keepMemos(filepath.Dir(path), c.sources))
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	ignore := filepath.Join(dir, ".gitignore")
	if _, err := os.Lstat(ignore); errors.Is(err, fs.ErrNotExist) {
		if err := replace(ignore, []byte("*\n")); err != nil {
			return err
		}
	}
	if err := replace(path, data); err != nil {
		return err
	}
	if err := keepMemos(dir, c.sources); err != nil {
		return err
	}
	return dropOld(dir, time.Now().Add(-recordAge))
}

func (c *Closure) encode() ([]byte, error) {
	file := recordFile{
		Format:       recordFormat,
		File:         filepath.Base(c.origin.file),
		Params:       maps.Clone(c.origin.params),
		Targets:      append([]string{}, c.origin.targets...),
		Stages:       make([]recordStage, len(c.stages)),
		TargetStages: make([]string, len(c.targets)),
		Groups:       c.groups,
	}
	if file.Params == nil {
		file.Params = map[string]string{}
	}
	for i, s := range c.stages {
		file.Stages[i] = recordStage{s.Name, s.Ref.String(), s.Runs, s.MaxRuns, s.Limits.record(), s.PassEnv, s.Description, setOrders(s)}
	}
	for i, s := range c.targets {
		file.TargetStages[i] = s.Name
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "\t")
	err := enc.Encode(file)
	return b.Bytes(), err
}

// replace makes a file appear at once, whole.
func replace(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), recordPrefix+"*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // does nothing after the rename
	_, err = f.Write(data)
	if err := errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// dropOld removes plans, and what an interrupted write left, from before t.
func dropOld(dir string, t time.Time) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		ours := strings.HasPrefix(e.Name(), recordPrefix) || strings.HasPrefix(e.Name(), memoPrefix) || strings.HasPrefix(e.Name(), answerPrefix)
		if err != nil || !ours || !info.ModTime().Before(t) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// A Record is a plan that was kept: what was asked for, and what it came to.
type Record struct {
	path   string
	origin origin
	file   recordFile
}

// Newest returns the plan that was recorded last in the project directory. The
// error is [fs.ErrNotExist] if there is none.
func Newest(dir string) (*Record, error) {
	entries, err := os.ReadDir(filepath.Join(dir, recordDir))
	if err != nil {
		return nil, fmt.Errorf("recorded plan: %w", err)
	}
	var newest fs.FileInfo
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), recordPrefix) || !strings.HasSuffix(e.Name(), recordSuffix) {
			continue
		}
		info, err := e.Info()
		if err == nil && (newest == nil || info.ModTime().After(newest.ModTime())) {
			newest = info
		}
	}
	if newest == nil {
		return nil, fmt.Errorf("recorded plan: %s: %w", filepath.Join(dir, recordDir), fs.ErrNotExist)
	}
	return readRecord(filepath.Join(dir, recordDir, newest.Name()))
}

// Recorded returns the plan that was recorded for the stage file with these
// targets, and the params of o. The error is [fs.ErrNotExist] if there is none.
func (o Options) Recorded(path string, targets []string) (*Record, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("recorded plan: %v", err)
	}
	at, err := origin{abs, o.Params, targets}.path()
	if err != nil {
		return nil, fmt.Errorf("recorded plan: %v", err)
	}
	return readRecord(at)
}

func readRecord(path string) (*Record, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("recorded plan: %w", err)
	}
	r := &Record{path: path}
	if err := json.Unmarshal(data, &r.file); err != nil {
		return nil, fmt.Errorf("recorded plan %s: %v", path, err)
	}
	if r.file.Format != recordFormat {
		return nil, fmt.Errorf("recorded plan %s: format %q: want %q", path, r.file.Format, recordFormat)
	}
	if name := r.file.File; name == "" || name != filepath.Base(name) || name == ".." || name == "." {
		return nil, fmt.Errorf("recorded plan %s: file %q is no name of a file", path, name)
	}
	dir, err := filepath.Abs(filepath.Join(filepath.Dir(path), ".."))
	if err != nil {
		return nil, fmt.Errorf("recorded plan %s: %v", path, err)
	}
	r.origin = origin{filepath.Join(dir, r.file.File), r.file.Params, r.file.Targets}
	return r, nil
}

// File returns the path of the stage file.
func (r *Record) File() string { return r.origin.file }

// Params returns the texts that were given with -p.
func (r *Record) Params() map[string]string { return maps.Clone(r.file.Params) }

// Targets returns what was asked for; nothing stands for the default targets.
func (r *Record) Targets() []string { return slices.Clone(r.file.Targets) }

// Closure returns what was recorded, whatever the stage file says by now. The
// error wraps what src returned.
func (r *Record) Closure(src Derivations) (*Closure, error) {
	c, err := r.closure(src)
	if err != nil {
		return nil, fmt.Errorf("recorded plan %s: %w", r.path, err)
	}
	return c, nil
}

func (r *Record) closure(src Derivations) (*Closure, error) {
	known := make(map[store.DRef]recordStage, len(r.file.Stages))
	var refs []store.DRef
	for _, s := range r.file.Stages {
		ref, err := store.ParseDRef(s.DRef)
		if err != nil {
			return nil, err
		}
		if _, twice := known[ref]; !twice {
			known[ref] = s
		}
		refs = append(refs, ref)
	}
	w := walker{src: src, c: newClosure(), prepare: func(s *Stage) error { return known[s.Ref].set(s) }}
	w.c.origin, w.c.groups = r.origin, r.file.Groups
	for i, ref := range refs {
		s, err := w.visit(ref)
		if err != nil {
			return nil, err
		}
		if other := r.file.Stages[i]; other.Name != s.Name {
			if err := w.c.addAgain(s, other); err != nil {
				return nil, err
			}
		}
	}
	for _, name := range r.file.TargetStages {
		s := w.c.byName[name]
		if s == nil {
			return nil, fmt.Errorf("it has no stage %q", name)
		}
		w.c.addTarget(s)
	}
	return w.c, nil
}

// addAgain adds a stage that has a derivation in common with another.
func (c *Closure) addAgain(s *Stage, other recordStage) error {
	same := *s
	same.Inputs = slices.Clone(s.Inputs)
	other.Order = nil // it is that of s
	if err := other.set(&same); err != nil {
		return err
	}
	c.add(&same)
	return nil
}

// set gives a stage what its derivation doesn't say.
func (r recordStage) set(s *Stage) error {
	if r.Name == "" || r.Runs < 1 || r.MaxRuns < 0 {
		return fmt.Errorf("it lacks %v, or says nothing of its runs", s.Ref)
	}
	s.Name, s.Runs, s.MaxRuns, s.PassEnv, s.Description = r.Name, r.Runs, r.MaxRuns, r.PassEnv, r.Description
	for i := range s.Inputs {
		if order := r.Order[s.Inputs[i].Name]; order != nil {
			if err := s.Inputs[i].reorder(order); err != nil {
				return err
			}
		}
	}
	var err error
	if s.Limits, err = r.limits(); err != nil {
		return fmt.Errorf("%v: %w", s.Ref, err)
	}
	return nil
}
