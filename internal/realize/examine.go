package realize

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"plx/internal/builder"
	"plx/internal/store"
)

// examine is step 5: it holds a result, which lies at dir, to the promises and
// then to the check of the stage. The check's output goes to the log; with a
// nil log it is thrown away.
func (t *task) examine(ctx context.Context, m store.Manifest, volatile []string, dir string, log *os.File) error {
	d := t.stage.Derivation
	if err := checkPromises(d, m, volatile); err != nil {
		return err
	}
	if d.Check == "" {
		return nil
	}
	err := t.inspect(ctx, d.Check, dir, m, d.Config, log)
	var exit *builder.ExitError
	if errors.As(err, &exit) {
		return &CheckError{err}
	}
	return err
}

// checkPromises returns an error for the first output, in order of names, that
// is not as promised.
func checkPromises(d store.Derivation, m store.Manifest, volatile []string) error {
	for _, name := range slices.Sorted(maps.Keys(d.Outputs)) {
		o := d.Outputs[name]
		if err := checkPromise(o, m, volatile); err != nil {
			return &PromiseError{Output: name, Path: o.Path, Err: err}
		}
	}
	return nil
}

func checkPromise(o store.Output, m store.Manifest, volatile []string) error {
	if o.Volatile {
		if !o.Optional && !slices.Contains(volatile, o.Path) {
			return errors.New("was promised, and is not in the result")
		}
		return nil
	}
	e, there := m.Resolve(o.Path)
	switch {
	case !there && o.Optional:
		return nil
	case !there:
		return errors.New("was promised, and is not in the result" + whatThereIs(m))
	case o.Kind == "file" && e.Kind == store.KindDir:
		return errors.New("is a directory, where a file was promised")
	case o.Kind == "dir" && e.Kind != store.KindDir:
		return errors.New("is a file, where a directory was promised")
	case o.Nonempty && m.IsEmpty(e):
		return errors.New("is empty, where something was promised")
	}
	return nil
}

// whatThereIs names the first few files of a result.
func whatThereIs(m store.Manifest) string {
	const most = 5
	var names []string
	for _, e := range m.Entries() {
		if e.Kind == store.KindDir {
			continue
		}
		if len(names) == most {
			names = append(names, "…")
			break
		}
		names = append(names, e.Path)
	}
	if names == nil {
		return ", which is empty: write it to \"$out\""
	}
	return ", which holds " + strings.Join(names, ", ")
}

// inspect runs a script on a finished result, which it can't change.
func (t *task) inspect(ctx context.Context, script, dir string, m store.Manifest, config map[string]any, log *os.File) error {
	st, err := t.g.Store.Stage()
	if err != nil {
		return err
	}
	defer st.Abort()
	if log == nil {
		if log, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0); err != nil {
			return err
		}
		defer log.Close()
	}
	_, err = t.g.run(ctx, builder.Action{
		Dir:     st.Dir(),
		Argv:    append(scriptShell(t.stage.Derivation), "-c", script),
		Result:  dir,
		Outputs: presentOutputs(t.stage.Derivation, m),
		Config:  config,
		Env:     t.stage.Derivation.Env,
		Log:     log,
		Bin:     t.g.Bin,
		Limits:  builder.Limits{Timeout: t.stage.Timeout},

		Open:       t.stage.Derivation.Sandbox.Paths,
		Tools:      t.stage.Derivation.Tools,
		Unconfined: t.stage.Derivation.Sandbox.Off,
	})
	return err
}

// scriptShell returns the shell for a script that looks at a result. A stage that
// has no script of its own has no shell; a script of an input's matcher then
// runs in the shell that stages have by default.
func scriptShell(d store.Derivation) []string {
	if len(d.Shell) == 0 {
		return []string{"sh", "-eu"}
	}
	return slices.Clone(d.Shell)
}

// presentOutputs returns the paths of the outputs; those that are not in the
// result have none.
func presentOutputs(d store.Derivation, m store.Manifest) map[string]string {
	paths := outputPaths(d.Outputs)
	for name, path := range paths {
		if _, there := m.Resolve(path); !there {
			paths[name] = ""
		}
	}
	return paths
}

// adopt is step 2 for a result that answers the action key: it becomes one of
// this derivation, unless that refuses it.
func (t *task) adopt(ctx context.Context, from store.Realization) error {
	err := t.examine(ctx, from.Manifest, from.Volatile, t.g.Store.TreePath(from.Tree), nil)
	var promise *PromiseError
	var check *CheckError
	if errors.As(err, &promise) || errors.As(err, &check) {
		t.g.observe(Event{Kind: Refused, Stage: t.stage, Refs: []store.RRef{from.Ref}, Err: err})
		return nil
	}
	if err != nil {
		return fmt.Errorf("adopt %v: %w", from.Ref, err)
	}
	r, err := t.g.Store.Adopt(from, t.stage.Ref, t.context)
	if err != nil {
		return fmt.Errorf("adopt %v: %w", from.Ref, err)
	}
	t.found = append(t.found, r)
	t.adopted = append(t.adopted, r.Ref)
	t.saved += took(from)
	return nil
}
