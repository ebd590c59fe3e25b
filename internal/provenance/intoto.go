package provenance

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"plx/internal/store"
)

// ErrNoCommand says that a result has no command that a statement could be
// about.
var ErrNoCommand = errors.New("no command made it, which is what such a statement is about")

// InToto returns an in-toto statement (v1) about the files of the result, with
// SLSA provenance (v1) as its predicate. SHA-256, which others look for, is
// taken of each file now.
func (h *History) InToto() (any, error) {
	r := h.last()
	if !r.ran() {
		return nil, ErrNoCommand
	}
	subject, err := h.subject(r)
	if err != nil {
		return nil, err
	}
	run := object{"builder": slsaBuilder(r)}
	metadata := object{"invocationId": r.name()}
	metadata.set("startedOn", stamp(r.Started))
	metadata.set("finishedOn", stamp(r.Stopped))
	run["metadata"] = metadata
	return object{
		"_type":         "https://in-toto.io/Statement/v1",
		"subject":       subject,
		"predicateType": "https://slsa.dev/provenance/v1",
		"predicate": object{
			"buildDefinition": object{
				"buildType":            plxNS + "derivation:1",
				"externalParameters":   external(r),
				"internalParameters":   internals(r),
				"resolvedDependencies": h.resolved(r),
			},
			"runDetails": run,
		},
	}, nil
}

// subject lists the files of a result with their digests.
func (h *History) subject(r result) ([]any, error) {
	list := []any{}
	for _, e := range files(r.Manifest) {
		sum, err := fileSHA256(filepath.Join(h.store.TreePath(r.Tree), filepath.FromSlash(e.Path)))
		if err != nil {
			return nil, err
		}
		list = append(list, object{"name": e.Path, "digest": object{"sha256": sum, "blake3": e.Digest.String()}})
	}
	if len(list) == 0 {
		list = append(list, object{"name": r.Ref.Name(), "uri": r.name(), "digest": object{"plxTree": r.Tree.String()}})
	}
	return list, nil
}

func fileSHA256(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func slsaBuilder(r result) object {
	b := object{"id": builder}
	if r.Host != "" {
		b["id"] = builder + ":" + escapedPath(r.Host)
	}
	if r.Version != "" {
		b["version"] = object{"plx": r.Version}
	}
	return b
}

// external are the parameters that whoever wrote the stage file has set.
func external(r result) object {
	o := object{"derivation": r.Ref.DRef().String(), "action": string(r.d.Kind)}
	o.set("script", r.d.Script)
	if len(r.d.Argv) > 0 {
		o["argv"] = r.d.Argv
	}
	if len(r.d.Shell) > 0 {
		o["shell"] = r.d.Shell
	}
	if len(r.d.Config) > 0 {
		o["config"] = value(r.d.Config)
	}
	if len(r.d.Env) > 0 {
		o["env"] = r.d.Env
	}
	return o
}

// internal are those that plx has set.
func internals(r result) object {
	o := object{"actionKey": r.Action.String()}
	o.set("sandbox", r.Sandbox)
	if r.Run > 0 {
		o["run"] = r.Run
	}
	return o
}

// resolved lists what the command was given: results, source files, downloads
// and programs.
func (h *History) resolved(r result) []any {
	list := []any{}
	h.inputs(r, func(input string, from store.RRef) {
		tree := h.results[slices.IndexFunc(h.results, func(o result) bool { return o.Ref == from })].Tree
		list = append(list, object{"name": input, "uri": from.String(), "digest": object{"plxTree": tree.String()}})
	})
	for _, e := range h.sources[r.d.Source] {
		list = append(list, object{"name": "src/" + e.Path, "digest": object{"blake3": e.Digest.String()}})
	}
	if f := r.d.Fetch; f != nil {
		algorithm, sum, _ := strings.Cut(f.Hash, ":")
		for _, url := range f.URLs {
			list = append(list, object{"uri": url, "digest": object{algorithm: sum}})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Tools)) {
		tool := r.Tools[name]
		list = append(list, object{"name": name, "uri": "file://" + escapedPath(tool.Path), "digest": object{"blake3": tool.Digest.String()}})
	}
	return list
}

// value returns a value of a config as JSON has it: dates are texts.
func value(v any) any {
	switch v := v.(type) {
	case store.Datetime:
		return v.String()
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = value(v[i])
		}
		return list
	case map[string]any:
		table := make(map[string]any, len(v))
		for k := range v {
			table[k] = value(v[k])
		}
		return table
	}
	return v
}
