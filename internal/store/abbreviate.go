package store

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// An Object is one of two: a derivation, or a realization.
type Object struct {
	DRef DRef // of a realization its derivation's
	RRef RRef // zero: it is a derivation
}

// String returns the reference.
func (o Object) String() string {
	if o.RRef.IsZero() {
		return o.DRef.String()
	}
	return o.RRef.String()
}

// An AmbiguousError says that several objects' hashes begin as an abbreviation
// does.
type AmbiguousError struct {
	Text       string
	Candidates []Object // in order; at least two
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%s: it is the beginning of %d references: give more of its characters", e.Text, len(e.Candidates))
}

// abbreviation is the beginning of a hash: without its kind of at least so many
// characters that it is hardly a mistyped name.
var abbreviation = regexp.MustCompile(`^(?:([dr]ref:)([0-9a-v]{1,32})|([0-9a-v]{4,32}))$`)

// IsAbbreviation reports whether the text may stand for a reference: it is the
// beginning of a hash, with or without dref: or rref: before it.
func IsAbbreviation(text string) bool { return abbreviation.MatchString(text) }

// Abbreviated returns what the abbreviation of a reference stands for. The error
// is [ErrNotExist] if nothing in the store has such a hash, or an
// [AmbiguousError].
func (s *Store) Abbreviated(text string) (Object, error) {
	parts := abbreviation.FindStringSubmatch(text)
	if parts == nil {
		return Object{}, fmt.Errorf("reference %q: want the beginning of a hash, of 0-9 and a-v", text)
	}
	found, err := s.beginning(parts[1], parts[2]+parts[3])
	if err != nil {
		return Object{}, err
	}
	switch len(found) {
	case 0:
		return Object{}, fmt.Errorf("%s: no reference begins so: %w", text, ErrNotExist)
	case 1:
		return found[0], nil
	}
	return Object{}, &AmbiguousError{text, found}
}

// Beginning returns the objects whose references begin so, in order: the text is
// dref: or rref:, and perhaps the beginning of a reference.
func (s *Store) Beginning(text string) ([]Object, error) {
	kind, rest := text[:min(len(text), len("dref:"))], text[min(len(text), len("dref:")):]
	found, err := s.beginning(kind, rest[:min(len(rest), hashLen)])
	return slices.DeleteFunc(found, func(o Object) bool { return !strings.HasPrefix(o.String(), text) }), err
}

// beginning returns the objects of a kind, or of both, whose hashes begin so.
func (s *Store) beginning(kind, prefix string) (found []Object, err error) {
	if kind != "rref:" {
		refs, err := s.derivationsAt(prefix)
		if err != nil {
			return nil, err
		}
		for _, ref := range refs {
			found = append(found, Object{DRef: ref})
		}
	}
	if kind != "dref:" {
		refs, err := s.realizationsAt(prefix)
		if err != nil {
			return nil, err
		}
		for _, ref := range refs {
			found = append(found, Object{ref.DRef(), ref})
		}
	}
	slices.SortFunc(found, func(a, b Object) int { return cmp.Compare(a.String(), b.String()) })
	return found, nil
}

// derivationsAt returns the derivations whose hashes begin so.
func (s *Store) derivationsAt(prefix string) ([]DRef, error) {
	var refs []DRef
	if prefix == "" {
		return s.Derivations()
	}
	t, err := s.drvTable(prefix[:1], true)
	if err != nil {
		return nil, err
	}
	for key := range t {
		if ref, err := parseDRefBase(key); err == nil && strings.HasPrefix(key, prefix) {
			refs = append(refs, ref)
		}
	}
	return refs, nil
}

// realizationsAt returns the realizations whose hashes begin so. It looks at the
// names in all directories of derivations.
func (s *Store) realizationsAt(prefix string) ([]RRef, error) {
	names, err := dirNames(s.join("drv"))
	if err != nil {
		return nil, err
	}
	found := make([][]RRef, len(names))
	failed := make([]error, len(names))
	InParallel(len(names), func(i int) {
		ref, err := parseDRefBase(names[i])
		if err != nil {
			return // a table
		}
		found[i], failed[i] = s.Realizations(ref)
	})
	var refs []RRef
	for i := range names {
		if failed[i] != nil {
			continue // a stray file that has the name of a directory
		}
		for _, ref := range found[i] {
			if strings.HasPrefix(ref.hash.String(), prefix) {
				refs = append(refs, ref)
			}
		}
	}
	return refs, nil
}
