package main

// What commands know of the project that they are called in: the stage file,
// the plans recorded beside it, and the stages that arguments name.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"plx/internal/builder"
	"plx/internal/plan"
	"plx/internal/store"
)

// defaultFile is the stage file that is meant where none is named.
const defaultFile = "stage.toml"

// A request is what arguments of instantiate and realize ask for.
type request struct {
	file    string            // the stage file; empty: only references are asked for
	params  map[string]string // as given with -p
	targets []string          // names of stages; none: the default ones
	drefs   []store.DRef
	frozen  bool // the newest plan is used as it is
}

// fromFile tells whether a stage file is to be read.
func (r request) fromFile() bool { return !r.frozen && len(r.drefs) == 0 }

// isFile tells a stage file among arguments.
func isFile(arg string) bool {
	name, _, _ := strings.Cut(arg, "[") // a set of stages may have any value in it
	return strings.HasSuffix(arg, ".toml") || strings.Contains(name, "/")
}

// parseRequest reads [FILE] [STAGE…|DREF…]. What is not said is taken from
// the newest plan that was recorded in this directory.
func parseRequest(s *store.Store, args, params []string) (request, error) {
	r, err := splitRequest(s, args, params)
	if err == nil && r.file == "" && len(r.drefs) == 0 {
		err = r.complete()
	}
	return r, err
}

// splitRequest reads what is said.
func splitRequest(s *store.Store, args, params []string) (request, error) {
	var r request
	for i, arg := range args {
		switch {
		case isFile(arg) && i > 0:
			return r, &usageError{fmt.Sprintf("%s: a stage file comes before the stages, and there is one at most", arg)}
		case isFile(arg):
			r.file = arg
		case strings.HasPrefix(arg, "dref:"):
			o, err := reference(s, arg)
			if err != nil {
				return r, err
			}
			r.drefs = append(r.drefs, o.DRef)
		case strings.HasPrefix(arg, "rref:"):
			o, err := reference(s, arg)
			if err != nil {
				return r, err
			}
			return r, wantsStage(arg, o)
		default:
			r.targets = append(r.targets, arg)
		}
	}
	if len(r.drefs) > 0 && (r.file != "" || len(r.targets) > 0 || len(params) > 0) {
		return r, &usageError{"references stand for themselves: give no stage file, stage or parameter with them"}
	}
	given, err := parseParams(params)
	if len(r.drefs) == 0 {
		r.params = given
	}
	return r, err
}

// hashes reads arguments that all are beginnings of hashes, where no stages have
// these names: err says so. It is returned where they aren't.
func hashes(s *store.Store, args, params []string, err error) (request, bool, error) {
	var usage *usageError
	if len(args) == 0 || len(params) > 0 || !is[*plan.NotFoundError](err) && !errors.As(err, &usage) {
		return request{}, false, err
	}
	var r request
	for _, arg := range args {
		o, ok, wrong := abbreviated(s, arg)
		switch {
		case wrong != nil:
			return r, false, wrong
		case !ok:
			return r, false, err
		case !o.RRef.IsZero():
			return r, false, wantsStage(arg, o)
		}
		r.drefs = append(r.drefs, o.DRef)
	}
	return r, true, nil
}

// complete takes what is not said from the newest plan in this directory.
func (r *request) complete() error {
	record, err := plan.Newest(".")
	if errors.Is(err, fs.ErrNotExist) {
		r.file = defaultFile
		if _, err := os.Stat(defaultFile); errors.Is(err, fs.ErrNotExist) {
			return &usageError{"there is no stage.toml here: name the stage file, as in path/to/stage.toml, or have plx init write one"}
		}
		return nil
	}
	if err != nil {
		return err
	}
	r.file = filepath.Base(record.File()) // it lies here
	if len(r.targets) == 0 {
		r.targets = record.Targets()
	}
	for name, value := range record.Params() {
		if _, given := r.params[name]; !given {
			r.params[name] = value
		}
	}
	return nil
}

// parseParams reads what -p gave.
func parseParams(params []string) (map[string]string, error) {
	given := make(map[string]string, len(params))
	for _, p := range params {
		name, value, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return nil, &usageError{fmt.Sprintf("-p %s: want -p name=value", p)}
		}
		if _, twice := given[name]; twice {
			return nil, &usageError{fmt.Sprintf("-p %s: %s is given twice", p, name)}
		}
		given[name] = value
	}
	return given, nil
}

// closure instantiates what r asks for. All derivations are in the store
// afterwards, and the plan is recorded beside the stage file.
func (a *app) closure(ctx context.Context, s *store.Store, r request) (*plan.Closure, error) {
	if !r.fromFile() {
		return a.recordedHeld(ctx, s, r)
	}
	file, err := readFile(r)
	if err != nil {
		return nil, err
	}
	if err := a.hold(ctx, s); err != nil {
		return nil, err
	}
	a.storeWatch = s.Watch()
	s.Witness(file.Evidence())
	s.RememberFiles(file.RememberedPath())
	unwatch := a.meter(s)
	c, err := file.Instantiate(ctx, s, r.targets)
	unwatch()
	if err != nil {
		return nil, err
	}
	if err := s.AddDerivations(c.Derivations()); err != nil {
		return nil, err
	}
	path, err := c.Record()
	if err != nil {
		return nil, err
	}
	if err := s.KeepRemembered(); err != nil {
		a.tell("%v", err) // it is a cache
	}
	return c, s.AddProjectRoot(filepath.Dir(path))
}

// recordedHeld holds the store before anything in it is relied on. Where there
// is none, none is made: nothing can be recorded.
func (a *app) recordedHeld(ctx context.Context, s *store.Store, r request) (*plan.Closure, error) {
	if s.Exists() {
		if err := a.hold(ctx, s); err != nil {
			return nil, err
		}
	}
	return recorded(s, r)
}

// recorded returns what r asks for where no stage file is read.
func recorded(s *store.Store, r request) (*plan.Closure, error) {
	if r.frozen {
		return currentPlan(s)
	}
	return plan.FromRefs(s, r.drefs)
}

// preview works out what r asks for, and writes nothing.
func preview(ctx context.Context, s *store.Store, r request, sources *store.Preview) (*plan.Closure, error) {
	if !r.fromFile() {
		return recorded(s, r)
	}
	file, err := readFile(r)
	if err != nil {
		return nil, err
	}
	s.RememberFiles(file.RememberedPath())
	return file.Instantiate(ctx, sources, r.targets)
}

// readFile reads the stage file of r, and checks all of it.
func readFile(r request) (*plan.File, error) {
	file, err := plan.Load(r.file, plan.Options{Params: r.params, Reserved: builder.Reserved})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &notFoundError{err.Error()}
	}
	return file, err
}

// currentPlan returns the newest plan that was recorded in this directory.
func currentPlan(s *store.Store) (*plan.Closure, error) {
	record, err := plan.Newest(".")
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(defaultFile); errors.Is(err, fs.ErrNotExist) {
			return nil, &notFoundError{"there is no plan in this directory, and no stage.toml: go where there is one, or have plx init write one"}
		}
		return nil, &notFoundError{"there is no plan in this directory: run plx instantiate or plx realize here first"}
	}
	if err != nil {
		return nil, err
	}
	return record.Closure(s)
}

// binDir returns a directory with nothing but a link to this program, for
// builds to call it, and where the program is.
func binDir(s *store.Store) (dir, exe string, err error) {
	if exe, err = os.Executable(); err != nil {
		return "", "", err
	}
	if exe, err = filepath.EvalSymlinks(exe); err != nil {
		return "", "", err
	}
	dir, err = s.LinkBin(exe, "plx")
	return dir, exe, err
}
