package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// A tool is one of those that are compared at the work of stages.
type tool struct {
	name    string
	program string   // looked up on PATH; plx is built
	needs   string   // another program that must be there, which the version is of
	version []string // prints the version, in its first line that has a digit
	file    string   // the file that describes the work to it
	text    func(work) string
	init    []string // run once, before the first build; not measured
	args    []string // makes what isn't there or has changed
	env     func(dir string) []string
	result  string // a script that prints what stage $1 made, the last target; $0 is the program. Empty: there is a file
	once    bool   // knows only to do everything: measured at first builds
}

// plxTool is the name of the tool that the others are compared with, and that
// the bars are about.
const (
	plxTool       = "plx"
	plxSandboxed  = "plx sandboxed"
	otherTool     = "other plx"
	shTool        = "sh"
	bwrapTool     = "sh in bwrap"
	ninjaTool     = "ninja"
	makeTool      = "make"
	tupTool       = "tup"
	nixTool       = "nix"
	snakemakeTool = "snakemake"
	doitTool      = "doit"
	taskTool      = "task"
)

// stageTools are the tools, plx first.
func stageTools() []tool {
	none := func(string) []string { return nil }
	plx := tool{program: "plx", version: []string{"version"}, file: "stage.toml", text: plxFile, env: plxEnv, result: `"$0" cat "s$1.o"`}
	plain := func(name, args string) tool {
		t := plx
		t.name, t.args = name, strings.Fields(args)
		return t
	}
	return []tool{
		plain(plxTool, "realize --sandbox=off -j2 stage.toml"),
		plain(otherTool, "realize --sandbox=off -j2 stage.toml"),
		plain(plxSandboxed, "realize --sandbox=strict -j2 stage.toml"),
		{name: makeTool, program: "make", version: []string{"--version"}, file: "Makefile", text: makefile, args: []string{"-s", "-j2"}, env: none},
		{name: ninjaTool, program: "ninja", version: []string{"--version"}, file: "build.ninja", text: ninjaFile, args: []string{"--quiet", "-j2"}, env: none},
		{name: tupTool, program: "tup", version: []string{"--version"}, file: "Tupfile", text: tupfile, init: []string{"init"}, args: []string{"-j2"}, env: none},
		{name: nixTool, program: "nix-build", version: []string{"--version"}, file: "default.nix", text: nixFile, args: nixArgs, env: nixEnv, result: nixResult},
		{name: shTool, program: "sh", file: "build.sh", text: shFile, args: []string{"build.sh"}, env: none, once: true},
		{name: bwrapTool, program: "sh", needs: "bwrap", version: []string{"--version"}, file: "build.sh", text: bwrapFile, args: []string{"build.sh"}, env: none, once: true},
		{name: snakemakeTool, program: "snakemake", version: []string{"--version"}, file: "Snakefile", text: snakefile, args: []string{"-j2", "--quiet", "all"}, env: none},
		{name: doitTool, program: "doit", version: []string{"--version"}, file: "dodo.py", text: dodoFile, args: []string{"-n2", "-v0"}, env: none},
		{name: taskTool, program: "task", version: []string{"--version"}, file: "Taskfile.yml", text: taskfile, args: []string{"-s", "-C2", "all"}, env: none},
	}
}

func toolNames() []string {
	var names []string
	for _, t := range stageTools() {
		names = append(names, t.name)
	}
	return append(names, dataToolNames()...)
}

func plxEnv(dir string) []string { return []string{"PLX_STORE=" + filepath.Join(dir, "store")} }

// nixArgs are those of a single user who builds everything, without a sandbox.
var nixArgs = []string{"--no-out-link", "-j2", "--option", "sandbox", "false", "--option", "substitute", "false", "--option", "build-users-group", ""}

// nixResult asks for the paths of the targets, of which the last is wanted.
const nixResult = `cat "$("$0" --no-out-link --option sandbox false --option substitute false --option build-users-group "" | tail -n 1)"`

// nixEnv puts all that Nix has below the directory.
func nixEnv(dir string) []string {
	var env []string
	for _, name := range []string{"STORE", "STATE", "LOG", "CONF", "LOCALSTATE", "DATA"} {
		env = append(env, fmt.Sprintf("NIX_%s_DIR=%s", name, filepath.Join(dir, "nix", strings.ToLower(name))))
	}
	return env
}

// versionOf asks a program for its version.
func versionOf(path string, args []string) string {
	if len(args) == 0 {
		return ""
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(out)) {
		if strings.ContainsAny(line, "0123456789") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}
