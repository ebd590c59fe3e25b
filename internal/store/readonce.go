package store

import "sync"

// A readOnce keeps what was read of records and derivations.
type readOnce struct {
	mu   sync.Mutex
	real map[RRef]Realization
	drvs map[DRef]Derivation
}

// ReadOnce has the store keep each record and derivation that it reads, until it
// is closed: for questions, which come back to the same ones. What becomes of
// them meanwhile they don't see. Nobody may change what they get.
func (s *Store) ReadOnce() {
	if s.once == nil {
		s.once = &readOnce{real: make(map[RRef]Realization), drvs: make(map[DRef]Derivation)}
	}
}

// ReadAhead reads records, several at once, for who asks for them soon. Without
// [Store.ReadOnce] it does nothing. What can't be read is told then.
func (s *Store) ReadAhead(refs []RRef) {
	if s.once != nil {
		InParallel(len(refs), func(i int) { s.Realization(refs[i]) })
	}
}

// Realization reads the record of a realization, and its manifest. The error
// is [ErrNotExist], a [DamageError], or what reading it gave.
func (s *Store) Realization(ref RRef) (Realization, error) {
	return kept(s.once, ref, func(o *readOnce) map[RRef]Realization { return o.real }, s.readRealization)
}

// Derivation reads a derivation. The error is [ErrNotExist], or a [DamageError].
func (s *Store) Derivation(ref DRef) (Derivation, error) {
	return kept(s.once, ref, func(o *readOnce) map[DRef]Derivation { return o.drvs }, s.readDerivation)
}

// kept returns what was kept, or else reads it. An error isn't kept.
func kept[R comparable, V any](o *readOnce, ref R, in func(*readOnce) map[R]V, read func(R) (V, error)) (V, error) {
	if o == nil {
		return read(ref)
	}
	o.mu.Lock()
	v, ok := in(o)[ref]
	o.mu.Unlock()
	if ok {
		return v, nil
	}
	v, err := read(ref)
	if err == nil {
		o.mu.Lock()
		in(o)[ref] = v
		o.mu.Unlock()
	}
	return v, err
}
