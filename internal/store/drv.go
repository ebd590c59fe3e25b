package store

// Derivations lie in 32 tables, drv/0 to drv/v, by the first character of
// their hashes: value is the canonical form, key the rest of the path of the
// directory where realizations are. So a sweep of 10,000 points needs 32 inodes
// and not 20,000 until something is realized.

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"plx/internal/builder/host"
)

// A drvTable is what a table of derivations holds: canonical forms by key.
type drvTable map[string][]byte

// drvTablePath returns where the line of a derivation is.
func (s *Store) drvTablePath(first string) string { return s.dir + "/drv/" + first }

func firstOf(ref DRef) string { return ref.base()[:1] }

// drvTable returns the table of the derivations whose hashes begin so. What was
// read once is believed until the lock on the store was let go of meanwhile:
// derivations don't change, but gc may remove some.
func (s *Store) drvTable(first string, again bool) (drvTable, error) {
	s.mu.Lock()
	known, ok := s.drvs[first]
	s.mu.Unlock()
	if ok && !again {
		return known, nil
	}
	data, err := readTable(s.drvTablePath(first))
	if err != nil {
		return nil, err
	}
	t := data.derivations()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drvs[first] = t
	return t, nil
}

// forgetDerivations has the tables read again: they may have changed by other
// means than appending.
func (s *Store) forgetDerivations() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.drvs)
}

// derivations takes the lines apart. Of two with one key, which only damage can
// make differ, the one that is whole counts.
func (t table) derivations() drvTable {
	found := make(drvTable, bytes.Count(t, []byte("\n")))
	for line := range bytes.Lines(t) {
		value, key, ok := cutLine(line)
		if !ok {
			continue
		}
		if old, twice := found[string(key)]; !twice || !isDerivation(old, string(key)) {
			found[string(key)] = value
		}
	}
	return found
}

func isDerivation(data []byte, base string) bool {
	return strings.HasPrefix(base, HashOf(data).String())
}

func (s *Store) readDerivation(ref DRef) (Derivation, error) {
	data, err := s.derivationText(ref)
	if err != nil {
		return Derivation{}, fmt.Errorf("%v: %w", ref, err)
	}
	if HashOf(data) != ref.hash {
		return Derivation{}, s.drvDamage(ref, errors.New("it has another hash"))
	}
	d, err := ParseDerivation(data)
	if err == nil && d.Name != ref.name {
		err = fmt.Errorf("it is named %s", d.Name)
	}
	if err != nil {
		return Derivation{}, s.drvDamage(ref, err)
	}
	return d, nil
}

func (s *Store) drvDamage(ref DRef, err error) error {
	return &DamageError{s.drvTablePath(firstOf(ref)), fmt.Errorf("%v: %w", ref, err)}
}

// derivationText returns the canonical form as it is in the store.
func (s *Store) derivationText(ref DRef) ([]byte, error) {
	for _, again := range []bool{false, true} {
		t, err := s.drvTable(firstOf(ref), again)
		if err != nil {
			return nil, err
		}
		if data, ok := t[ref.base()]; ok {
			return data, nil
		}
	}
	data, err := os.ReadFile(s.drvDir(ref) + "/" + oldDerivationName)
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrNotExist
	}
	return data, err
}

// hasDerivation reports whether there is a line for the derivation.
func (s *Store) hasDerivation(ref DRef) bool {
	_, err := s.derivationText(ref)
	return err == nil
}

// AddDerivations writes the derivations that are not there. All stay until
// [Store.Close], with their realizations.
func (s *Store) AddDerivations(ds iter.Seq2[DRef, Derivation]) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	missing := make(map[string][]DRef)
	lines := make(map[DRef][]byte)
	for ref, d := range ds {
		if err := s.note(ref.String()); err != nil {
			return err
		}
		t, err := s.drvTable(firstOf(ref), false)
		if err != nil {
			return fmt.Errorf("%v: %w", ref, err)
		}
		if data, ok := t[ref.base()]; ok && isDerivation(data, ref.base()) {
			continue
		}
		is, data, err := d.Ref()
		if err != nil {
			return err
		}
		if is != ref {
			panic(fmt.Sprintf("store: %v given as %v", is, ref))
		}
		missing[firstOf(ref)] = append(missing[firstOf(ref)], ref)
		lines[ref] = fmt.Appendf(nil, "%s\t%s\n", data, ref.base())
	}
	if len(missing) > 0 && s.ReadOnly() {
		return s.readOnlyError(s.hold.readOnly)
	}
	for _, first := range slices.Sorted(maps.Keys(missing)) {
		if err := s.appendDerivations(first, missing[first], lines); err != nil {
			return fmt.Errorf("derivations: %w", err)
		}
	}
	return nil
}

func (s *Store) appendDerivations(first string, refs []DRef, lines map[DRef][]byte) error {
	err := appendLines(s.drvTablePath(first), func(t table) (more []byte) {
		there := t.derivations()
		for _, ref := range refs {
			if data, ok := there[ref.base()]; !ok || !isDerivation(data, ref.base()) {
				more = append(more, lines[ref]...)
			}
		}
		return more
	})
	if err != nil {
		return err
	}
	_, err = s.drvTable(first, true)
	return err
}

// Derivations returns all derivations, in order. What has no name of one is
// passed over.
func (s *Store) Derivations() ([]DRef, error) {
	names, err := dirNames(s.join("drv"))
	if err != nil {
		return nil, err
	}
	found := make(map[DRef]bool)
	add := func(base string) {
		if ref, err := parseDRefBase(base); err == nil {
			found[ref] = true
		}
	}
	for _, name := range names {
		add(name) // of one whose line is lost, there is still the directory
		if len(name) != 1 {
			continue
		}
		t, err := s.drvTable(name, true)
		if err != nil {
			return nil, err
		}
		for key := range t {
			add(key)
		}
	}
	return slices.SortedFunc(maps.Keys(found), DRef.Compare), nil
}

// makeDrvDir makes the directory where what belongs to a derivation is.
func (s *Store) makeDrvDir(ref DRef) error {
	_, err := s.newDrvDir(ref)
	return err
}

// newDrvDir is makeDrvDir. It reports whether there was none, and so nothing in
// it.
func (s *Store) newDrvDir(ref DRef) (fresh bool, err error) {
	err = os.Mkdir(s.drvDir(ref), 0o777)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	return err == nil, err
}

// dropDerivations removes the lines of derivations. The caller holds the store
// alone.
func (s *Store) dropDerivations(refs []DRef) error {
	dead := make(map[string]bool, len(refs))
	tables := make(map[string]bool)
	for _, ref := range refs {
		dead[ref.base()] = true
		if path := s.drvTablePath(firstOf(ref)); s.exists(path) {
			tables[path] = true
		}
	}
	defer s.forgetDerivations()
	return s.filterTables(slices.Sorted(maps.Keys(tables)), func(_, key []byte) bool { return !dead[string(key)] })
}

// moveOldDerivations moves the derivations of a store of the first format, each
// a file derivation.json in its directory, to the tables.
func (s *Store) moveOldDerivations() error {
	names, err := dirNames(s.join("drv"))
	if err != nil {
		return err
	}
	byFirst := make(map[string][]string)
	for _, name := range names {
		if ref, err := parseDRefBase(name); err == nil {
			byFirst[firstOf(ref)] = append(byFirst[firstOf(ref)], name)
		}
	}
	for first, bases := range byFirst {
		if err := s.copyOldTable(first, bases); err != nil {
			return err
		}
	}
	dir, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := host.SyncFS(dir); err != nil { // before the files go
		return err
	}
	for first, bases := range byFirst {
		if err := s.removeOldFiles(first, bases); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) oldPath(base string) string { return s.join("drv", base, oldDerivationName) }

func (s *Store) copyOldTable(first string, bases []string) error {
	var failed error
	err := appendLines(s.drvTablePath(first), func(t table) (lines []byte) {
		there := t.derivations()
		for _, base := range bases {
			data, err := os.ReadFile(s.oldPath(base))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				failed = err
			}
			if was, ok := there[base]; err == nil && (!ok || !isDerivation(was, base)) && isDerivation(data, base) {
				lines = fmt.Appendf(lines, "%s\t%s\n", data, base)
			}
		}
		return lines
	})
	return errors.Join(failed, err)
}

// removeOldFiles removes those that the table has. What is damaged stays, for a
// person to look at.
func (s *Store) removeOldFiles(first string, bases []string) error {
	t, err := readTable(s.drvTablePath(first))
	if err != nil {
		return err
	}
	there := t.derivations()
	for _, base := range bases {
		if !isDerivation(there[base], base) {
			continue
		}
		if err := os.Remove(s.oldPath(base)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		// A directory with nothing in it says nothing.
		if err := os.Remove(s.join("drv", base)); err != nil && !errors.Is(err, unix.ENOTEMPTY) && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// oldDerivationName is the name of a derivation's file in the first format.
const oldDerivationName = "derivation.json"
