package main

import "fmt"

// This file describes the work of stages to each tool.

// in puts what describes the work into one file.
func in(name string, text func(work) string) func(work) map[string]string {
	return func(w work) map[string]string { return map[string]string{name: text(w)} }
}

func plxFile(w work) string {
	return w.each("", func(i int) string {
		from, in := fmt.Sprintf("inputs  = { prev = \"s%d:o\" }", w.input(i)), `"$prev"`
		if w.input(i) == 0 {
			from, in = fmt.Sprintf("src     = [%q]", sourceFile), sourceFile
		}
		return fmt.Sprintf("[stage.s%d]\n%s\noutputs = { o = \"o\" }\nrun     = '%s'\n\n", i, from, script(i, in, `"$o"`))
	}, "")
}

func makefile(w work) string {
	return w.each("all: "+w.list("o%d", " ")+"\n", func(i int) string {
		return fmt.Sprintf("o%d: %s\n\t@read -r name text < $<; echo \"s%d $$text\" > $@\n", i, file(w.input(i)), i)
	}, ".PHONY: all\n")
}

func ninjaFile(w work) string {
	rule := "rule stage\n  command = read -r name text < $in; echo \"$id $$text\" > $out\n"
	return w.each(rule, func(i int) string {
		return fmt.Sprintf("build o%d: stage %s\n  id = s%d\n", i, file(w.input(i)), i)
	}, "")
}

func tupfile(w work) string {
	return w.each("", func(i int) string {
		return fmt.Sprintf(": %s |> %s |> o%d\n", file(w.input(i)), script(i, "%f", "%o"), i)
	}, "")
}

func nixFile(w work) string {
	head := `let
  stage = name: prev: derivation {
    inherit name prev;
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-c" ''read -r from text < "$prev"; echo "$name $text" > "$out"'' ];
  };
  s0 = ./` + sourceFile + ";\n"
	return w.each(head, func(i int) string {
		return fmt.Sprintf("  s%d = stage \"s%d\" s%d;\n", i, i, w.input(i))
	}, "in [ "+w.list("s%d", " ")+" ]\n")
}

// shFile does everything, one after the other, each in a shell of its own.
func shFile(w work) string {
	return w.each("set -e\n", func(i int) string {
		return fmt.Sprintf("/bin/sh -c '%s'\n", script(i, file(w.input(i)), file(i)))
	}, "")
}

// bwrapFile likewise, and each isolated about as plx isolates it.
func bwrapFile(w work) string {
	const isolated = `bwrap --unshare-all --die-with-parent --ro-bind / / --dev /dev --proc /proc --tmpfs /tmp --bind "$PWD" "$PWD" --chdir "$PWD"`
	return w.each("set -e\n", func(i int) string {
		return fmt.Sprintf("%s /bin/sh -c '%s'\n", isolated, script(i, file(w.input(i)), file(i)))
	}, "")
}

func snakefile(w work) string {
	head := "shell.executable('/bin/sh')\nshell.prefix('')\nrule all:\n    input: " + w.list("'o%d'", ", ") + "\n"
	return w.each(head, func(i int) string {
		return fmt.Sprintf("rule s%d:\n    input: '%s'\n    output: 'o%d'\n    shell: '%s'\n", i, file(w.input(i)), i, script(i, "{input}", "{output}"))
	}, "")
}

func dodoFile(w work) string {
	return w.each("def task_stage():\n", func(i int) string {
		in := file(w.input(i))
		return fmt.Sprintf("    yield {'name': 's%d', 'actions': ['%s'], 'file_dep': ['%s'], 'targets': ['o%d']}\n", i, script(i, in, file(i)), in, i)
	}, "")
}

// dudFiles has a file for each stage. A stage writes over what it made before:
// that must not be a link into dud's store, so all is committed as copies.
func dudFiles(w work) map[string]string {
	files := make(map[string]string)
	for i := 1; i <= w.n; i++ {
		in := file(w.input(i))
		files[fmt.Sprintf("s%d.yaml", i)] = fmt.Sprintf("command: %s\ninputs:\n  %s: {}\noutputs:\n  o%d: {}\n", script(i, in, file(i)), in, i)
	}
	return files
}

func taskfile(w work) string {
	head := "version: '3'\ntasks:\n  all:\n    deps: [" + w.list("s%d", ", ") + "]\n"
	return w.each(head, func(i int) string {
		deps := ""
		if w.input(i) > 0 {
			deps = fmt.Sprintf("    deps: [s%d]\n", w.input(i))
		}
		return fmt.Sprintf("  s%d:\n%s    sources: [%s]\n    generates: [o%d]\n    cmds:\n      - |\n        /bin/sh -c '%s'\n",
			i, deps, file(w.input(i)), i, script(i, file(w.input(i)), file(i)))
	}, "")
}
