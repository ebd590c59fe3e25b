package match

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"plx/internal/store"
)

// A KeyError says what is wrong with a matcher as it is written.
type KeyError struct {
	Key string // the key of the table, "" for the whole value
	Err error
}

func (e *KeyError) Error() string {
	if e.Key == "" {
		return "match: " + e.Err.Error()
	}
	return "match: " + e.Key + ": " + e.Err.Error()
}

// keys are what the table of a matcher may have, rules first.
var keys = []string{"latest", "only", "some", "all", "best", "exact", "by", "order", "where"}

// rules is how many of keys are rules.
const rules = 6

// Parse reads a matcher as a stage file has it, in the values of
// [store.Canonical]:
//
//	"latest"  "only"  "all"
//	{ latest = N }  { some = N }  { only = true }  { all = true }
//	{ best = N, by = LENS, order = "max" or "min" }
//	{ best = N, by = { run = SCRIPT } }
//	{ exact = [RREF, …] }
//
// A table may have where = EXPRESSION as well. In it, lenses and literals
// (integers, floats, 'text', "text", true, false) are compared with ==, !=, <,
// <=, > and >=, and comparisons joined with and, or, not and parentheses.
//
// The error is a [*KeyError].
func Parse(v any) (Matcher, error) {
	switch v := v.(type) {
	case string:
		return parseWord(v)
	case map[string]any:
		return parseTable(v)
	default:
		return Matcher{}, &KeyError{"", fmt.Errorf("want a string or a table, have %s", describe(v))}
	}
}

func parseWord(word string) (Matcher, error) {
	switch word {
	case "latest":
		return Default(), nil
	case "only":
		return Matcher{rule: only}, nil
	case "all":
		return Matcher{rule: all}, nil
	case "some":
		return Matcher{}, &KeyError{"", errors.New("some wants a count: { some = 1 }")}
	case "best":
		return Matcher{}, &KeyError{"", errors.New("best wants a count and a metric: { best = 1, by = LENS }")}
	case "exact":
		return Matcher{}, &KeyError{"", errors.New("exact wants references: { exact = [RREF] }")}
	default:
		return Matcher{}, &KeyError{"", fmt.Errorf(`unknown matcher %q%s (there are "latest", "only", "all", and tables such as { best = 1, by = "OUTPUT.KEY" })`, word, suggest(word, []string{"latest", "only", "all"}))}
	}
}

func parseTable(t map[string]any) (Matcher, error) {
	for _, key := range slices.Sorted(maps.Keys(t)) {
		if !slices.Contains(keys, key) {
			return Matcher{}, &KeyError{key, fmt.Errorf("unknown key%s", suggest(key, keys))}
		}
	}
	name, err := ruleOf(t)
	if err != nil {
		return Matcher{}, err
	}
	m, err := parseRule(name, t[name])
	if err != nil {
		return Matcher{}, &KeyError{name, err}
	}
	for _, key := range []string{"by", "order", "where"} {
		v, ok := t[key]
		if !ok {
			continue
		}
		if key != "where" && m.rule != best {
			return Matcher{}, &KeyError{key, fmt.Errorf("only best has it, not %s", name)}
		}
		if err := m.setKey(key, v); err != nil {
			return Matcher{}, &KeyError{key, err}
		}
	}
	if m.rule == best && m.by == "" && m.script == "" {
		return Matcher{}, &KeyError{"best", errors.New("wants a metric: by = LENS, or by = { run = SCRIPT }")}
	}
	return m, nil
}

// ruleOf returns the one key of t that is a rule.
func ruleOf(t map[string]any) (string, error) {
	var have []string
	for _, name := range keys[:rules] {
		if _, ok := t[name]; ok {
			have = append(have, name)
		}
	}
	switch len(have) {
	case 0:
		return "", &KeyError{"", fmt.Errorf("want one of %s", strings.Join(keys[:rules], ", "))}
	case 1:
		return have[0], nil
	default:
		return "", &KeyError{have[1], fmt.Errorf("a matcher is one of %s, not both", strings.Join(have[:2], " and "))}
	}
}

func parseRule(name string, v any) (m Matcher, err error) {
	switch name {
	case "latest":
		m.rule = latest
		m.n, err = count(v)
	case "some":
		m.rule = some
		m.n, err = count(v)
	case "best":
		m.rule = best
		m.n, err = count(v)
	case "exact":
		m.rule = exact
		m.refs, err = references(v)
	case "only":
		m.rule = only
		err = affirmed(v)
	case "all":
		m.rule = all
		err = affirmed(v)
	}
	return m, err
}

func count(v any) (int, error) {
	n, ok := v.(int64)
	if !ok || n < 1 || n > math.MaxInt32 {
		return 0, fmt.Errorf("want a count, 1 or more, have %s", describe(v))
	}
	return int(n), nil
}

func affirmed(v any) error {
	if v != true {
		return fmt.Errorf("want true, have %s", describe(v))
	}
	return nil
}

func references(v any) ([]store.RRef, error) {
	values, ok := v.([]any)
	if !ok || len(values) == 0 {
		return nil, fmt.Errorf("want a list of references, have %s", describe(v))
	}
	refs := make([]store.RRef, len(values))
	for i, v := range values {
		text, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("want a list of references, have %s in it", describe(v))
		}
		ref, err := store.ParseRRef(text)
		if err != nil {
			return nil, err
		}
		if slices.Contains(refs[:i], ref) {
			return nil, fmt.Errorf("%v stands twice", ref)
		}
		refs[i] = ref
	}
	return refs, nil
}

// setKey sets what qualifies a rule.
func (m *Matcher) setKey(key string, v any) error {
	if key == "by" {
		return m.setBy(v)
	}
	text, ok := v.(string)
	if !ok {
		return fmt.Errorf("want a string, have %s", describe(v))
	}
	if key == "where" {
		var err error
		m.where, err = parseCondition(text)
		return err
	}
	if text != "max" && text != "min" {
		return fmt.Errorf(`want "max" or "min", have %q`, text)
	}
	m.min = text == "min"
	return nil
}

func (m *Matcher) setBy(v any) error {
	switch v := v.(type) {
	case string:
		if err := checkLens(v); err != nil {
			return err
		}
		m.by = v
		return nil
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if key != "run" {
				return fmt.Errorf("unknown key %q%s", key, suggest(key, []string{"run"}))
			}
		}
		script, ok := v["run"].(string)
		if !ok || strings.TrimSpace(script) == "" || !utf8.ValidString(script) {
			return errors.New("want { run = SCRIPT }, a script that prints a number")
		}
		m.script = script
		return nil
	default:
		return fmt.Errorf("want a lens or { run = SCRIPT }, have %s", describe(v))
	}
}

// Canonical returns the normal form of m, which goes into derivations. It is
// made of what [store.Canonical] takes; [Parse] of it is m again. Defaults are
// left out, and a matcher that has a word of its own is that word.
func (m Matcher) Canonical() any {
	m.mustBeValid()
	if word := m.word(); word != "" && m.where == nil {
		return word
	}
	t := make(map[string]any)
	switch m.rule {
	case latest:
		t["latest"] = int64(m.n)
	case some:
		t["some"] = int64(m.n)
	case best:
		t["best"] = int64(m.n)
		t["by"] = m.canonicalBy()
	case exact:
		t["exact"] = m.canonicalRefs()
	default:
		t[m.word()] = true
	}
	if m.min {
		t["order"] = "min"
	}
	if m.where != nil {
		t["where"] = m.where.String()
	}
	return t
}

// word returns the string that is m without its where, if there is one.
func (m Matcher) word() string {
	switch {
	case m.rule == latest && m.n == 1:
		return "latest"
	case m.rule == only:
		return "only"
	case m.rule == all:
		return "all"
	default:
		return ""
	}
}

func (m Matcher) canonicalBy() any {
	if m.script != "" {
		return map[string]any{"run": m.script}
	}
	return m.by
}

func (m Matcher) canonicalRefs() []any {
	texts := make([]any, len(m.refs))
	for i, ref := range m.refs {
		texts[i] = ref.String()
	}
	return texts
}
