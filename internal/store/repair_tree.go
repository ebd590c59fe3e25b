package store

import (
	"errors"
	"maps"
	"os"
	"path"
	"slices"
)

// trees mends trees in their places, or moves them away.
func (p *repairer) trees(found []Damage) {
	byTree := make(map[Hash][]Damage)
	for _, d := range found {
		if !d.Tree.IsZero() {
			byTree[d.Tree] = append(byTree[d.Tree], d)
		}
	}
	for _, tree := range slices.SortedFunc(maps.Keys(byTree), Hash.Compare) {
		if p.ctx.Err() != nil {
			return
		}
		top, ds := p.store.TreePath(tree), byTree[tree]
		m, err := p.mendable(tree, ds)
		if err == nil {
			p.say(top, "mended", p.inPlace(tree, m, ds))
			continue
		}
		kept, err := p.store.aside(top, tree.String())
		for _, d := range ds {
			if d.Kind == DamageManifest {
				_, again := p.store.aside(d.Path, tree.String()+".manifest")
				err = errors.Join(err, again)
			}
		}
		switch {
		case err != nil:
			p.say(top, "", err)
			continue
		case kept != "":
			p.say(top, "moved to "+kept, nil)
		}
		if ds[0].by != nil {
			p.lost[tree] = ds[0].by
		}
	}
}

// mendable returns the manifest of a tree whose files are sound.
func (p *repairer) mendable(tree Hash, ds []Damage) (Manifest, error) {
	for _, d := range ds {
		switch d.Kind {
		case DamageMissing, DamageContent, DamageType, DamageUnreadable:
			return Manifest{}, errors.New("its files are damaged")
		}
	}
	for _, u := range ds[0].by {
		if r, inline, err := p.store.readRecord(u.rref); err == nil && inline {
			return r.Manifest, nil
		}
	}
	if m, err := p.store.Manifest(tree); err == nil {
		return m, nil
	}
	return p.store.scanTree(tree)
}

// inPlace gives a tree its permissions and times, moves away what doesn't
// belong to it, and sees to its manifest.
func (p *repairer) inPlace(tree Hash, m Manifest, ds []Damage) error {
	attributes := false
	for _, d := range ds {
		var err error
		dir := path.Dir(d.Path)
		switch d.Kind {
		case DamageManifest:
			if _, err = p.store.aside(d.Path, tree.String()+".manifest"); err == nil {
				err = p.store.placeManifest(m)
			}
		case DamageExtra:
			attributes = true
			if err = os.Chmod(dir, 0o700); err == nil {
				_, err = p.store.aside(d.Path, tree.String()+"-"+path.Base(d.Path))
			}
		case DamageShared:
			attributes = true
			err = errors.Join(os.Chmod(dir, 0o700), p.unshare(d.Path))
		default:
			attributes = true
		}
		if err != nil {
			return err
		}
	}
	if !attributes {
		return nil
	}
	top := p.store.TreePath(tree)
	return errors.Join((&scanner{top: top, freeze: true}).sealAll(m), freezeTop(top))
}

// unshare puts a copy in the place of a file that has another name.
func (p *repairer) unshare(path string) error {
	tmp, err := p.store.workPath("own")
	if err != nil {
		return err
	}
	if err := copyFile(path, tmp, false); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
