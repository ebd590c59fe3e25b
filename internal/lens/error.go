package lens

import (
	"errors"
	"fmt"
	"strings"
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
	if name := nearest(e.Name, e.Valid); name != "" {
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

// nearest returns the name that is likely meant by word, or "".
func nearest(word string, names []string) string {
	near, least := "", max(1, len(word)/3)+1
	for _, name := range names {
		if gap := len(name) - len(word); max(gap, -gap) >= least {
			continue
		}
		if d := distance(word, name); d < least {
			near, least = name, d
		}
	}
	return near
}

// distance returns how many letters must be added, dropped, changed or
// swapped with their neighbour to make b of a.
func distance(a, b string) int {
	before, row := []int(nil), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			change := row[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			next[j] = min(change, row[j]+1, next[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
