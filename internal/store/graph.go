package store

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A graph is what there is in a store, read once: for gc, rm, and whoever asks
// what keeps something.
type graph struct {
	store   *Store
	drefs   []DRef             // all derivations, in order
	of      map[DRef][]RRef    // all realizations, in order
	nodes   map[RRef]*node     // those whose records can be read
	beside  map[DRef][]string  // names in the directory of a derivation that belong to no record
	broken  map[RRef]Hash      // those whose records can't be read, with the trees that their links lead to
	odd     []DRef             // derivations whose directories can't be read
	sources map[DRef]*drawn    // what they draw on, of the derivations that were looked at
	trees   map[Hash]treeFiles // all that there are
	damaged []error
	failed  []error // why something could not be read that may be sound
}

// report takes note of what can't be read. If it is the machine that failed,
// what is to be kept is not known, and nothing may be removed.
func (g *graph) report(err error) {
	if isDamage(err) {
		g.damaged = append(g.damaged, err)
	} else {
		g.failed = append(g.failed, err)
	}
}

// A node is what gc must know of a realization.
type node struct {
	context       []RRef // in the order of the inputs' names
	tree          Hash
	made          time.Time
	bytes         int64 // of the record
	log, volatile bool  // there are such
}

// drawn is what a derivation draws on.
type drawn struct {
	source Hash
	deps   []DRef
}

// treeFiles is what there is of a tree.
type treeFiles struct {
	dir, manifest bool
	bytes         int64 // of its files and its manifest, if known is true
	known         bool
}

// readGraph reads all records, with as many at once as there are processors.
func (s *Store) readGraph(ctx context.Context) (*graph, error) {
	g := &graph{
		store: s, of: map[DRef][]RRef{}, nodes: map[RRef]*node{}, beside: map[DRef][]string{},
		broken: map[RRef]Hash{}, sources: map[DRef]*drawn{}, trees: map[Hash]treeFiles{},
	}
	var err error
	if g.drefs, err = s.Derivations(); err != nil {
		return nil, err
	}
	if err := g.readTrees(); err != nil {
		return nil, err
	}
	read := make([]shelf, len(g.drefs))
	t := s.tally("look for garbage", int64(len(read)), false)
	InParallel(len(read), func(i int) {
		if ctx.Err() == nil {
			read[i] = s.readShelf(g.drefs[i])
			t.add(1)
		}
	})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for i := range read {
		g.add(g.drefs[i], &read[i])
	}
	return g, errors.Join(g.failed...)
}

// readTrees lists the trees.
func (g *graph) readTrees() error {
	names, err := dirNames(g.store.join("tree"))
	if err != nil {
		return err
	}
	for _, name := range names {
		base, manifest := strings.CutSuffix(name, ".manifest")
		tree, err := ParseHash(base)
		if err != nil {
			continue
		}
		files := g.trees[tree]
		files.dir, files.manifest = files.dir || !manifest, files.manifest || manifest
		g.trees[tree] = files
	}
	return nil
}

// A shelf is what was read of the directory of a derivation.
type shelf struct {
	err    error // the directory can't be read
	rrefs  []RRef
	nodes  []*node // of each of rrefs; nil: it is broken
	sizes  []int64 // of the trees of the nodes; negative: the record doesn't say
	beside []string
	broken []error // of each nil of nodes
}

// readShelf reads the records of a derivation.
func (s *Store) readShelf(dref DRef) shelf {
	names, err := dirNames(s.drvDir(dref))
	if err != nil {
		return shelf{err: err}
	}
	var sh shelf
	there := make(map[string]bool, len(names))
	for _, name := range names {
		there[name] = true
	}
	for _, name := range names {
		base, extension, _ := strings.Cut(name, ".")
		hash, err := ParseHash(base)
		switch {
		case err == nil && extension == "json":
			sh.read(s, RRef{hash, dref}, there)
		case err != nil || !there[base+".json"]:
			sh.beside = append(sh.beside, name)
		}
	}
	return sh
}

// read reads one record.
func (sh *shelf) read(s *Store, ref RRef, there map[string]bool) {
	data, made, err := readTimed(s.recordPath(ref))
	if errors.Is(err, fs.ErrNotExist) {
		return // a dry run keeps nobody from removing it
	}
	sh.rrefs = append(sh.rrefs, ref)
	r, inline, damage := decodeRealization(ref, data)
	if err == nil && damage != nil {
		err = &DamageError{s.recordPath(ref), damage}
	}
	if err != nil {
		sh.nodes, sh.sizes = append(sh.nodes, nil), append(sh.sizes, -1)
		sh.broken = append(sh.broken, err)
		return
	}
	n := &node{tree: r.Tree, made: made, bytes: int64(len(data))}
	for _, name := range slices.Sorted(maps.Keys(r.Context)) {
		n.context = append(n.context, r.Context[name]...)
	}
	base := ref.hash.String()
	n.log, n.volatile = there[base+".log"], there[base+".volatile"]
	size := int64(-1)
	if inline {
		size = r.Manifest.Size()
	}
	sh.nodes, sh.sizes = append(sh.nodes, n), append(sh.sizes, size)
}

func (g *graph) add(dref DRef, sh *shelf) {
	if sh.err != nil { // a file that has a directory's name
		if errors.Is(sh.err, fs.ErrPermission) { // what is in it may be in use
			g.failed = append(g.failed, sh.err)
			return
		}
		g.report(sh.err)
		g.odd = append(g.odd, dref)
		return
	}
	g.of[dref] = sh.rrefs
	if sh.beside != nil {
		g.beside[dref] = sh.beside
	}
	for _, err := range sh.broken {
		g.report(err)
	}
	for i, n := range sh.nodes {
		if n == nil {
			target, _ := os.Readlink(g.store.OutPath(sh.rrefs[i]))
			tree, _ := ParseHash(filepath.Base(target)) // zero: there is no such link
			g.broken[sh.rrefs[i]] = tree
			continue
		}
		g.nodes[sh.rrefs[i]] = n
		if files := g.trees[n.tree]; sh.sizes[i] >= 0 && files.dir && !files.known {
			files.bytes, files.known = sh.sizes[i], true
			if files.manifest {
				files.bytes += diskSize(g.store.manifestPath(n.tree))
			}
			g.trees[n.tree] = files
		}
	}
}

// drawn returns what a derivation draws on, or nil if it can't be read.
func (g *graph) drawn(ref DRef) *drawn {
	if d, known := g.sources[ref]; known {
		return d
	}
	var found *drawn
	d, err := g.store.Derivation(ref)
	if err == nil {
		found = &drawn{source: d.Source, deps: d.Dependencies()}
	} else if !errors.Is(err, ErrNotExist) {
		g.report(err)
	}
	g.sources[ref] = found
	return found
}

// drvSize returns the size of a derivation's line, in bytes.
func (g *graph) drvSize(ref DRef) int64 {
	data, _ := g.store.derivationText(ref) // what has no line takes no space
	return int64(len(data))
}

// ownSize returns the size of what belongs to a realization alone, in bytes.
func (g *graph) ownSize(ref RRef) int64 {
	n := g.nodes[ref]
	if n == nil {
		return 0
	}
	size := n.bytes
	if n.log {
		size += diskSize(g.store.LogPath(ref))
	}
	if n.volatile {
		size += diskSize(g.store.VolatilePath(ref))
	}
	return size
}

// treeSize returns the size of a tree and its manifest, in bytes.
func (g *graph) treeSize(tree Hash) int64 {
	files := g.trees[tree]
	if files.known || !files.dir && !files.manifest {
		return files.bytes
	}
	files.bytes, files.known = diskSize(g.store.manifestPath(tree)), true
	if m, err := g.store.Manifest(tree); err == nil && files.dir {
		files.bytes += m.Size()
	} else if files.dir {
		files.bytes += diskSize(g.store.TreePath(tree))
	}
	g.trees[tree] = files
	return files.bytes
}

// lastUsed returns when a realization was last used.
func (g *graph) lastUsed(ref RRef) time.Time {
	info, err := os.Lstat(g.store.OutPath(ref))
	if err != nil {
		return g.nodes[ref].made // the link is lost
	}
	return info.ModTime()
}

// diskSize returns the sum of the sizes of a file, or of all files below a
// directory, in bytes.
func diskSize(path string) int64 {
	var n int64
	filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // gone meanwhile: it takes no space
		}
		if info, err := d.Info(); err == nil && !d.IsDir() {
			n += info.Size()
		}
		return nil
	})
	return n
}
