package plan

import (
	"slices"
	"strings"
)

// This file is the language: every key that a stage file may have.
// docs/stage-file.md has a section for each, which a test checks.

// keys are those of one kind of table. The value tells whether this version
// supports the key; the others have their meaning fixed, but are refused.
type keys map[string]bool

var fileKeys = keys{
	"params": true, "defaults": true, "stage": true,
	"use": true, "require": true,
}

var defaultsKeys = keys{
	"shell": true, "env": true, "passenv": true, "runs": true, "max-runs": true, "match": true, "timeout": true,
	"network": true, "sandbox": true,
	"tools": false, "retries": false, "resources": false,
}

var stageKeys = keys{
	"run": true, "fetch": true, "files": true, "import": true,
	"inputs": true, "config": true, "outputs": true, "metrics": true, "src": true, "check": true,
	"shell": true, "env": true, "passenv": true, "runs": true, "max-runs": true, "match": true, "timeout": true,
	"description": true, "default": true, "always": true, "group": true,
	"matrix": true, "exclude": true, "include": true,
	"extends": true, "without": true,
	"network": true, "sandbox": true,
	"tools": false, "carry": false, "retries": false, "resources": false,
}

// groupKeys are the keys that mean something in a group.
var groupKeys = []string{"group", "description", "default"}

var useKeys = keys{"file": true, "params": true, "bind": true, "override": true}

var sandboxKeys = keys{"paths": true}

var inputKeys = keys{"stage": true, "outputs": true, "match": true, "list": true}

var outputKeys = keys{"path": true, "kind": true, "nonempty": true, "optional": true, "volatile": true}

var importKeys = keys{"path": true, "sha256": true, "filename": true}

var fetchKeys = keys{
	"url": true, "urls": true, "blake3": true, "sha256": true, "sha512": true, "sha1": true,
	"filename": true, "unpack": true, "strip": true, "max-size": true,
}

// commandKeys are the keys of a stage that say something about a command
// that makes the result, and so mean nothing without one.
var commandKeys = []string{"inputs", "config", "src", "runs", "max-runs", "match", "always", "matrix", "exclude", "include", "network"}

// scriptKeys are the keys of a stage that say something about any process.
var scriptKeys = []string{"env", "passenv", "timeout", "sandbox"}

// known reports the keys of the table that are not among the keys, and
// whether there was none.
func (p *problems) known(n *node, known keys) bool {
	table, _ := n.value.(map[string]any)
	ok := true
	for key := range table {
		supported, exists := known[key]
		switch {
		case !exists:
			hint := p.near(key, known.names())
			if hint == "" {
				hint = "; the keys here are " + strings.Join(known.names(), ", ")
			}
			p.add(n.child(key), "unknown key%s", hint)
		case !supported:
			p.add(n.child(key), "not supported by this version of plx")
		}
		ok = ok && supported
	}
	return ok
}

// names returns the supported keys, sorted.
func (k keys) names() []string {
	var names []string
	for name, supported := range k {
		if supported {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
