package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"plx/internal/near"
	"plx/internal/store"
)

// A SyntaxError is one thing that is wrong in a stage file, or in a value
// given with -p.
type SyntaxError struct {
	File   string // the path as it was given, or "-p name=value"
	Line   int    // from 1; 0 for a value given with -p
	Column int    // from 1, in characters
	Key    string // as in stage.anneal.inputs.start; empty if the file is no TOML
	Err    error
	Uses   string // where the uses stand that lead to a module, as in "stage.toml:3: use.base → "
}

func (e SyntaxError) Error() string {
	var b strings.Builder
	b.WriteString(e.Uses + e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	if e.Key != "" {
		b.WriteString(": " + e.Key)
	}
	return b.String() + ": " + e.Err.Error()
}

// Unwrap returns what is wrong.
func (e SyntaxError) Unwrap() error { return e.Err }

// Errors is all that is wrong in a stage file, in the order of the file.
type Errors []SyntaxError

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the errors one by one.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, one := range e {
		errs[i] = one
	}
	return errs
}

// A PinError says that an imported file is not the one that its stage names.
type PinError struct {
	Path string // of the file
	Want string // the SHA-256 that the stage file has, in hex
	Have string // the SHA-256 that the file has
}

func (e *PinError) Error() string {
	return fmt.Sprintf("%s is not the file that is pinned\n\texpected sha256 %s\n\tgot      sha256 %s\n\tif that is the right one, write: sha256 = %q",
		e.Path, e.Want, e.Have, e.Have)
}

// A NotFoundError says that a stage asked for is not in the stage file.
type NotFoundError struct {
	Name string
	File string   // the path of the stage file
	Near string   // a stage that there is, with a name like it; may be empty
	Have []string // the stages that there are
	Err  error    // why there is no such stage; nil: nothing has its name
}

func (e *NotFoundError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	text := fmt.Sprintf("%s: unknown stage %q%s", e.File, e.Name, didYouMean(e.Near))
	if e.Near == "" && len(e.Have) > 0 && len(e.Have) <= 20 {
		text += "; the stages are " + strings.Join(e.Have, ", ")
	}
	return text
}

// problems collects what is wrong with a file. The zero value is ready to use.
type problems struct {
	list    []problem
	guesses int // how many names suggestions were sought among

	outputs map[string]store.Output // of the stage that was read last
}

// A problem is an error and where it is.
type problem struct {
	at  *node
	err error
}

func (p *problems) add(at *node, format string, args ...any) {
	p.list = append(p.list, problem{at, fmt.Errorf(format, args...)})
}

// errors returns the problems as [Errors], with their places, or nil if there
// are none. What is wrong in a module is said once, however often it is used.
func (p *problems) errors() Errors {
	errs := make(Errors, len(p.list))
	located := make(map[*source]places)
	uses := make(map[*unit]string)
	order := make(map[string]int)
	for i, one := range p.list {
		u := one.at.in()
		order[u.src.shown] = u.src.order
		chain, ok := uses[u]
		if !ok {
			chain = usesText(u, located)
			uses[u] = chain
		}
		errs[i] = SyntaxError{File: u.src.shown, Key: one.at.path(), Err: one.err, Uses: chain}
		errs[i].Line, errs[i].Column = u.src.places(located).of(one.at)
	}
	return sorted(errs, order)
}

// sorted orders the errors, and drops what stands twice.
func sorted(errs Errors, files map[string]int) Errors {
	slices.SortStableFunc(errs, func(a, b SyntaxError) int {
		return cmp.Or(cmp.Compare(files[a.File], files[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			strings.Compare(a.Key, b.Key), strings.Compare(a.Err.Error(), b.Err.Error()))
	})
	return slices.CompactFunc(errs, func(a, b SyntaxError) bool {
		return a.File == b.File && a.Line == b.Line && a.Column == b.Column && a.Key == b.Key && a.Err.Error() == b.Err.Error()
	})
}

// maxGuesses is how many names suggestions are sought among in one file:
// enough for every error that somebody reads, and not quadratic for more.
const maxGuesses = 1 << 18

// guess returns the name that is most like word, or nothing.
func (p *problems) guess(word string, names []string) string {
	if p.guesses += len(names); p.guesses > maxGuesses {
		return ""
	}
	return near.Name(word, names)
}

// near returns the guess as the end of a message.
func (p *problems) near(word string, names []string) string { return didYouMean(p.guess(word, names)) }

func didYouMean(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", name)
}
