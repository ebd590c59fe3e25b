package lens

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"plx/internal/store"
)

// A column is the values of a CSV column. With one row it stands for its
// value where that is asked for.
type column []any

// plain returns v as others see it.
func plain(v any) any {
	switch v := v.(type) {
	case column:
		if len(v) == 1 {
			return v[0]
		}
		return []any(v)
	default:
		return v
	}
}

// walk follows the steps into a value; of is what it is called in messages.
// A spread makes many of one.
func walk(of string, v any, done, rest []step) ([]any, error) {
	if len(rest) == 0 {
		return []any{v}, nil
	}
	s, in := rest[0], of
	if len(done) > 0 {
		in = pathText(done) + " of " + of
	}
	done = append(slices.Clip(done), s)
	switch v := v.(type) {
	case map[string]any:
		member, ok := v[s.name]
		if s.kind != stepName || !ok {
			return nil, &NameError{In: in, Name: s.String(), Valid: steps(slices.Sorted(maps.Keys(v)))}
		}
		return walk(of, member, done, rest[1:])
	case column:
		return walkList(of, in, v, done, rest)
	case []any:
		return walkList(of, in, v, done, rest)
	default:
		return nil, &NameError{In: in, Name: s.String(), Hint: "it is " + describe(v)}
	}
}

func walkList(of, in string, values []any, done, rest []step) ([]any, error) {
	switch s := rest[0]; s.kind {
	case stepSpread:
		var all []any
		for i, v := range values {
			done[len(done)-1] = step{kind: stepIndex, index: i}
			found, err := walk(of, v, done, rest[1:])
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
		return all, nil
	case stepIndex:
		i, ok := position(s.index, len(values), 0)
		if !ok {
			return nil, listError(in, s, len(values), 0)
		}
		return walk(of, values[i], done, rest[1:])
	default:
		return nil, listError(in, s, len(values), 0)
	}
}

// position returns where in a list of n an index leads that counts from
// first, or from the end if it is negative.
func position(index, n, first int) (int, bool) {
	i := index - first
	if index < 0 {
		i = n + index
	}
	return i, 0 <= i && i < n
}

// listError says that s doesn't lead into a list of n that counts from first.
func listError(in string, s step, n, first int) error {
	hint := "it is an empty list"
	if n > 0 {
		hint = fmt.Sprintf("it is a list of %d, [%d] to [%d]; [*] is all of it", n, first, first+n-1)
	}
	return &NameError{In: in, Name: s.String(), Hint: hint}
}

// steps returns the names as a path has them.
func steps(names []string) []string {
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = step{kind: stepName, name: name}.String()
	}
	return texts
}

// maxDescribed is how many bytes of a text a message shows.
const maxDescribed = 40

// describe says what v is, in a few words.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		if len(v) > maxDescribed {
			return fmt.Sprintf("the text %q…", strings.ToValidUTF8(v[:maxDescribed], ""))
		}
		return fmt.Sprintf("the text %q", v)
	case store.Datetime:
		return "the date " + v.String()
	default:
		return text(v)
	}
}

// text returns v for people and for $(…): a string as it is, a number in its
// shortest form, tables and lists as JSON.
func text(v any) string {
	switch v := plain(v).(type) {
	case string:
		return v
	case store.Datetime:
		return v.String()
	case float64:
		return floatText(v)
	default:
		data, err := marshal(v)
		if err != nil {
			return fmt.Sprint(v)
		}
		return string(data)
	}
}

// marshal returns v as JSON: dates are strings, and a float is never written
// as an integer is. What JSON can't hold is an error.
func marshal(v any) ([]byte, error) {
	v, err := forJSON(v)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func forJSON(v any) (any, error) {
	switch v := v.(type) {
	case store.Datetime:
		return v.String(), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%s has no place in JSON", floatText(v))
		}
		number := floatText(v)
		if !strings.ContainsAny(number, ".e") {
			number += ".0"
		}
		return json.Number(number), nil
	case column:
		return forJSON([]any(v))
	case []any:
		list := make([]any, len(v))
		for i := range v {
			var err error
			if list[i], err = forJSON(v[i]); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		table := make(map[string]any, len(v))
		for k := range v {
			var err error
			if table[k], err = forJSON(v[k]); err != nil {
				return nil, err
			}
		}
		return table, nil
	default:
		return v, nil
	}
}

// floatText writes the shortest text that reads back as f, and an exponent
// only where there would be many zeros, as JavaScript does.
func floatText(f float64) string {
	switch a := math.Abs(f); {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 0):
		return strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(f, 'f', -1, 64)), "+")
	case a != 0 && (a < 1e-6 || a >= 1e21):
		return strconv.FormatFloat(f, 'e', -1, 64)
	default:
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
}
