package plan

import (
	"slices"
	"strings"
)

// This file is the language: every key that a stage file may have.
// docs/stage-file.md has a section for each, which a test checks.

// keys are those of one kind of table, each once.
type keys []string

var fileKeys = keys{
	"params", "defaults", "stage",
	"use", "require",
}

var defaultsKeys = keys{
	"shell", "env", "passenv", "runs", "max-runs", "match",
	"timeout", "max-silent", "max-log", "max-output", "retries", "resources", "tools",
	"network", "sandbox",
}

var stageKeys = keys{
	"run", "fetch", "files", "import",
	"inputs", "config", "outputs", "metrics", "src", "check",
	"shell", "env", "passenv", "runs", "max-runs", "match",
	"timeout", "max-silent", "max-log", "max-output", "retries", "resources",
	"tools", "carry",
	"description", "default", "always", "group",
	"matrix", "exclude", "include",
	"extends", "without",
	"network", "sandbox",
}

// groupKeys are the keys that mean something in a group.
var groupKeys = []string{"group", "description", "default"}

var useKeys = keys{"file", "params", "bind", "override"}

var sandboxKeys = keys{"paths"}

var inputKeys = keys{"stage", "outputs", "match", "list"}

var outputKeys = keys{"path", "kind", "nonempty", "optional", "volatile"}

var importKeys = keys{"path", "sha256", "filename"}

var fetchKeys = keys{
	"url", "urls", "blake3", "sha256", "sha512", "sha1",
	"filename", "unpack", "strip", "max-size",
}

// commandKeys are the keys of a stage that say something about a command
// that makes the result, and so mean nothing without one.
var commandKeys = []string{"inputs", "config", "src", "runs", "max-runs", "match", "always", "matrix", "exclude", "include",
	"network", "max-silent", "max-log", "max-output", "retries", "resources", "tools", "carry"}

// scriptKeys are the keys of a stage that say something about any process.
var scriptKeys = []string{"env", "passenv", "timeout", "sandbox"}

// known reports the keys of the table that are not among the keys, and
// whether there was none.
func (p *problems) known(n *node, known keys) bool {
	table, _ := n.value.(map[string]any)
	ok := true
	for key := range table {
		if slices.Contains(known, key) {
			continue
		}
		ok = false
		hint := p.near(key, known.sorted())
		if hint == "" {
			hint = "; the keys here are " + strings.Join(known.sorted(), ", ")
		}
		p.add(n.child(key), "unknown key%s", hint)
	}
	return ok
}

func (k keys) sorted() []string { return slices.Sorted(slices.Values(k)) }
