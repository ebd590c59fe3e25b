package match

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"plx/internal/near"
	"plx/internal/store"
)

// String returns a short form of m for people, such as
// "best 3 by result.fun (min) where result.nit < 100".
func (m Matcher) String() string {
	text := m.ruleText()
	if m.where != nil {
		text += " where " + m.where.String()
	}
	return text
}

func (m Matcher) ruleText() string {
	if word := m.word(); word != "" {
		return word
	}
	switch m.rule {
	case latest:
		return fmt.Sprintf("latest %d", m.n)
	case some:
		return fmt.Sprintf("some %d", m.n)
	case best:
		return m.bestText()
	case exact:
		return "exact " + strings.Join(texts(m.refs), ", ")
	default:
		return "no matcher"
	}
}

func (m Matcher) bestText() string {
	by := m.by
	if m.script != "" {
		by = "script"
	}
	text := fmt.Sprintf("best %d by %s", m.n, by)
	if m.min {
		text += " (min)"
	}
	return text
}

func texts(refs []store.RRef) []string {
	texts := make([]string, len(refs))
	for i, ref := range refs {
		texts[i] = ref.String()
	}
	return texts
}

// describe says what v is, in a few words.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case string:
		return "the text " + shorten(v)
	case bool, int64:
		return fmt.Sprint(v)
	case float64:
		return floatText(v)
	case store.Datetime:
		return "the date " + v.String()
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	default:
		return fmt.Sprintf("a %T", v)
	}
}

// floatText writes f so that it can't be taken for an integer.
func floatText(f float64) string {
	text := strconv.FormatFloat(f, 'g', -1, 64)
	if strings.Trim(text, "-0123456789") == "" {
		text += ".0"
	}
	return text
}

// shortLen is how many bytes of a text an error shows.
const shortLen = 40

// shorten quotes s, and cuts it if it is long.
func shorten(s string) string {
	if len(s) <= shortLen {
		return strconv.Quote(s)
	}
	cut := shortLen
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strconv.Quote(s[:cut]) + "…"
}

// suggest returns a question that names the word nearest to the given one, or
// "" if none is near.
func suggest(word string, words []string) string {
	meant := near.Name(word, words)
	if meant == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", meant)
}
