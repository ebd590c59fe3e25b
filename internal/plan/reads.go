package plan

import (
	"maps"
	"slices"
)

// Reads returns what the file was made from, with whatever it may come to be
// made from: stage files, sources, the directories in which globs were looked
// for, and what is imported. All are absolute, and each is there once.
func (f *File) Reads() []string {
	paths := map[string]bool{f.abs: true}
	for path := range f.load.sources {
		paths[path] = true
	}
	for dir, d := range f.load.disks {
		paths[dir] = true
		for list := range d.lists {
			paths[d.abs(list)] = true
		}
	}
	for _, s := range f.stages {
		if s.imported.path != "" {
			paths[s.imported.path] = true
		}
		if s.src == nil {
			continue
		}
		for _, file := range s.src.files {
			paths[file.From] = true
		}
	}
	return slices.Sorted(maps.Keys(paths))
}

// Imports reports whether a stage imports what is at the path.
func (f *File) Imports(path string) bool {
	return slices.ContainsFunc(f.stages, func(s *stage) bool { return s.imported.path == path })
}
