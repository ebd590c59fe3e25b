package store

// Notes stand in the index beside what answers an action, in the order in
// which they were made:
//
//	open <id> <runs>   a round of runs was begun
//	done <id>          it came to its end
//	gone <id> <tree>   a person removed the results with this tree
//	back <id> <tree>   a command gave it again
//
// Words are separated by tabs. A round that is open and that nobody works on
// was interrupted. gc drops notes that no longer say anything.

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// noteKinds are the kinds of notes, each with the one that ends it.
var noteKinds = map[string]string{"open": "done", "gone": "back"}

// addNote appends a note. An empty id stands for a new one.
func (s *Store) addNote(key Hash, kind, id, text string) (string, error) {
	if id == "" {
		id = strconv.FormatInt(time.Now().UnixNano(), 36)
	}
	leave, err := s.enter()
	if err != nil {
		return "", err
	}
	defer leave()
	return id, s.addToIndex(key, strings.TrimSuffix(kind+"\t"+id+"\t"+text, "\t"))
}

// cutNote takes an index's value apart, if it is a note.
func cutNote(value string) (kind, id, text string, ok bool) {
	words := strings.SplitN(value, "\t", 3)
	if len(words) < 2 {
		return "", "", "", false
	}
	kind, id = words[0], words[1]
	if len(words) == 3 {
		text = words[2]
	}
	for begins, ends := range noteKinds {
		ok = ok || kind == begins || kind == ends
	}
	return kind, id, text, ok
}

// BeginRound notes that runs of an action are to be made together, so that if
// the process is interrupted the next one can complete them. The caller holds
// the action's lock, and calls end when the round has come to its end.
func (s *Store) BeginRound(key Hash, runs []int) (end func() error, err error) {
	texts := make([]string, len(runs))
	for i, run := range runs {
		texts[i] = strconv.Itoa(run)
	}
	id, err := s.addNote(key, "open", "", strings.Join(texts, ","))
	return func() error {
		_, err := s.addNote(key, "done", id, "")
		return err
	}, err
}

// OpenRound returns the runs that are missing of rounds that were begun and
// have not come to their end: by now, if the caller holds the action's lock,
// they were interrupted.
func (s *Store) OpenRound(key Hash) ([]int, error) {
	values, err := s.readIndex(key)
	if err != nil {
		return nil, err
	}
	open, had := make(map[string]string), s.runsHad(values)
	for _, v := range values {
		switch kind, id, text, _ := cutNote(v); kind {
		case "open":
			open[id] = text
		case "done":
			delete(open, id)
		}
	}
	var missing []int
	for _, text := range open {
		for word := range strings.SplitSeq(text, ",") {
			run, err := strconv.Atoi(word)
			if err == nil && !had[run] && !slices.Contains(missing, run) {
				missing = append(missing, run)
			}
		}
	}
	slices.Sort(missing)
	return missing, nil
}

// EndRounds notes that no round of the action is open any more.
func (s *Store) EndRounds(key Hash) error {
	values, err := s.readIndex(key)
	if err != nil {
		return err
	}
	for _, v := range values {
		if kind, id, _, _ := cutNote(v); kind == "open" {
			if _, err := s.addNote(key, "done", id, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// Unwanted returns the trees of results of an action that a person removed,
// and that no command gave again since: they are not to be adopted.
func (s *Store) Unwanted(key Hash) (map[Hash]bool, error) {
	values, err := s.readIndex(key)
	if err != nil {
		return nil, err
	}
	unwanted := make(map[Hash]bool)
	for _, v := range values {
		kind, _, text, _ := cutNote(v)
		tree, err := ParseHash(text)
		if err != nil {
			continue
		}
		switch kind {
		case "gone":
			unwanted[tree] = true
		case "back":
			delete(unwanted, tree)
		}
	}
	return unwanted, nil
}

// markGone notes that a person removed a result.
func (s *Store) markGone(ref RRef) error {
	r, err := s.Realization(ref)
	var damage *DamageError
	if errors.As(err, &damage) { // then nobody adopts it
		return nil
	}
	if err != nil {
		return err
	}
	_, err = s.addNote(r.Action, "gone", "", r.Tree.String())
	for key := range r.Also {
		_, again := s.addNote(key, "gone", "", r.Tree.String())
		err = errors.Join(err, again)
	}
	return err
}

// markBack notes that a command gave a result again that a person had removed.
func (s *Store) markBack(key, tree Hash) error {
	unwanted, err := s.Unwanted(key)
	if err != nil || !unwanted[tree] {
		return err
	}
	_, err = s.addNote(key, "back", "", tree.String())
	return err
}
