package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A PackError says that an archive is not one that [Store.Pack] writes: it is
// damaged, or was made to do harm.
type PackError struct {
	Entry string // its name in the archive; empty: it is about the whole
	Err   error
}

func (e *PackError) Error() string {
	if e.Entry == "" {
		return fmt.Sprintf("archive: %v", e.Err)
	}
	return fmt.Sprintf("archive: entry %q: %v", e.Entry, e.Err)
}

// A Listing says what an archive holds: the closure of some realizations, in an
// order in which what an object needs comes before it.
type Listing struct {
	Targets []RRef // the realizations that were asked for
	objects []object
}

// An object is one of four: a tree, a derivation, a realization, or a
// realization that was removed although something here was built from it.
type object struct {
	tree     packedTree
	dref     DRef
	rref     RRef
	removed  bool
	made     time.Time  // of a realization: when it was last made
	text     packedFile // the canonical derivation, or the record
	log      packedFile // no digest: none
	volatile packedTree // no hash: none
}

// A packedTree is a tree in an archive. Its manifest comes before its files.
type packedTree struct {
	hash   Hash
	source bool  // of a derivation: it has a file for its manifest
	text   int64 // size of the manifest, in bytes
	bytes  int64 // sum of the sizes of what it lists
	of     RRef  // whose record has the manifest; known only where it is packed
}

// A packedFile is what a file in an archive must be.
type packedFile struct {
	bytes  int64
	digest Digest // of a derivation none: the reference tells
}

// name returns the object's name, with which those of its entries begin.
func (o object) name() string {
	switch {
	case !o.tree.hash.IsZero():
		return treeEntry(o.tree.hash)
	case !o.dref.IsZero():
		return drvEntry(o.dref)
	}
	return realizationEntry(o.rref)
}

// reference returns what names the object in the store.
func (o object) reference() string {
	switch {
	case !o.tree.hash.IsZero():
		return o.tree.hash.String()
	case !o.dref.IsZero():
		return o.dref.String()
	}
	return o.rref.String()
}

func treeEntry(tree Hash) string       { return "tree/" + tree.String() }
func drvEntry(ref DRef) string         { return "drv/" + ref.base() }
func realizationEntry(ref RRef) string { return drvEntry(ref.dref) + "/" + ref.hash.String() }
func (o object) isRealization() bool   { return !o.rref.IsZero() && !o.removed }
func (t packedTree) total() int64      { return t.text + t.bytes }
func (o object) size() int64           { return o.text.bytes + o.log.bytes + o.tree.total() + o.volatile.total() }
func (t packedTree) ownManifest() bool { return t.source || t.text > maxInlineManifest }

func fileOf(data []byte) packedFile { return packedFile{int64(len(data)), DigestOf(data)} }

func treeOf(h Hash, m Manifest) packedTree {
	return packedTree{hash: h, text: int64(len(m.Text())), bytes: m.Size()}
}

// Realizations returns the realizations in the archive, each after what it is
// built from.
func (l Listing) Realizations() []RRef {
	var refs []RRef
	for _, o := range l.objects {
		if o.isRealization() {
			refs = append(refs, o.rref)
		}
	}
	return refs
}

// Derivations returns the derivations in the archive, each after those that it
// draws on.
func (l Listing) Derivations() []DRef {
	var refs []DRef
	for _, o := range l.objects {
		if !o.dref.IsZero() {
			refs = append(refs, o.dref)
		}
	}
	return refs
}

// Trees returns the trees in the archive.
func (l Listing) Trees() []Hash {
	var trees []Hash
	for _, o := range l.objects {
		if !o.tree.hash.IsZero() {
			trees = append(trees, o.tree.hash)
		}
	}
	return trees
}

// Add adds what another archive holds, but for what l has.
func (l *Listing) Add(more Listing) {
	had := make(map[string]bool, len(l.objects))
	for _, o := range l.objects {
		had[o.name()] = true
	}
	for _, o := range more.objects {
		if !had[o.name()] {
			l.objects = append(l.objects, o)
		}
	}
	for _, ref := range more.Targets {
		if !slices.Contains(l.Targets, ref) {
			l.Targets = append(l.Targets, ref)
		}
	}
}

// Bytes returns the sum of the sizes of all that the archive holds, before it
// is compressed.
func (l Listing) Bytes() int64 {
	var n int64
	for _, o := range l.objects {
		n += o.size()
	}
	return n
}

// packFormat marks a listing. The number that follows is the version of the
// archive: of the listing and of all that comes after it.
const (
	packFormat  = "plx pack "
	packVersion = 1
)

type listingJSON struct {
	Format  string       `json:"format"`
	Targets []string     `json:"targets"`
	Objects []objectJSON `json:"objects"`
}

type objectJSON struct {
	Tree        string    `json:"tree,omitempty"`
	Derivation  string    `json:"derivation,omitempty"`
	Realization string    `json:"realization,omitempty"`
	Removed     string    `json:"removed,omitempty"`
	Source      bool      `json:"source,omitempty"`
	Made        string    `json:"made,omitempty"`
	Manifest    int64     `json:"manifest,omitempty"`
	Bytes       int64     `json:"bytes,omitempty"`
	Digest      string    `json:"digest,omitempty"`
	Log         *fileJSON `json:"log,omitempty"`
	Volatile    *treeJSON `json:"volatile,omitempty"`
}

type fileJSON struct {
	Bytes  int64  `json:"bytes"`
	Digest string `json:"digest"`
}

type treeJSON struct {
	Tree     string `json:"tree"`
	Manifest int64  `json:"manifest"`
	Bytes    int64  `json:"bytes"`
}

// text returns the listing as it stands in an archive.
func (l Listing) text() ([]byte, error) {
	doc := listingJSON{Format: packFormat + strconv.Itoa(packVersion), Targets: make([]string, len(l.Targets)), Objects: make([]objectJSON, len(l.objects))}
	for i, ref := range l.Targets {
		doc.Targets[i] = ref.String()
	}
	for i, o := range l.objects {
		doc.Objects[i] = o.json()
	}
	data, err := json.Marshal(doc)
	return append(data, '\n'), err
}

func (o object) json() objectJSON {
	switch {
	case !o.tree.hash.IsZero():
		return objectJSON{Tree: o.tree.hash.String(), Source: o.tree.source, Manifest: o.tree.text, Bytes: o.tree.bytes}
	case !o.dref.IsZero():
		return objectJSON{Derivation: o.dref.String(), Bytes: o.text.bytes}
	case o.removed:
		return objectJSON{Removed: o.rref.String()}
	}
	doc := objectJSON{
		Realization: o.rref.String(), Made: o.made.UTC().Format(time.RFC3339Nano),
		Bytes: o.text.bytes, Digest: o.text.digest.String(),
	}
	if o.log.bytes > 0 {
		doc.Log = &fileJSON{o.log.bytes, o.log.digest.String()}
	}
	if !o.volatile.hash.IsZero() {
		doc.Volatile = &treeJSON{o.volatile.hash.String(), o.volatile.text, o.volatile.bytes}
	}
	return doc
}

// parseListing reads what [Listing.text] writes, and nothing else.
func parseListing(data []byte) (Listing, error) {
	if err := checkPackVersion(data); err != nil {
		return Listing{}, err
	}
	var doc listingJSON
	if err := json.Unmarshal(data, &doc); err != nil {
		return Listing{}, err
	}
	l := Listing{objects: make([]object, len(doc.Objects))}
	var err error
	if l.Targets, err = parseRRefs(doc.Targets); err != nil {
		return Listing{}, err
	}
	for i, o := range doc.Objects {
		if l.objects[i], err = o.object(); err != nil {
			return Listing{}, fmt.Errorf("object %d: %w", i+1, err)
		}
	}
	again, err := l.text()
	if err != nil {
		return Listing{}, err
	}
	if !bytes.Equal(again, data) {
		return Listing{}, errors.New("not in the form in which plx pack writes it")
	}
	return l, l.check()
}

func checkPackVersion(data []byte) error {
	var head struct {
		Format string `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return err
	}
	text, ok := strings.CutPrefix(head.Format, packFormat)
	version, err := strconv.Atoi(text)
	switch {
	case !ok || err != nil || version < 1:
		return fmt.Errorf("format %q: want %q and a number", head.Format, packFormat)
	case version > packVersion:
		return fmt.Errorf("its format is version %d, and this plx knows up to %d: use a newer plx", version, packVersion)
	}
	return nil
}

// object reads one object. What of the JSON doesn't belong to its kind is found
// when the listing is written again.
func (doc objectJSON) object() (o object, err error) {
	switch {
	case doc.Tree != "":
		o.tree = packedTree{source: doc.Source, text: doc.Manifest, bytes: doc.Bytes}
		o.tree.hash, err = ParseHash(doc.Tree)
	case doc.Derivation != "":
		o.text.bytes = doc.Bytes
		o.dref, err = ParseDRef(doc.Derivation)
	case doc.Removed != "":
		o.removed = true
		o.rref, err = ParseRRef(doc.Removed)
	default:
		return doc.realization()
	}
	return o, err
}

func (doc objectJSON) realization() (o object, err error) {
	var errs [5]error
	o.rref, errs[0] = ParseRRef(doc.Realization)
	o.made, errs[1] = time.Parse(time.RFC3339Nano, doc.Made)
	o.text.bytes = doc.Bytes
	o.text.digest, errs[2] = ParseDigest(doc.Digest)
	if doc.Log != nil {
		o.log.bytes = doc.Log.Bytes
		o.log.digest, errs[3] = ParseDigest(doc.Log.Digest)
	}
	if doc.Volatile != nil {
		o.volatile = packedTree{text: doc.Volatile.Manifest, bytes: doc.Volatile.Bytes}
		o.volatile.hash, errs[4] = ParseHash(doc.Volatile.Tree)
	}
	if made := o.made.UnixNano(); !time.Unix(0, made).Equal(o.made) || made < 0 { // no file can have that time
		errs[1] = errors.Join(errs[1], fmt.Errorf("made %s: out of range", doc.Made))
	}
	return o, errors.Join(errs[:]...)
}

// maxPack is more than any archive holds, in bytes; sums of sizes up to it
// don't overflow.
const maxPack = 1 << 60

// check holds the listing to what can be told without what it lists: each
// object stands once, targets are among them, and sizes are such.
func (l Listing) check() error {
	known, total := make(map[string]object, len(l.objects)), int64(0)
	for _, o := range l.objects {
		if _, twice := known[o.name()]; twice {
			return fmt.Errorf("%s stands twice", o.name())
		}
		known[o.name()] = o
		for _, n := range []int64{o.text.bytes, o.log.bytes, o.tree.text, o.tree.bytes, o.volatile.text, o.volatile.bytes} {
			if n < 0 || n > maxPack || total+n > maxPack {
				return fmt.Errorf("%s has a size of %d bytes", o.name(), n)
			}
			total += n
		}
	}
	if len(l.Targets) == 0 {
		return errors.New("it has no targets")
	}
	asked := make(map[RRef]bool)
	for _, ref := range l.Targets {
		if !known[realizationEntry(ref)].isRealization() || asked[ref] {
			return fmt.Errorf("its target %v is not among the objects, or stands twice", ref)
		}
		asked[ref] = true
	}
	return nil
}
