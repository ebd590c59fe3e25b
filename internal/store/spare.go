package store

import (
	"maps"
	"os"
	"slices"
	"time"
)

// An item is garbage, and when it was last used: a realization when a command
// or a person last asked for it, or for what was built from it; what an ended
// process left when it last changed. Of derivations and trees that no
// realization has, nothing tells: that counts as long ago.
type item struct {
	used  time.Time
	spare func(*marks)
	bytes int64 // of what no mark counts
}

// spare returns marks that hold some of the garbage, too: as [GCOptions] say
// it. What is spared is kept as if a root named it.
func (m *marks) spare(work []string, o GCOptions) *marks {
	if o.OlderThan == 0 && o.MaxSize == 0 {
		return m
	}
	items := m.items(work)
	young := 0
	if o.OlderThan > 0 {
		since := time.Now().Add(-o.OlderThan)
		for young < len(items) && items[young].used.After(since) {
			young++
		}
		m.spareAll(items[:young])
	}
	if o.MaxSize == 0 {
		return m
	}
	// From the newest on, for as long as it fits: which is the same as to take
	// away from the other end until it does.
	trial, fit := m.clone(), young
	for fit < len(items) && trial.bytes <= o.MaxSize {
		trial.spareAll(items[fit : fit+1])
		fit++
	}
	if trial.bytes <= o.MaxSize {
		return trial
	}
	m.spareAll(items[young:max(young, fit-1)])
	return m
}

func (m *marks) spareAll(items []item) {
	for _, it := range items {
		it.spare(m)
		m.bytes += it.bytes
	}
}

// items returns the garbage, what was used last first, and what something is
// built from before that.
func (m *marks) items(work []string) []item {
	items := m.realizationItems()
	for _, path := range append(slices.Clone(work), m.orphans()...) {
		it := item{spare: func(m *marks) { m.work[path] = true }, bytes: diskSize(path)}
		if info, err := os.Lstat(path); err == nil {
			it.used = info.ModTime()
		}
		items = append(items, it)
	}
	slices.SortStableFunc(items, func(a, b item) int { return b.used.Compare(a.used) })
	for _, dref := range m.drefs {
		items = append(items, item{spare: func(m *marks) { m.derivation(dref) }})
	}
	for _, tree := range slices.SortedFunc(maps.Keys(m.trees), Hash.Compare) {
		items = append(items, item{spare: func(m *marks) { m.tree(tree) }})
	}
	return items
}

// realizationItems returns the dead realizations. What one is built from was
// used when it was.
func (m *marks) realizationItems() []item {
	dead := m.deadOrder()
	used := make(map[RRef]time.Time, len(dead))
	for _, ref := range dead {
		if own := m.lastUsed(ref); own.After(used[ref]) {
			used[ref] = own
		}
		for _, dep := range m.nodes[ref].context {
			if used[ref].After(used[dep]) {
				used[dep] = used[ref]
			}
		}
	}
	items := make([]item, 0, len(dead))
	for _, ref := range slices.Backward(dead) {
		items = append(items, item{used: used[ref], spare: func(m *marks) { m.realization(ref) }})
	}
	return items
}
