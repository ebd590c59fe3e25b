package store

// Repair mends what Verify finds. The rules are:
//
//   - Nothing that is damaged is thrown away, and nothing stays in its place
//     unless it could be mended there: it is moved to tmp/damaged-…, where gc
//     takes it one day.
//
//   - What is put in the place of a tree has its hash. A command that gives
//     something else the second time mends nothing: the result is lost.
//
//   - A record that can't be made whole from what is left of it goes, and its
//     realization with it: a mark says so to what was built from it.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// damagedPrefix begins the names in tmp of what was damaged and is kept.
const damagedPrefix = "damaged-"

// RepairOptions say how [Store.Repair] gets what the store has lost.
type RepairOptions struct {
	Remake  func(context.Context, Realization) error // makes a result again, for [Staging.Mend]
	Sources func(context.Context) error              // takes in again sources and derivations that are missing
	Tell    func(text string)                        // is told what was done, and why something could not be
	Waiting func()                                   // called once if gc must be waited for
}

// Repair mends what it can of what [Store.Verify] found, and returns what is
// damaged still.
func (s *Store) Repair(ctx context.Context, found []Damage, o RepairOptions) ([]Damage, error) {
	if err := s.Hold(ctx, o.Waiting); err != nil {
		return found, fmt.Errorf("repair: %w", err)
	}
	for _, d := range found { // making results again takes long: gc may run meanwhile
		if err := s.note(d.Objects()...); err != nil {
			return found, fmt.Errorf("repair: %w", err)
		}
	}
	if err := s.committing(); err != nil {
		return found, fmt.Errorf("repair: %w", err)
	}
	p := &repairer{RepairOptions: o, store: s, ctx: ctx, lost: make(map[Hash][]user), tried: make(map[RRef]bool)}
	err := s.exclusively(func() error { // others may have mended some of it meanwhile, or made it again
		still, err := newVerifier(ctx, s, false).again(found, o.Waiting)
		done, changeErr := s.changing()
		if changeErr != nil {
			return changeErr
		}
		defer done()
		p.realizations(still)
		p.trees(still)
		return err
	})
	if err != nil {
		return found, fmt.Errorf("repair: %w", err)
	}
	p.sources(found)
	p.remake()
	left, err := newVerifier(ctx, s, false).again(found, o.Waiting)
	if err != nil {
		return found, fmt.Errorf("repair: %w", err)
	}
	return left, nil
}

type repairer struct {
	RepairOptions
	store    *Store
	ctx      context.Context
	lost     map[Hash][]user // trees that are gone, and who needs them
	volatile []RRef          // realizations whose volatile outputs are gone
	tried    map[RRef]bool   // what was made again, or could not be
}

// say tells what was done to a file, or why it could not be.
func (p *repairer) say(what, done string, err error) {
	if err != nil {
		done = "cannot be mended: " + err.Error()
	}
	p.Tell(what + ": " + done)
}

// aside moves what is damaged to tmp, and returns where it is.
func (s *Store) aside(from, name string) (string, error) {
	info, err := os.Lstat(from)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	to := s.asidePath(name)
	return to, errors.Join(allowMove(from, info), os.Rename(from, to))
}

func (s *Store) asidePath(name string) string {
	to := s.join("tmp", damagedPrefix+name)
	for i := 2; s.exists(to); i++ {
		to = s.join("tmp", damagedPrefix+name+"-"+strconv.Itoa(i))
	}
	return to
}

// realizations mends records and what belongs to them, but for trees.
func (p *repairer) realizations(found []Damage) {
	for _, d := range found {
		if d.RRef.IsZero() || p.ctx.Err() != nil {
			continue
		}
		switch d.Kind {
		case DamageRecord, DamageUnreadable:
			if d.Path == p.store.recordPath(d.RRef) {
				p.record(d)
			}
		case DamageTime:
			r, _, err := p.store.readRecord(d.RRef)
			if err == nil {
				made := r.Stopped
				if made.IsZero() {
					made = time.Now()
				}
				err = os.Chtimes(d.Path, time.Time{}, made)
			}
			p.say(d.Path, "has the time when the command ended", err)
		case DamageLink:
			p.say(d.Path, "leads to the tree again", p.link(d))
		case DamageIndex:
			p.index(d)
		case DamageContext:
			p.context(d)
		case DamageVolatile:
			p.volatile = append(p.volatile, d.RRef)
		case DamageBeside:
			p.say(d.Path, "", fmt.Errorf("%s; its result is sound. plx rm --force %v forgets it, to be made again", d.Text, d.RRef))
		}
	}
}

func (p *repairer) link(d Damage) error {
	r, _, err := p.store.readRecord(d.RRef)
	if err != nil {
		return err
	}
	if info, err := os.Lstat(d.Path); err == nil && info.Mode().Type() != fs.ModeSymlink {
		if _, err := p.store.aside(d.Path, d.RRef.hash.String()); err != nil {
			return err
		}
	}
	tmp, err := p.store.workPath("link")
	if err != nil {
		return err
	}
	return placeLink(tmp, d.Path, linkTarget(r.Tree))
}

func (p *repairer) index(d Damage) {
	r, _, err := p.store.readRecord(d.RRef)
	if err == nil {
		answers := map[Hash]int{r.Action: r.Run}
		maps.Copy(answers, r.Also)
		for key, run := range answers {
			err = errors.Join(err, p.store.addToIndex(key, indexValue(r.Ref, run)))
		}
	}
	p.say(d.Path, "has the line again of "+d.RRef.String(), err)
}

// context marks as removed what a realization was built from and is lost.
func (p *repairer) context(d Damage) {
	r, _, err := p.store.readRecord(d.RRef)
	if err != nil {
		return // it is damaged itself
	}
	for _, refs := range r.Context {
		for _, ref := range refs {
			if p.store.exists(p.store.recordPath(ref)) || p.store.exists(p.store.OutPath(ref)+removedSuffix) {
				continue
			}
			err := errors.Join(p.store.makeDrvDir(ref.dref), p.store.place(p.store.OutPath(ref)+removedSuffix, nil, time.Time{}))
			p.say(p.store.recordPath(ref), fmt.Sprintf("marked as removed: %v is lost; plx realize makes it again", ref), err)
		}
	}
}

// record makes a record whole, or moves it away.
func (p *repairer) record(d Damage) {
	r, err := p.store.salvage(d.RRef)
	if err == nil {
		kept := p.store.asidePath(d.RRef.hash.String() + ".json")
		err = errors.Join(copyFile(d.Path, kept, false), p.store.addRecord(r))
		p.say(d.Path, "written again from what it told; the damaged one is "+kept, err)
		return
	}
	err = p.store.place(p.store.OutPath(d.RRef)+removedSuffix, nil, time.Time{})
	kept := ""
	if err == nil {
		kept, err = p.store.aside(d.Path, d.RRef.hash.String()+".json")
	}
	p.say(d.Path, fmt.Sprintf("%v is lost; plx realize makes it again; the damaged record is %s", d.RRef, kept), err)
}

// salvage reads of a damaged record what its hash proves to be right, and the
// rest as it is. The tree may be known by the link alone.
func (s *Store) salvage(ref RRef) (Realization, error) {
	data, made, err := readTimed(s.recordPath(ref))
	if err != nil {
		return Realization{}, err
	}
	var rec record
	var wrongType *json.UnmarshalTypeError
	if err := json.Unmarshal(data, &rec); err != nil && !errors.As(err, &wrongType) {
		return Realization{}, err
	}
	rec.Derivation, rec.Manifest = ref.dref.String(), ""
	if _, err := parseAlso(rec.Also); err != nil {
		rec.Also = nil
	}
	if _, err := ParseRRef(rec.Adopted); err != nil {
		rec.Adopted = ""
	}
	target, _ := os.Readlink(s.OutPath(ref))
	r, err := rec.realization(ref)
	if err != nil {
		rec.Tree = filepath.Base(target)
		r, err = rec.realization(ref)
	}
	if err != nil {
		return Realization{}, err
	}
	r.Made = made
	if r.Manifest, err = s.Manifest(r.Tree); err != nil {
		r.Manifest, err = s.scanTree(r.Tree)
	}
	return r, err
}

// scanTree reads a tree that must have its hash.
func (s *Store) scanTree(tree Hash) (Manifest, error) {
	m, err := (&scanner{top: s.TreePath(tree)}).scan()
	if err == nil && m.Hash() != tree {
		err = errors.New("the tree has another hash")
	}
	return m, err
}

// sources has sources and derivations taken in again.
func (p *repairer) sources(found []Damage) {
	wanted := slices.ContainsFunc(found, func(d Damage) bool { return d.Kind == DamageDerivation })
	for _, by := range p.lost {
		wanted = wanted || slices.ContainsFunc(by, func(u user) bool { return u.rref.IsZero() })
	}
	if wanted && p.ctx.Err() == nil {
		if err := p.Sources(p.ctx); err != nil {
			p.Tell("sources: " + err.Error())
		}
	}
}

// remake makes again what is lost: each when all is there that it is made from.
func (p *repairer) remake() {
	for more := true; more; {
		more = false
		for _, tree := range slices.SortedFunc(maps.Keys(p.lost), Hash.Compare) {
			for _, u := range p.lost[tree] {
				more = !u.rref.IsZero() && !p.store.HasTree(tree) && p.again(u.rref) || more
			}
		}
	}
	for _, ref := range p.volatile {
		p.again(ref)
	}
}

// again makes a result again, once, and reports whether that mended it.
func (p *repairer) again(ref RRef) bool {
	r, inline, err := p.store.readRecord(ref)
	if err != nil || p.tried[ref] || p.ctx.Err() != nil || !p.ready(r) {
		return false
	}
	if !inline {
		r.Manifest, _ = p.store.Manifest(r.Tree) // without it, it can't be told what differs
	}
	p.tried[ref] = true
	err = p.Remake(p.ctx, r)
	p.say(p.store.TreePath(r.Tree), fmt.Sprintf("made again, as the result of %v", ref), err)
	return err == nil
}

// ready reports whether all is there that r was made from.
func (p *repairer) ready(r Realization) bool {
	d, err := p.store.Derivation(r.Ref.dref)
	if err != nil || !d.Source.IsZero() && !p.store.HasTree(d.Source) {
		return false
	}
	for _, refs := range r.Context {
		for _, ref := range refs {
			if dep, _, err := p.store.readRecord(ref); err != nil || !p.store.HasTree(dep.Tree) {
				return false
			}
		}
	}
	return true
}

// An OtherResultError says that a result that was to be mended came out
// different: its command is not deterministic.
type OtherResultError struct {
	Ref   RRef
	Paths []string // what differs, a line each
}

func (e *OtherResultError) Error() string {
	return fmt.Sprintf("its command gives another result now: %s; plx realize --rebuild makes a new one, plx rm --force %v forgets this one", strings.Join(e.Paths, ", "), e.Ref)
}

// Mend puts the frozen result in the place of what the realization has lost:
// its tree, and its volatile outputs. The error is an [OtherResultError] if the
// result is not the same; then nothing is changed.
func (st *Staging) Mend(r Realization) error {
	if !st.frozen {
		panic("store: Mend without Freeze")
	}
	s := st.store
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	if st.manifest.Hash() != r.Tree {
		return &OtherResultError{r.Ref, Differences(r.Manifest, st.manifest)}
	}
	if len(st.manifest.Text()) > maxInlineManifest {
		if err := s.placeManifest(st.manifest); err != nil {
			return err
		}
	}
	if err := s.placeTree(st.Out(), r.Tree); err != nil {
		return err
	}
	to := s.VolatilePath(r.Ref)
	whole := !slices.ContainsFunc(r.Volatile, func(p string) bool { return !s.exists(to + "/" + p) })
	if whole || len(st.volatile) != len(r.Volatile) {
		return nil
	}
	if _, err := s.aside(to, r.Ref.hash.String()+".volatile"); err != nil {
		return err
	}
	from := st.dir + "/volatile"
	if err := errors.Join(os.Chmod(from, 0o755), os.Rename(from, to), os.Chmod(to, 0o555)); err != nil {
		return err
	}
	if r.Beside, err = s.beside(r.Ref).hash(); err != nil {
		return err
	}
	return s.addRecord(r)
}
