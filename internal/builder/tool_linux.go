package builder

import (
	"path/filepath"
	"slices"
	"strings"
)

// open returns what the command is to see of the machine besides the system:
// what it asks for, and its tools, which it finds on the search path.
func (b build) open(search string) []string {
	paths := slices.Clone(b.Open)
	for _, name := range b.Tools {
		program, err := locateTool(name, search)
		if err != nil {
			continue // the command will say so
		}
		target, err := filepath.EvalSymlinks(program)
		if err != nil {
			continue
		}
		for _, p := range []string{target, program} {
			if !isBelow(p, systemDirs()) && !isBelow(p, paths) {
				paths = append(paths, p)
			}
		}
	}
	return paths
}

// isBelow reports whether the path is one of the others, or below one.
func isBelow(p string, others []string) bool {
	return slices.ContainsFunc(others, func(other string) bool {
		return p == other || strings.HasPrefix(p, strings.TrimSuffix(other, "/")+"/")
	})
}
