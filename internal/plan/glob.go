package plan

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"plx/internal/store"
)

// A glob is a pattern for paths, taken apart at its slashes. The part "**"
// stands for any number of directories, none included. The others are those of
// [path.Match]; as in a shell, what they match begins with a dot only if they
// do, and "**" goes through no directory whose name begins with one.
type glob []string

// isGlob tells whether a part of a path is a pattern.
func isGlob(part string) bool { return strings.ContainsAny(part, `*?[\`) }

// parseGlob checks the parts of a pattern. Its last part is never "**": there
// it means every file below.
func parseGlob(parts []string) (glob, error) {
	g := make(glob, 0, len(parts)+1)
	for _, part := range parts {
		if part == "**" && len(g) > 0 && g[len(g)-1] == "**" {
			continue
		}
		if _, err := path.Match(part, ""); err != nil {
			return nil, fmt.Errorf("%q is no pattern: a [ without ], or a \\ at its end", part)
		}
		g = append(g, part)
	}
	if g[len(g)-1] == "**" {
		g = append(g, "*")
	}
	return g, nil
}

// start returns where in the pattern a path may begin. Like all places it is
// ordered, and a place len(g) is the pattern's end.
func (g glob) start() []int { return g.enter(nil, 0) }

// enter adds a place, and the next if there "**" may stand for nothing.
func (g glob) enter(places []int, place int) []int {
	if !slices.Contains(places, place) {
		places = append(places, place)
	}
	if place < len(g) && g[place] == "**" {
		places = g.enter(places, place+1)
	}
	return places
}

// step returns where in the pattern a path may be after one more name. A link
// ends "**", which so can't run in circles.
func (g glob) step(places []int, name string, link bool) []int {
	var next []int
	for _, place := range places {
		switch {
		case place == len(g):
		case g[place] == "**":
			if !link && !strings.HasPrefix(name, ".") {
				next = g.enter(next, place)
			}
		case matchName(g[place], name):
			next = g.enter(next, place+1)
		}
	}
	slices.Sort(next)
	return next
}

func matchName(pattern, name string) bool {
	if strings.HasPrefix(name, ".") && !strings.HasPrefix(strings.TrimPrefix(pattern, `\`), ".") {
		return false
	}
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// done tells whether the places have the pattern's end, and returns the
// others.
func (g glob) done(places []int) (bool, []int) {
	if n := len(places); n > 0 && places[n-1] == len(g) {
		return true, places[:n-1]
	}
	return false, places
}

// A disk looks at files, and keeps what it has seen: however many stages of a
// file ask, a directory is listed once.
type disk struct {
	dir     string // of the stage file, absolute
	see     *store.Evidence
	lists   map[string]listing
	looks   map[string]look
	matches map[string]matches
	sources map[string]*sources // of lists of globs, by the globs
}

// newDisk returns a disk for the stage file in dir, which is absolute.
func newDisk(dir string) *disk {
	return &disk{dir, nil, make(map[string]listing), make(map[string]look), make(map[string]matches), make(map[string]*sources)}
}

type listing struct {
	entries []fs.DirEntry
	err     error
}

// A look is what there is at a path: a directory, or else a regular file.
type look struct {
	dir bool
	err error // fit to follow the path
}

// matches are the files that a pattern stands for.
type matches struct {
	base   string   // what of the pattern is no pattern
	single bool     // base is a file, and all there is
	paths  []string // below base, sorted
	err    error
}

// abs returns the path of what a stage file calls p.
func (d *disk) abs(p string) string {
	if path.IsAbs(p) {
		return path.Clean(p)
	}
	return path.Join(d.dir, p)
}

// list returns what is in a directory. A store is no source: whoever keeps one
// in the project would have it taken into itself.
func (d *disk) list(dir string) ([]fs.DirEntry, error) {
	l, ok := d.lists[dir]
	if !ok {
		l.entries, l.err = d.see.ReadDir(dir)
		if isStore(l.entries) {
			l.entries = nil
		}
		d.lists[dir] = l
	}
	return l.entries, l.err
}

// isStore tells a store by the names at its top.
func isStore(entries []fs.DirEntry) bool {
	has := func(name string) bool {
		return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == name })
	}
	return has("version") && has("drv") && has("tree") && has("action")
}

// stat follows links.
func (d *disk) stat(p string) look {
	l, ok := d.looks[p]
	if ok {
		return l
	}
	info, err := d.see.Stat(p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.err = errors.New("no such file or directory")
	case err != nil:
		l.err = plainPathError(err)
	case info.IsDir():
		l.dir = true
	case !info.Mode().IsRegular():
		l.err = errors.New("neither a file nor a directory")
	}
	d.looks[p] = l
	return l
}

// plainPathError drops operation and path of what os says.
func plainPathError(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}

// find returns the files that a pattern stands for: the one that it names, all
// below the directory that it names, or those that match.
func (d *disk) find(pattern string) matches {
	m, ok := d.matches[pattern]
	if !ok {
		m = d.search(pattern)
		slices.Sort(m.paths)
		if m.err == nil && len(m.paths) == 0 {
			m.err = errors.New("matches no file")
		}
		d.matches[pattern] = m
	}
	return m
}

// unmatched says more of why a pattern stands for no file, if it is one of
// another tool's.
func unmatched(pattern string, err error) error {
	if strings.HasPrefix(pattern, "!") {
		return fmt.Errorf("%v: no pattern leaves out files; name those that are wanted", err)
	}
	return err
}

func (d *disk) search(pattern string) matches {
	parts := strings.Split(path.Clean(pattern), "/")
	i := slices.IndexFunc(parts, isGlob)
	if i < 0 {
		return d.named(path.Clean(pattern))
	}
	m := matches{base: path.Clean(strings.Join(parts[:i], "/"))}
	if i == 1 && parts[0] == "" {
		m.base = "/"
	}
	g, err := parseGlob(parts[i:])
	if err != nil {
		m.err = err
		return m
	}
	l := d.stat(d.abs(m.base))
	switch {
	case l.err == nil && l.dir:
		m.paths, m.err = d.walk(g, d.abs(m.base), "", g.start(), nil)
	case errors.As(l.err, new(syscall.Errno)): // there may be one
		m.err = l.err
	}
	return m
}

// named returns the file at the path, or all below the directory there.
func (d *disk) named(p string) matches {
	m := matches{base: p}
	l := d.stat(d.abs(p))
	switch {
	case l.err != nil:
		m.err = l.err
	case l.dir:
		m.paths, m.err = d.below(d.abs(p), "", nil)
	default:
		m.single, m.paths = true, []string{""}
	}
	return m
}

// walk adds the files below dir that match. at is the way from where the
// pattern begins, places where in the pattern it is.
func (d *disk) walk(g glob, dir, at string, places []int, paths []string) ([]string, error) {
	entries, err := d.list(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %v", dir, plainPathError(err))
	}
	if len(g.step(places, recordDir, false)) > 0 {
		d.see.Spoil() // it matches what plx itself may write
	}
	for _, e := range entries {
		link := e.Type()&fs.ModeSymlink != 0
		matched, rest := g.done(g.step(places, e.Name(), link))
		if !matched && len(rest) == 0 {
			continue
		}
		child := filepath.Join(dir, e.Name())
		isDir, err := d.isDir(e, child)
		switch {
		case isDir && len(rest) > 0:
			if paths, err = d.walk(g, child, path.Join(at, e.Name()), rest, paths); err != nil {
				return nil, err
			}
		case isDir || !matched:
		case err != nil:
			return nil, fmt.Errorf("%s: %v", path.Join(at, e.Name()), err)
		default:
			paths = append(paths, path.Join(at, e.Name()))
		}
	}
	return paths, nil
}

// isDir tells directories from files. What is neither is an error.
func (d *disk) isDir(e fs.DirEntry, p string) (bool, error) {
	switch {
	case e.IsDir():
		return true, nil
	case e.Type().IsRegular():
		return false, nil
	}
	l := d.stat(p)
	return l.dir, l.err
}

// below adds all files below dir but for what plx and git keep there. Links to
// directories are left out: they might lead in circles.
func (d *disk) below(dir, at string, paths []string) ([]string, error) {
	entries, err := d.list(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %v", dir, plainPathError(err))
	}
	for _, e := range entries {
		if e.Name() == ".plx" || e.Name() == ".git" {
			continue
		}
		child := filepath.Join(dir, e.Name())
		isDir, err := d.isDir(e, child)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %v", path.Join(at, e.Name()), err)
		case !isDir:
			paths = append(paths, path.Join(at, e.Name()))
		case e.IsDir():
			if paths, err = d.below(child, path.Join(at, e.Name()), paths); err != nil {
				return nil, err
			}
		}
	}
	return paths, nil
}
