package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"
)

// futureSlack is by how much the clocks of two machines may differ. A record
// from further in the future would be the latest for as long.
const futureSlack = 24 * time.Hour

// realization looks at the record of a realization and what belongs to it, and
// returns what it needs. Its tree is looked at later, once for all that have it.
func (v *verifier) realization(ref RRef) subjects {
	r, _, err := v.store.readRecord(ref)
	if errors.Is(err, ErrNotExist) { // gc was quicker
		return subjects{}
	}
	v.mu.Lock()
	v.realizations[ref] = true
	v.wanted.drefs[ref.dref] = append(v.wanted.drefs[ref.dref], user{rref: ref})
	v.mu.Unlock()
	d := Damage{Path: v.store.recordPath(ref), RRef: ref}
	var damage *DamageError
	switch {
	case errors.As(err, &damage):
		d.Kind, d.Text = DamageRecord, damage.Err.Error()
		v.damaged(d)
		return subjects{drefs: []DRef{ref.dref}}
	case err != nil:
		v.unreadable(d, err)
		return subjects{drefs: []DRef{ref.dref}}
	}
	if limit := time.Now().Add(futureSlack); r.Made.After(limit) {
		d.Kind, d.Text = DamageTime, "is from the future: "+r.Made.Format(time.RFC3339)
		v.damaged(d)
	}
	v.link(r)
	v.beside(r)
	v.needed(r)
	return subjects{drefs: []DRef{ref.dref}, rrefs: v.contextOf(r)}
}

// needed takes note of what r needs but for its context.
func (v *verifier) needed(r Realization) {
	v.mu.Lock()
	defer v.mu.Unlock()
	me := user{rref: r.Ref}
	v.wanted.trees[r.Tree] = append(v.wanted.trees[r.Tree], me)
	v.wantLine(r.Ref, r.Action, r.Run)
	for key, run := range r.Also {
		v.wantLine(r.Ref, key, run)
	}
}

// linkTarget returns what the link of a realization says.
func linkTarget(tree Hash) string { return "../../tree/" + tree.String() }

func (v *verifier) link(r Realization) {
	d := Damage{Path: v.store.OutPath(r.Ref), Kind: DamageLink, RRef: r.Ref}
	target, err := os.Readlink(d.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.Text = "the link to the tree is lost"
	case err != nil:
		d.Text = "is no symlink"
	case target != linkTarget(r.Tree):
		d.Text = fmt.Sprintf("leads to %q, and not to %q", target, linkTarget(r.Tree))
	default:
		return
	}
	v.damaged(d)
}

// beside looks at the log and the volatile outputs.
func (v *verifier) beside(r Realization) {
	for _, p := range r.Volatile {
		path := v.store.VolatilePath(r.Ref) + "/" + p
		if CheckPath(p) == nil && !v.store.exists(path) {
			v.damaged(Damage{Path: path, Kind: DamageVolatile, Text: "the volatile output is lost", RRef: r.Ref})
			return
		}
	}
	if v.quick {
		return
	}
	d := Damage{Path: v.store.LogPath(r.Ref), Kind: DamageBeside, RRef: r.Ref}
	var damage *DamageError
	if err := v.store.checkBeside(r); errors.As(err, &damage) {
		d.Text = damage.Err.Error()
		v.damaged(d)
	} else if err != nil {
		v.unreadable(d, err)
	}
}

// contextOf returns what r was built from and is there. What was removed on
// purpose has a mark.
func (v *verifier) contextOf(r Realization) []RRef {
	var there []RRef
	for _, name := range slices.Sorted(maps.Keys(r.Context)) {
		for _, ref := range r.Context[name] {
			path := v.store.recordPath(ref)
			if v.store.exists(path) {
				there = append(there, ref)
			} else if !v.store.exists(v.store.OutPath(ref) + removedSuffix) {
				v.damaged(Damage{Path: path, Kind: DamageContext, Text: fmt.Sprintf("the record is lost of what %v was built from", r.Ref), RRef: r.Ref})
			}
		}
	}
	return there
}

// An indexLine is a line that the index must have.
type indexLine struct {
	ref  RRef
	key  Hash
	text string // with its newline
}

// wantLine takes note that the index must have the line of a realization.
func (v *verifier) wantLine(ref RRef, key Hash, run int) {
	path := v.store.indexPath(key)
	v.lines[path] = append(v.lines[path], indexLine{ref, key, indexValue(ref, run) + "\t" + key.String() + "\n"})
}

// indexLines looks for the lines that the index must have.
func (v *verifier) indexLines() {
	paths := slices.Sorted(maps.Keys(v.lines))
	v.each(len(paths), func(i int) {
		path := paths[i]
		t, err := readTable(path)
		if err != nil {
			v.unreadable(Damage{Path: path, RRef: v.lines[path][0].ref}, err)
			return
		}
		there := make(map[string]bool)
		for line := range bytes.Lines(t) {
			there[string(line)] = true
		}
		for _, line := range v.lines[path] {
			if !there[line.text] {
				v.damaged(Damage{Path: path, Kind: DamageIndex, Text: fmt.Sprintf("lacks the line of %v for %v", line.ref, line.key), RRef: line.ref})
			}
		}
	})
}
