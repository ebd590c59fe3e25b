package store

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Kind is what an entry of a tree is.
type Kind byte

// The kinds, by their letters in a manifest.
const (
	KindDir        Kind = 'd'
	KindFile       Kind = 'f'
	KindExecutable Kind = 'x'
	KindSymlink    Kind = 'l'
)

func (k Kind) String() string {
	switch k {
	case KindDir:
		return "directory"
	case KindFile:
		return "file"
	case KindExecutable:
		return "executable"
	case KindSymlink:
		return "symlink"
	}
	return fmt.Sprintf("kind %q", byte(k))
}

// frozenMode returns the permissions that a file or directory of the kind has
// in the store.
func (k Kind) frozenMode() uint32 {
	if k == KindFile {
		return 0o444
	}
	return 0o555
}

// An Entry is one line of a manifest.
type Entry struct {
	Path   string // slash-separated, below the top of the tree
	Kind   Kind
	Size   int64  // in bytes: of a file's content, of a link's target
	Digest Digest // of a file
	Target string // of a symlink
}

// A Manifest lists what a tree contains, ordered by path. The zero Manifest
// is that of the empty tree.
type Manifest struct{ entries []Entry }

// NewManifest orders the entries and checks them: every path is clean and
// UTF-8, stands once, and has its directory; links stay inside and lead to
// something. The error is a [TreeError] if it is about a link.
func NewManifest(entries []Entry) (Manifest, error) { return newManifest(slices.Clone(entries)) }

func byPath(a, b Entry) int { return strings.Compare(a.Path, b.Path) }

// newManifest is NewManifest of entries that nobody else has.
func newManifest(entries []Entry) (Manifest, error) {
	if !slices.IsSortedFunc(entries, byPath) {
		slices.SortFunc(entries, byPath)
	}
	m, links := Manifest{entries}, false
	for i, e := range entries {
		if err := CheckPath(e.Path); err != nil {
			return Manifest{}, err
		}
		if i > 0 && entries[i-1].Path == e.Path {
			return Manifest{}, fmt.Errorf("%q stands twice", e.Path)
		}
		if !e.plausible() {
			return Manifest{}, fmt.Errorf("%q: a %v of %d bytes", e.Path, e.Kind, e.Size)
		}
		links = links || e.Kind == KindSymlink
	}
	if err := m.checkDirs(); err != nil {
		return Manifest{}, err
	}
	if links {
		if err := m.checkLinks(); err != nil {
			return Manifest{}, err
		}
	}
	return m, nil
}

// checkDirs returns an error if an entry doesn't lie in a directory.
func (m Manifest) checkDirs() error {
	known := "" // the last that was found: many entries in turn lie in the same
	for _, e := range m.entries {
		dir := e.Path[:max(0, strings.LastIndexByte(e.Path, '/'))]
		if dir == known || dir == "" {
			continue
		}
		if d, ok := m.Find(dir); !ok || d.Kind != KindDir {
			return fmt.Errorf("%q has no directory", e.Path)
		}
		known = dir
	}
	return nil
}

// checkLinks returns an error if a symlink leads outside, or to nothing.
func (m Manifest) checkLinks() error {
	kinds := make(map[string]Kind, len(m.entries)+1)
	kinds["."] = KindDir
	for _, e := range m.entries {
		kinds[e.Path] = e.Kind
	}
	for _, e := range m.entries {
		if e.Kind != KindSymlink {
			continue
		}
		if err := m.checkLink(e, kinds); err != nil {
			return err
		}
	}
	return nil
}

// plausible reports whether the size fits the kind: that of a directory is
// zero, that of a symlink the length of its target, of which there is some.
func (e Entry) plausible() bool {
	switch e.Kind {
	case KindDir:
		return e.Size == 0
	case KindSymlink:
		return e.Target != "" && e.Size == int64(len(e.Target))
	case KindFile, KindExecutable:
		return e.Size >= 0
	}
	return false
}

// CheckPath returns an error unless p is a clean, relative, slash-separated
// UTF-8 path that stays below where it starts.
func CheckPath(p string) error {
	switch {
	case !utf8.ValidString(p):
		return fmt.Errorf("%q: the name is not UTF-8", p)
	case !isClean(p) || strings.IndexByte(p, 0) >= 0:
		return fmt.Errorf("%q: want a relative path without . and .. in it", p)
	}
	return nil
}

// isClean reports whether each step of a path is the name of something.
func isClean(p string) bool {
	for {
		name, rest, more := strings.Cut(p, "/")
		if name == "" || name == "." || name == ".." {
			return false
		}
		if !more {
			return true
		}
		p = rest
	}
}

// maxLinks is how many symlinks a path may lead through, as in Linux.
const maxLinks = 40

// checkLink follows the symlink e by names alone, and returns an error unless
// it ends at an entry of the tree.
func (m Manifest) checkLink(e Entry, kinds map[string]Kind) error {
	refuse := func(what string) error {
		return &TreeError{e.Path, fmt.Errorf("is a symlink that leads %s: %q", what, e.Target)}
	}
	if path.IsAbs(e.Target) {
		return refuse("to an absolute path")
	}
	rest := strings.Split(e.Target, "/")
	for at, links := path.Dir(e.Path), 1; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == ".." && at == "." {
			return refuse("outside")
		}
		next := path.Join(at, name)
		switch kinds[next] {
		case KindDir:
			at = next
		case KindSymlink:
			link, _ := m.Find(next)
			if links++; links > maxLinks {
				return refuse("in a circle, or through too many others")
			}
			if path.IsAbs(link.Target) {
				return refuse("to an absolute path, through another")
			}
			rest = append(strings.Split(link.Target, "/"), rest...)
		case KindFile, KindExecutable:
			if len(rest) > 0 {
				return refuse("through a file")
			}
			return nil
		default:
			return refuse("to nothing")
		}
	}
	return nil
}

// Entries returns the entries in their order, not to be changed.
func (m Manifest) Entries() []Entry { return m.entries }

// Find returns the entry at the path.
func (m Manifest) Find(p string) (Entry, bool) {
	i, ok := slices.BinarySearchFunc(m.entries, p, func(e Entry, p string) int { return strings.Compare(e.Path, p) })
	if !ok {
		return Entry{}, false
	}
	return m.entries[i], true
}

// Resolve returns the entry at the path, or the one that it leads to through
// symlinks.
func (m Manifest) Resolve(p string) (Entry, bool) {
	return m.resolve(p, func(Entry) {})
}

// Reach returns what must be shown of a tree so that what lies at the paths
// can be reached: where they lead to, the symlinks on the way there, and
// likewise for the symlinks below. A path that leads to nothing is left out.
func (m Manifest) Reach(paths []string) []string {
	seen := make(map[string]bool)
	todo := slices.Clone(paths)
	for len(todo) > 0 {
		p := todo[0]
		todo = todo[1:]
		var passed []string
		end, ok := m.resolve(p, func(link Entry) { passed = append(passed, link.Path) })
		if !ok || seen[end.Path] && len(passed) == 0 {
			continue
		}
		for _, link := range passed {
			seen[link] = true
		}
		if seen[end.Path] {
			continue
		}
		seen[end.Path] = true
		for _, e := range m.Narrow([]string{end.Path}).entries {
			if e.Kind == KindSymlink {
				todo = append(todo, e.Path)
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// resolve is [Manifest.Resolve]. It calls pass for each symlink on the way.
func (m Manifest) resolve(p string, pass func(Entry)) (Entry, bool) {
	rest, at, links := strings.Split(p, "/"), ".", 0
	e := Entry{Path: ".", Kind: KindDir}
	for len(rest) > 0 {
		if e.Kind != KindDir && e.Kind != KindSymlink {
			return Entry{}, false // a file has nothing below it
		}
		next := path.Join(at, rest[0])
		rest = rest[1:]
		if next == "." {
			at, e = ".", Entry{Path: ".", Kind: KindDir}
			continue
		}
		var ok bool
		if e, ok = m.Find(next); !ok {
			return Entry{}, false
		}
		if e.Kind != KindSymlink {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return Entry{}, false
		}
		pass(e)
		rest = append(strings.Split(e.Target, "/"), rest...)
	}
	return e, true
}

// IsEmpty reports whether e is a file without content, or a directory without
// entries.
func (m Manifest) IsEmpty(e Entry) bool {
	if e.Kind != KindDir {
		return e.Size == 0
	}
	return !slices.ContainsFunc(m.entries, func(below Entry) bool {
		return e.Path == "." || strings.HasPrefix(below.Path, e.Path+"/")
	})
}

// How two trees differ where one has nothing.
const (
	OnlyFirst  = "only in the first"
	OnlySecond = "only in the second"
)

// A Difference is a path at which two trees differ.
type Difference struct {
	Path string
	How  string
}

// Differing tells how two trees differ, in order of the paths.
func Differing(a, b Manifest) []Difference {
	var found []Difference
	differ := func(e Entry, format string, args ...any) {
		found = append(found, Difference{e.Path, fmt.Sprintf(format, args...)})
	}
	for _, e := range a.entries {
		switch other, ok := b.Find(e.Path); {
		case !ok:
			differ(e, OnlyFirst)
		case other.Kind != e.Kind:
			differ(e, "%s, then %s", e.Kind, other.Kind)
		case other.Size != e.Size && e.Kind != KindDir:
			differ(e, "%d bytes, then %d", e.Size, other.Size)
		case other != e:
			differ(e, "same size, other content")
		}
	}
	for _, e := range b.entries {
		if _, ok := a.Find(e.Path); !ok {
			differ(e, OnlySecond)
		}
	}
	slices.SortFunc(found, func(x, y Difference) int { return strings.Compare(x.Path, y.Path) })
	return found
}

// Differences tells the same as [Differing], a line for each path.
func Differences(a, b Manifest) []string {
	var lines []string
	for _, d := range Differing(a, b) {
		lines = append(lines, d.Path+": "+d.How)
	}
	return lines
}

// Size returns the sum of the sizes of all files, in bytes.
func (m Manifest) Size() int64 {
	var n int64
	for _, e := range m.entries {
		n += e.Size
	}
	return n
}

// Narrow returns the manifest of what lies at the paths or below them, with
// the directories that lead there.
func (m Manifest) Narrow(paths []string) Manifest {
	above := make(map[string]bool)
	for _, p := range paths {
		for d := path.Dir(p); d != "."; d = path.Dir(d) {
			above[d] = true
		}
	}
	var kept []Entry
	for _, e := range m.entries {
		if above[e.Path] || slices.ContainsFunc(paths, func(p string) bool { return p == e.Path || strings.HasPrefix(e.Path, p+"/") }) {
			kept = append(kept, e)
		}
	}
	return Manifest{kept}
}

// manifestHeader is the first line of a manifest. It tells one kind of hashed
// text from the others, and one version of it from the next.
const manifestHeader = "plx tree 1\n"

// Text returns the manifest in the form that the tree hash is taken of: a
// line per entry, of kind, size, digest (of a symlink its target, of a
// directory "-") and path, separated by tabs.
func (m Manifest) Text() []byte {
	const usual = 100 // bytes of a line
	b := append(make([]byte, 0, len(manifestHeader)+len(m.entries)*usual), manifestHeader...)
	for i := range m.entries {
		b = m.entries[i].appendTo(b)
	}
	return b
}

// appendTo appends the line of e.
func (e *Entry) appendTo(b []byte) []byte {
	b = append(b, byte(e.Kind), '\t')
	b = strconv.AppendInt(b, e.Size, 10)
	b = append(b, '\t')
	switch e.Kind {
	case KindDir:
		b = append(b, '-')
	case KindSymlink:
		b = append(b, escapePath(e.Target)...)
	default:
		b = hex.AppendEncode(b, e.Digest.sum[:])
	}
	b = append(b, '\t')
	b = append(b, escapePath(e.Path)...)
	return append(b, '\n')
}

// Hash returns the tree hash.
func (m Manifest) Hash() Hash { return HashOf(m.Text()) }

var (
	pathEscapes   = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`)
	pathUnescapes = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r", `\t`, "\t")
)

func escapePath(p string) string {
	if strings.ContainsAny(p, "\\\n\r\t") {
		return pathEscapes.Replace(p)
	}
	return p
}

func unescapePath(p string) string {
	if strings.Contains(p, `\`) {
		return pathUnescapes.Replace(p)
	}
	return p
}

// ParseManifest reads what [Manifest.Text] writes, and nothing else.
func ParseManifest(text []byte) (Manifest, error) {
	rest, ok := strings.CutPrefix(string(text), manifestHeader)
	if !ok {
		return Manifest{}, fmt.Errorf("manifest: want %q first", manifestHeader)
	}
	entries := make([]Entry, 0, strings.Count(rest, "\n"))
	var again []byte
	canonical := true
	for n := 2; rest != ""; n++ {
		line, after, _ := strings.Cut(rest, "\n")
		e, err := parseEntry(line)
		if err != nil {
			return Manifest{}, fmt.Errorf("manifest: line %d: %v", n, err)
		}
		again = e.appendTo(again[:0])
		canonical = canonical && strings.HasPrefix(rest, string(again))
		entries, rest = append(entries, e), after
	}
	ordered := slices.IsSortedFunc(entries, byPath)
	m, err := newManifest(entries)
	if err != nil {
		return Manifest{}, fmt.Errorf("manifest: %v", err)
	}
	if !canonical || !ordered {
		return Manifest{}, errors.New("manifest: not in canonical form")
	}
	return m, nil
}

func parseEntry(line string) (Entry, error) {
	kind, rest, _ := strings.Cut(line, "\t")
	number, rest, _ := strings.Cut(rest, "\t")
	digest, path, whole := strings.Cut(rest, "\t")
	if !whole || len(kind) != 1 || strings.Contains(path, "\t") {
		return Entry{}, errors.New("want kind, size, digest and path")
	}
	size, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return Entry{}, fmt.Errorf("size %q: want a number", number)
	}
	e := Entry{Path: unescapePath(path), Kind: Kind(kind[0]), Size: size}
	switch e.Kind {
	case KindDir:
	case KindSymlink:
		e.Target = unescapePath(digest)
	case KindFile, KindExecutable:
		e.Digest, err = ParseDigest(digest)
	default:
		err = fmt.Errorf("unknown kind %q", kind)
	}
	return e, err
}
