package query

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"plx/internal/match"
	"plx/internal/store"
)

// A Search says which realizations are wanted: those that Names, DRefs or RRefs
// name, or all if these are empty, and for which all else that is set holds.
type Search struct {
	Names  []string // patterns with * and ?: of the derivation's name
	DRefs  map[store.DRef]bool
	RRefs  map[store.RRef]bool
	Config map[string]string // keys, with dots into tables, and values
	Where  *match.Where
	Values match.Lookup
	Newer  time.Time // made since then
	Older  time.Time // made before
	Kept   map[store.RRef]bool
	Kind   Keeping
}

// A Keeping says what Kept of a [Search] means.
type Keeping int

// The kinds.
const (
	AnyKept  Keeping = iota // nothing
	OnlyKept                // those in it are wanted
	NotKept                 // those that are not
)

// Find returns the realizations that are wanted, the newest first.
func (q Search) Find(ctx context.Context, s *store.Store) ([]store.Made, error) {
	refs, err := s.Derivations()
	if err != nil {
		return nil, err
	}
	var found []store.Made
	for _, ref := range refs {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		is := q.named(ref)
		if !is && len(q.RRefs) == 0 {
			continue
		}
		all, err := s.MadeOf(ref)
		if err != nil {
			continue // a stray file that has the name of a directory
		}
		all = slices.DeleteFunc(all, func(m store.Made) bool { return !is && !q.RRefs[m.Ref] || !q.fits(m) })
		if len(all) == 0 {
			continue
		}
		if ok, err := q.configured(s, ref); err != nil || !ok {
			continue // what can't be read is told by plx verify
		}
		held, failed := make([]bool, len(all)), make([]error, len(all))
		if q.Where != nil {
			store.InParallel(len(all), func(i int) { held[i], failed[i] = q.holds(all[i].Ref) })
		}
		for i, m := range all {
			if failed[i] != nil {
				return nil, failed[i]
			}
			if q.Where == nil || held[i] {
				found = append(found, m)
			}
		}
	}
	slices.SortFunc(found, func(a, b store.Made) int {
		return cmp.Or(b.When.Compare(a.When), a.Ref.Compare(b.Ref))
	})
	return found, nil
}

func (q Search) named(ref store.DRef) bool {
	if len(q.Names)+len(q.DRefs)+len(q.RRefs) == 0 {
		return true
	}
	fits := func(pattern string) bool { ok, _ := path.Match(pattern, ref.Name()); return ok }
	return q.DRefs[ref] || slices.ContainsFunc(q.Names, fits)
}

// fits looks at what is known without reading the record.
func (q Search) fits(m store.Made) bool {
	switch {
	case !q.Newer.IsZero() && m.When.Before(q.Newer), !q.Older.IsZero() && !m.When.Before(q.Older):
		return false
	case q.Kind == OnlyKept:
		return q.Kept[m.Ref]
	case q.Kind == NotKept:
		return !q.Kept[m.Ref]
	}
	return true
}

func (q Search) holds(ref store.RRef) (bool, error) {
	why, err := q.Where.Refuse(ref, q.Values)
	return why == "", err
}

// configured reports whether the config has the values.
func (q Search) configured(s *store.Store, ref store.DRef) (bool, error) {
	if len(q.Config) == 0 {
		return true, nil
	}
	d, err := s.Derivation(ref)
	if err != nil {
		return false, err
	}
	values := make(map[string]any)
	for key, value := range d.Config {
		flatten(values, key, value, func(any) bool { return true })
	}
	for key, want := range q.Config {
		if have, ok := values[strings.TrimPrefix(key, "config.")]; !ok || !isValue(have, want) {
			return false, nil
		}
	}
	return true, nil
}

// isValue reports whether a value is the one of the text, as 0.1 is 0.10.
func isValue(have any, want string) bool {
	if date, ok := have.(store.Datetime); ok {
		return date.String() == want
	}
	if n, whole := have.(int64); whole { // which a float might not hold
		if x, err := strconv.ParseInt(want, 10, 64); err == nil {
			return x == n
		}
	}
	if x, err := strconv.ParseFloat(want, 64); err == nil {
		if _, ok := number(have); ok {
			return Compare(x, have) == 0
		}
	}
	return text(have) == want
}
