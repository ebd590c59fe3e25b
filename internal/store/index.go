package store

// The index says which values belong to a key: to an action key, which
// realizations answer it, and the number of the run that made each; to the key
// of a score, its number. It is 1,024 tables, by the key's first two characters.
// It is derived: a line may be stale.

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

func (s *Store) indexPath(key Hash) string { return s.join("action", key.String()[:2]) }

// addToIndex appends a line, unless it is there.
func (s *Store) addToIndex(key Hash, value string) error {
	done, err := s.changing(key)
	if err != nil {
		return err
	}
	defer done()
	return s.appendToIndex(key, value)
}

// appendToIndex is addToIndex for one who has told of the change.
func (s *Store) appendToIndex(key Hash, value string) error {
	err := appendLines(s.indexPath(key), func(t table) []byte {
		for v := range t.values(key.String()) {
			if string(v) == value {
				return nil
			}
		}
		return []byte(value + "\t" + key.String() + "\n")
	})
	if err != nil {
		return fmt.Errorf("index: %w", err)
	}
	return nil
}

// readIndex returns the values of a key, each once.
func (s *Store) readIndex(key Hash) (values []string, err error) {
	t, err := readTable(s.indexPath(key))
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	for v := range t.values(key.String()) {
		if !slices.Contains(values, string(v)) {
			values = append(values, string(v))
		}
	}
	return values, nil
}

// RealizationsOf returns the realizations of any derivation that answer the
// action key, in order. A record that is not there any more, or is damaged, is
// passed over. What is found stays until [Store.Close], if the store is held.
func (s *Store) RealizationsOf(key Hash) ([]Realization, error) {
	if !s.isReady() {
		return s.realizationsOf(key)
	}
	leave, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	found, err := s.realizationsOf(key)
	for _, r := range found {
		err = errors.Join(err, s.note(r.Ref.String()))
	}
	return found, err
}

func (s *Store) realizationsOf(key Hash) ([]Realization, error) {
	values, err := s.readIndex(key)
	if err != nil {
		return nil, err
	}
	var found []Realization
	for _, v := range values {
		text, _, _ := strings.Cut(v, "\t")
		ref, err := ParseRRef(text)
		if err != nil {
			continue
		}
		r, err := s.Realization(ref)
		if err != nil && !isDamage(err) {
			return nil, err
		}
		if err == nil && r.Answers(key) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b Realization) int { return a.Ref.Compare(b.Ref) })
	// One that was removed and made again has two lines, with two numbers.
	return slices.CompactFunc(found, func(a, b Realization) bool { return a.Ref == b.Ref }), nil
}

// runsHad returns the numbers of the runs whose results entered the store. A
// line without its record is that of a result which a person removed, if any
// was, or else of a process that was killed before it wrote the record.
func (s *Store) runsHad(values []string) map[int]bool {
	gone := slices.ContainsFunc(values, func(v string) bool {
		kind, _, _, _ := cutNote(v)
		return kind == "gone"
	})
	had := make(map[int]bool, len(values))
	for _, v := range values {
		if ref, run, ok := cutRun(v); ok && (gone || s.exists(s.recordPath(ref))) {
			had[run] = true
		}
	}
	return had
}

// cutRun takes an index's value apart, if it is a result with the number of its
// run.
func cutRun(value string) (ref RRef, run int, ok bool) {
	text, number, _ := strings.Cut(value, "\t")
	run, err := strconv.Atoi(number)
	if err != nil {
		return RRef{}, 0, false
	}
	ref, err = ParseRRef(text)
	return ref, run, err == nil
}

// FreeRuns returns the n smallest numbers, from 1, that no run of the action
// has had whose result entered the store; removing a result gives no number
// back until gc.
func (s *Store) FreeRuns(key Hash, n int) ([]int, error) {
	values, err := s.readIndex(key)
	if err != nil {
		return nil, err
	}
	had := s.runsHad(values)
	var free []int
	for run := 1; len(free) < n; run++ {
		if !had[run] {
			free = append(free, run)
		}
	}
	return free, nil
}

// scoreFormat marks what the key of a score is the hash of.
const scoreFormat = "plx score 1"

// ScoreKey returns the key under which the number is kept that a script gives
// to a tree. The action is what runs; the tree stands in its Source.
func ScoreKey(a Action) (Hash, error) {
	key, err := a.Key()
	if err != nil {
		return Hash{}, err
	}
	data, err := Canonical(map[string]any{"format": scoreFormat, "action": key.String()})
	if err != nil {
		return Hash{}, err
	}
	return HashOf(data), nil
}

// Score returns the number kept under the key, if there is one.
func (s *Store) Score(key Hash) (float64, bool) {
	values, err := s.readIndex(key)
	if err != nil {
		return 0, false
	}
	for _, v := range values {
		if f, err := strconv.ParseFloat(v, 64); err == nil {
			return f, true
		}
	}
	return 0, false
}

// KeepScore keeps the number that a script gave. The first one stays.
func (s *Store) KeepScore(key Hash, score float64) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	return s.addToIndex(key, strconv.FormatFloat(score, 'g', -1, 64))
}
