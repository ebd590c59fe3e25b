package realize

import (
	"cmp"
	"slices"
	"time"

	"plx/internal/plan"
	"plx/internal/store"
)

// A history finds what a stage was like before.
type history struct {
	*comparer
	byName map[string][]store.DRef // all that are in the store
	found  map[string]past
}

func newHistory(s *store.Store, c *plan.Closure, sources Sources) *history {
	return &history{comparer: newComparer(s, c, sources), found: make(map[string]past)}
}

// A past is what there is of the earlier realizations of a name.
type past struct {
	ancestors []ancestor // the newest first
	cut       bool       // there are more
}

// An ancestor is an earlier realization of a stage.
type ancestor struct {
	subject
	result store.Realization
}

// How much of the past is looked at. Those of a sweep, or of a long day's edits,
// are many, and reading and comparing each takes time.
const (
	recordsRead  = 512 // records of one name
	historyDepth = 64  // of them, realizations of different commands
)

// past returns realizations of derivations of the name, one for each action, the
// newest first. What can't be read is passed over: it explains nothing.
func (h *history) past(name string) past {
	if p, ok := h.found[name]; ok {
		return p
	}
	if h.byName == nil {
		h.byName = make(map[string][]store.DRef)
		refs, _ := h.store.Derivations()
		for _, ref := range refs {
			h.byName[ref.Name()] = append(h.byName[ref.Name()], ref)
		}
	}
	var made []store.Made
	for _, ref := range h.byName[name] {
		all, _ := h.store.MadeOf(ref)
		made = append(made, all...)
	}
	slices.SortFunc(made, func(a, b store.Made) int {
		return cmp.Or(b.When.Compare(a.When), a.Ref.Compare(b.Ref))
	})
	p := past{cut: len(made) > recordsRead}
	had := make(map[store.Hash]bool)
	for _, m := range made[:min(len(made), recordsRead)] {
		r, err := h.store.Realization(m.Ref)
		if err != nil || had[r.Action] {
			continue
		}
		if len(p.ancestors) == historyDepth {
			p.cut = true
			break
		}
		had[r.Action] = true
		if s, err := h.built(r); err == nil {
			p.ancestors = append(p.ancestors, ancestor{s, r})
		}
	}
	h.found[name] = p
	return p
}

// nearest returns the ancestor in which s differs least, of several the newest,
// and how it differs. With fit, only those for which that holds count.
func (h *history) nearest(s subject, name string, fit func(ancestor) bool) (near *ancestor, changes []Change) {
	list, texts := h.past(name).ancestors, h.texts
	least := 1 // what differs in less answers the same key; that is looked for where the key isn't known
	if s.unknown != nil {
		least = 0
	}
	h.texts = false // for those that are only looked at
	for i := range list {
		if fit != nil && !fit(list[i]) {
			continue
		}
		found := h.changes(list[i].subject, s)
		if near == nil || len(found) < len(changes) {
			near, changes = &list[i], found
		}
		if len(changes) <= least {
			break
		}
	}
	if h.texts = texts; texts && near != nil {
		changes = h.changes(near.subject, s)
	}
	return near, changes
}

// A Reason is why something is built, or was.
type Reason struct {
	Texts   []string   // a line each
	Against store.RRef // the earlier realization that it is compared with; zero: there is none
	Made    time.Time  // when that was made
	Changes []Change   // in what it differs from that
}

// compare tells how what the command of t sees differs from what it saw before.
func (h *history) compare(t *task) Reason {
	s := t.subject()
	near, changes := h.nearest(s, t.stage.Ref.Name(), nil)
	if near == nil {
		return Reason{Texts: []string{"never built"}}
	}
	return h.reason(near, changes, near.result.Answers(t.key))
}

// reason words how something differs from an ancestor.
func (h *history) reason(near *ancestor, changes []Change, answers bool) Reason {
	r := Reason{Against: near.result.Ref, Made: near.result.Made, Changes: changes}
	for _, c := range changes {
		r.Texts = append(r.Texts, c.String())
	}
	switch {
	case r.Texts != nil:
	case answers:
		r.Texts = []string{"its earlier results were refused by its promises or its check"}
	default:
		r.Texts = []string{"the platform or PATH changed"}
	}
	return r
}

// subject returns what the command of t sees.
func (t *task) subject() subject {
	return subject{derivation: t.stage.Derivation, context: t.context, tools: t.tools, find: func(ref store.RRef) (store.Realization, error) {
		if r, ok := t.g.nodes[ref.DRef()].results[ref]; ok { // it may be one that is only pretended
			return r, nil
		}
		return t.g.Store.Realization(ref)
	}}
}
