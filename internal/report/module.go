package report

import (
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// pageFiles are the modules of the page, its style, and the plotting library.
//
//go:embed page/*.js page/*.css page/page.html page/vendor/uPlot.iife.min.js page/vendor/uPlot.min.css page/vendor/LICENSE
var pageFiles embed.FS

// mainModule is where the page begins.
const mainModule = "main.js"

var (
	importLine = regexp.MustCompile(`(?m)^import \{([^}]*)\} from "\./([a-z]+\.js)";\n`)
	exportWord = regexp.MustCompile(`(?m)^export (async function\*?|function\*?|const|class) ([A-Za-z_$][\w$]*)`)
	leftover   = regexp.MustCompile(`(?m)^(import|export)\b.*`)
)

// A joiner makes one script of ES modules: a page is one file, and browsers
// load no module from a file beside it.
//
// Each module becomes a function that is called once and returns what the
// module exports, so that its other names stay its own. It understands what the
// modules use: import { a, b } from "./x.js"; at the beginning of a line, and
// export before a function, class or const.
type joiner struct {
	read   func(name string) (string, error)
	joined []string
	done   map[string]bool
	open   []string
}

// joinModules returns the script of a module and of all that it imports.
func joinModules(name string, read func(name string) (string, error)) (string, error) {
	j := &joiner{read: read, done: make(map[string]bool)}
	if err := j.add(name); err != nil {
		return "", err
	}
	return strings.Join(j.joined, ""), nil
}

// add adds a module after those that it imports.
func (j *joiner) add(name string) error {
	if j.done[name] {
		return nil
	}
	if slices.Contains(j.open, name) {
		return fmt.Errorf("join %s: it imports itself, by way of %s", name, strings.Join(j.open, ", "))
	}
	j.open = append(j.open, name)
	text, err := j.read(name)
	if err != nil {
		return err
	}
	for _, found := range importLine.FindAllStringSubmatch(text, -1) {
		if err := j.add(found[2]); err != nil {
			return err
		}
	}
	text = importLine.ReplaceAllString(text, "const {$1} = $$module[\"$2\"];\n")
	var exports []string
	for _, found := range exportWord.FindAllStringSubmatch(text, -1) {
		exports = append(exports, found[2])
	}
	text = exportWord.ReplaceAllString(text, "$1 $2")
	if other := leftover.FindString(text); other != "" {
		return fmt.Errorf("join %s: it has what is not understood: %s", name, other)
	}
	if len(j.joined) == 0 {
		j.joined = append(j.joined, "const $module = {};\n")
	}
	j.joined = append(j.joined, fmt.Sprintf("// %s\n$module[%q] = (() => {\n%s\nreturn {%s};\n})();\n", name, name, text, strings.Join(exports, ", ")))
	j.done[name], j.open = true, j.open[:len(j.open)-1]
	return nil
}

// afterPaint returns a script that begins when the page was seen for the first
// time: what can be seen before is not kept waiting for it.
func afterPaint(script string) string {
	return "\"use strict\";\nconst $start = () => {\n" + script + "};\n" +
		"document.hidden ? $start() : requestAnimationFrame(() => setTimeout($start));\n"
}

func readPageFile(name string) (string, error) {
	data, err := pageFiles.ReadFile("page/" + name)
	return string(data), err
}
