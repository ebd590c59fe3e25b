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
	program string                       // looked up on PATH; plx is built
	needs   string                       // another program that must be there, which the version is of
	version []string                     // prints the version, in its first line that has a digit
	files   func(work) map[string]string // describe the work to it
	init    string                       // a script that is run once, before the first build; not measured; $0 is the program
	args    []string                     // makes what isn't there or has changed
	env     func(dir string) []string
	left    string // a script that is run where it was ended before it was done
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
	dudTool       = "dud"
	taskTool      = "task"
)

// stageTools are the tools, plx first.
func stageTools() []tool {
	none := func(string) []string { return nil }
	plx := tool{program: plxTool, files: in("stage.toml", plxFile), env: plxEnv, result: `"$0" cat "s$1.o"`}
	plain := func(name, args string) tool {
		t := plx
		t.name, t.args = name, strings.Fields(args)
		return t
	}
	return []tool{
		plain(plxTool, "realize --sandbox=off -j2 stage.toml"),
		plain(otherTool, "realize --sandbox=off -j2 stage.toml"),
		plain(plxSandboxed, "realize --sandbox=strict -j2 stage.toml"),
		{name: makeTool, program: "make", version: []string{"--version"}, files: in("Makefile", makefile), args: []string{"-s", "-j2"}, env: none},
		{name: ninjaTool, program: "ninja", version: []string{"--version"}, files: in("build.ninja", ninjaFile), args: []string{"--quiet", "-j2"}, env: none},
		{name: tupTool, program: "tup", version: []string{"--version"}, files: in("Tupfile", tupfile), init: `"$0" init`, args: []string{"-j2"}, env: none, left: "umount -l .tup/mnt || fusermount3 -uz .tup/mnt"},
		{name: nixTool, program: "nix-build", version: []string{"--version"}, files: in("default.nix", nixFile), args: nixArgs, env: nixEnv, result: nixResult},
		{name: shTool, program: "sh", files: in("build.sh", shFile), args: []string{"build.sh"}, env: none, once: true},
		{name: bwrapTool, program: "sh", needs: "bwrap", version: []string{"--version"}, files: in("build.sh", bwrapFile), args: []string{"build.sh"}, env: none, once: true},
		{name: snakemakeTool, program: "snakemake", version: []string{"--version"}, files: in("Snakefile", snakefile), args: []string{"-j2", "--quiet", "all"}, env: none},
		{name: doitTool, program: "doit", version: []string{"--version"}, files: in("dodo.py", dodoFile), args: []string{"-n2", "-v0"}, env: none},
		{name: dudTool, program: "sh", needs: "dud", version: []string{"version"}, files: dudFiles, init: "dud init && dud stage add s*.yaml", args: []string{"-c", "dud run && dud commit --copy"}, env: none},
		{name: taskTool, program: "task", version: []string{"--version"}, files: in("Taskfile.yml", taskfile), args: []string{"-s", "-C2", "all"}, env: none},
	}
}

func toolNames() []string {
	var names []string
	for _, t := range stageTools() {
		names = append(names, t.name)
	}
	return append(names, dataToolNames()...)
}

// plxVersion makes plx print its version.
var plxVersion = []string{"version"}

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
