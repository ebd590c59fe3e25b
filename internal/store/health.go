package store

import "golang.org/x/sys/unix"

// Health is what there is to know of a store without looking at its objects.
type Health struct {
	Format, Newest int // versions of the format: the store's (0: there is no store yet), and the one that this program makes
	Derivations    int
	Roots, Stale   int // roots, and those of them that lead nowhere any more
	Left           int // directories that ended processes have left
	ReadOnly       bool
}

// Health looks at the store. The error says that it can't be used.
func (s *Store) Health() (h Health, err error) {
	version, err := s.readVersion()
	h.Format, h.Newest = int(version), int(formatNewest)
	if err != nil || version == 0 {
		return h, err
	}
	refs, err := s.Derivations()
	if err != nil {
		return h, err
	}
	roots, err := s.Roots()
	if err != nil {
		return h, err
	}
	for _, r := range roots {
		if r.Stale {
			h.Stale++
		}
	}
	left, err := s.deadWork()
	h.Derivations, h.Roots, h.Left, h.ReadOnly = len(refs), len(roots), len(left), unix.Access(s.join("tmp"), unix.W_OK) != nil
	return h, err
}
