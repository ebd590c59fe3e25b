package lens

import (
	"errors"
	"fmt"
	"strings"

	"plx/internal/near"
)

// ErrUnrealized says that an output has no file, since the lens starts at a
// derivation and not at a realization of it.
var ErrUnrealized = errors.New("not realized")

// A NameError says that a lens names something that isn't there.
type NameError struct {
	In    string   // what was looked into
	Name  string   // the name or index, as a lens has it
	Valid []string // the right names, as a lens has them; nil where none can be listed
	Hint  string   // what more is to say, or ""
}

// maxListed is how many right names a message lists.
const maxListed = 20

func (e *NameError) Error() string {
	text := e.In + " has no " + e.Name
	if n := len(e.Valid); n > maxListed {
		text += fmt.Sprintf(", only %s and %d more", strings.Join(e.Valid[:maxListed], ", "), n-maxListed)
	} else if n > 0 {
		text += ", only " + strings.Join(e.Valid, ", ")
	}
	if e.Hint != "" {
		text += ": " + e.Hint
	}
	if name := near.Name(e.Name, e.Valid); name != "" {
		text += "; did you mean " + name + "?"
	}
	return text
}

// A ContentError says that a file doesn't hold what a lens looks for: it is
// malformed, or of another form.
type ContentError struct {
	File string
	Err  error
}

func (e *ContentError) Error() string { return e.File + ": " + e.Err.Error() }
