package builder

// This file is the environment of a command: these variables, and no other.
//
//   - PATH, HOME, TMPDIR, LANG, TZ, SOURCE_DATE_EPOCH and MAKEFLAGS, which env
//     may replace.
//   - env itself.
//   - $x for each input, and $x_y for each output y of a single input x.
//   - one for each output, and for each config value but arrays and tables.
//   - out and PLX_*, which nothing replaces.
//
// Setting one variable twice is an error: which of them holds would depend on
// what only this file knows.

import (
	"fmt"
	"iter"
	"maps"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
)

// DefaultPath is where commands are looked for unless env says otherwise. What
// a command finds depends on it, so that it belongs in an action key.
const DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// epoch is the start of 1980 UTC in seconds since 1970, the earliest date that
// a zip file can hold. Tools that put a date into their result take this one
// in its place, and it is the time of all files that a command is given.
const epoch = 315532800

// usualVariables are as many variables as few commands have more of.
const usualVariables = 24

// An environ collects variables. Its error is the first that [environ.set] met.
type environ struct {
	values map[string]string
	from   map[string]string // who set them
	err    error
}

// set adds a variable, which must be new.
func (e *environ) set(from, name, value string) {
	if e.err != nil {
		return
	}
	switch before, twice := e.from[name]; {
	case twice:
		e.err = fmt.Errorf("%s: the variable %s is set already, by %s", from, name, before)
	case name == "" || strings.ContainsAny(name, "=\x00"):
		e.err = fmt.Errorf("%s: %q can be no name of a variable", from, name)
	case strings.ContainsRune(value, 0):
		e.err = fmt.Errorf("%s: its value has a NUL byte, which no variable can hold", from)
	}
	e.values[name], e.from[name] = value, from
}

// list returns the variables as execve takes them, in order.
func (e *environ) list() []string {
	list := make([]string, 0, len(e.values))
	for name, value := range inOrder(e.values) {
		list = append(list, name+"="+value)
	}
	return list
}

// inOrder goes through m by its keys, so that of several errors always the
// same one is met.
func inOrder[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}

// environment returns all variables of the command.
func (b build) environment() (*environ, error) {
	e := &environ{values: make(map[string]string, usualVariables), from: make(map[string]string, usualVariables)}
	b.setOwn(e)
	for name, value := range inOrder(b.Env) {
		e.set("env "+name, name, value)
	}
	b.setDefaults(e)
	for name, in := range inOrder(b.Inputs) {
		b.setInput(e, name, in)
	}
	for name, p := range inOrder(b.Outputs) {
		e.set("output "+name, name, below(b.seen.out(), p))
	}
	for name, value := range inOrder(b.Config) {
		if text, ok := scalar(value); ok {
			e.set("config "+name, name, text)
		}
	}
	return e, e.err
}

func (b build) setOwn(e *environ) {
	e.set("plx", "out", b.seen.out())
	e.set("plx", "PLX_BUILD", b.seen.description())
	e.set("plx", "PLX_CARRY", b.seen.carry())
	e.set("plx", "PLX_RUN", strconv.Itoa(b.Run))
	for name, value := range inOrder(b.Args) {
		e.set("argument "+name, "PLX_ARG_"+name, value)
	}
}

// jobserverFlags tell make where its jobserver is: in the files that follow the
// standard ones. How many jobs there are stands nowhere.
const jobserverFlags = " -j --jobserver-auth=3,4"

// setDefaults adds what a stage may replace by env.
func (b build) setDefaults(e *environ) {
	if _, set := b.Env["MAKEFLAGS"]; b.Jobs[0] != nil && !set {
		e.set("plx", "MAKEFLAGS", jobserverFlags)
	}
	for name, value := range map[string]string{
		"PATH":              DefaultPath,
		"HOME":              b.seen.tmp(),
		"TMPDIR":            b.seen.tmp(),
		"LANG":              "C.UTF-8",
		"TZ":                "UTC",
		"SOURCE_DATE_EPOCH": strconv.Itoa(epoch),
	} {
		if _, set := b.Env[name]; !set {
			e.set("plx", name, value)
		}
	}
	if b.Bin != "" {
		bin := b.Bin
		if b.walls.namespaces {
			bin = cellBin
		}
		e.values["PATH"] = strings.TrimPrefix(e.values["PATH"]+":"+bin, ":")
	}
}

func (b build) setInput(e *environ, name string, in Input) {
	dir, from := b.seen.in()+"/"+name, "input "+name
	switch {
	case in.List:
		e.set(from, name, dir)
	case in.File != "" && in.Items[0].lacks(in.File):
		e.set(from, name, "")
	case in.File != "":
		e.set(from, name, below(dir, in.File))
	default:
		e.set(from, name, dir)
		for output, p := range inOrder(in.Items[0].Outputs) {
			e.set(from, name+"_"+output, below(dir, p))
		}
	}
}

// below returns the path p below dir; of what is absent, none.
func below(dir, p string) string {
	if p == "" {
		return ""
	}
	return dir + "/" + path.Clean(p)
}

// lacks reports whether the item has outputs, none of them at p: so an input
// that is one output says that it is absent.
func (item Item) lacks(p string) bool {
	for _, have := range item.Outputs {
		if have == p {
			return false
		}
	}
	return len(item.Outputs) > 0
}

// scalar returns the text of a config value that goes into a variable.
func scalar(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return formatFloat(v), true
	case fmt.Stringer:
		return v.String(), true
	default:
		return "", false
	}
}

// formatFloat writes the shortest text that reads back as f, and an exponent
// only where there would be many zeros, as JavaScript does.
func formatFloat(f float64) string {
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
		return mantissa + "e" + exponent[:1] + strings.TrimLeft(exponent[1:], "0")
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// isVariable reports whether a shell can expand $name.
func isVariable(name string) bool {
	for i, c := range name {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}
