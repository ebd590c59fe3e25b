package store

// This file is the canonical JSON that everything with a hash is written in:
// RFC 8785 for strings, key order and escapes, with TOML's types kept apart.
// docs/store-format.md specifies it; testdata/vectors has the vectors.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// A Datetime is one of TOML's four kinds of dates and times.
type Datetime struct {
	kind string // its key in canonical JSON
	text string // its shortest RFC 3339 form
}

// The kinds of [Datetime], by their keys in canonical JSON, with the layouts
// of their texts. A fraction of a second loses the zeros at its end.
var datetimeLayouts = map[string]string{
	"$datetime":       "2006-01-02T15:04:05.999999999Z07:00",
	"$datetime-local": "2006-01-02T15:04:05.999999999",
	"$date":           "2006-01-02",
	"$time":           "15:04:05.999999999",
}

// OffsetDatetime returns t with its offset from UTC.
func OffsetDatetime(t time.Time) Datetime { return datetime("$datetime", t) }

// LocalDatetime returns t without its offset.
func LocalDatetime(t time.Time) Datetime { return datetime("$datetime-local", t) }

// LocalDate returns the date of t.
func LocalDate(t time.Time) Datetime { return datetime("$date", t) }

// LocalTime returns the time of day of t.
func LocalTime(t time.Time) Datetime { return datetime("$time", t) }

// DecodedDatetime returns the date that package toml decoded as t. It tells
// TOML's four kinds apart by the names that it gives to their locations.
func DecodedDatetime(t time.Time) Datetime {
	switch t.Location().String() {
	case "datetime-local":
		return LocalDatetime(t)
	case "date-local":
		return LocalDate(t)
	case "time-local":
		return LocalTime(t)
	default:
		return OffsetDatetime(t)
	}
}

func datetime(kind string, t time.Time) Datetime {
	return Datetime{kind, t.Format(datetimeLayouts[kind])}
}

func (d Datetime) String() string { return d.text }

// Canonical returns the canonical JSON of v, which is made of string, bool,
// int64, float64, [Datetime], []any and map[string]any. NaN, infinities and
// strings that are not UTF-8 are errors.
func Canonical(v any) ([]byte, error) { return appendCanonical(nil, v) }

func appendCanonical(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case string:
		return appendString(b, v)
	case bool:
		return strconv.AppendBool(b, v), nil
	case int64:
		return appendTyped(b, "$int", strconv.FormatInt(v, 10)), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%v has no canonical form", v)
		}
		return appendTyped(b, "$float", formatFloat(v)), nil
	case Datetime:
		if v.kind == "" {
			return nil, errors.New("the zero Datetime has no canonical form")
		}
		return appendTyped(b, v.kind, v.text), nil
	case []any:
		return appendArray(b, v)
	case map[string]any:
		return appendTable(b, v)
	default:
		return nil, fmt.Errorf("a value of type %T has no canonical form", v)
	}
}

// appendTyped writes a number or date as an object that names its type. What
// text holds needs no escapes.
func appendTyped(b []byte, kind, text string) []byte {
	b = append(b, `{"`...)
	b = append(b, kind...)
	b = append(b, `":"`...)
	b = append(b, text...)
	return append(b, `"}`...)
}

func appendArray(b []byte, values []any) ([]byte, error) {
	b = append(b, '[')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendCanonical(b, v); err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return append(b, ']'), nil
}

// appendTable writes the keys in the order of RFC 8785 §3.2.3. A key that
// begins with $ gets another, so that no table looks like a typed value.
func appendTable(b []byte, table map[string]any) ([]byte, error) {
	keys := make([]string, 0, len(table))
	for k := range table {
		keys = append(keys, escapeKey(k))
	}
	slices.SortFunc(keys, compareUTF16)
	b = append(b, '{')
	for i, k := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendString(b, k); err != nil {
			return nil, err
		}
		b = append(b, ':')
		if b, err = appendCanonical(b, table[unescapeKey(k)]); err != nil {
			return nil, fmt.Errorf("%s: %w", unescapeKey(k), err)
		}
	}
	return append(b, '}'), nil
}

func escapeKey(k string) string {
	if strings.HasPrefix(k, "$") {
		return "$" + k
	}
	return k
}

func unescapeKey(k string) string {
	if strings.HasPrefix(k, "$$") {
		return k[1:]
	}
	return k
}

// compareUTF16 orders strings by their UTF-16 code units.
func compareUTF16(a, b string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] != b[i] && (a[i] >= utf8.RuneSelf || b[i] >= utf8.RuneSelf) {
			return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
		}
		if a[i] != b[i] {
			break
		}
	}
	return strings.Compare(a, b)
}

// appendString writes s as RFC 8785 §3.2.2.2 has it: the two-character
// escapes of JSON, \u00xx for other control characters, all else as it is.
func appendString(b []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("%q is not UTF-8", s)
	}
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c >= 0x20:
			b = append(b, c)
		case strings.IndexByte("\b\t\n\f\r", c) >= 0:
			b = append(b, '\\', "btn?fr"[c-'\b'])
		default:
			b = fmt.Appendf(b, `\u%04x`, c)
		}
	}
	return append(b, '"'), nil
}

// formatFloat writes f as ECMAScript's Number::toString does, the shortest
// text that reads back as f, but for -0, which keeps its sign.
func formatFloat(f float64) string {
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		text := strconv.FormatFloat(f, 'e', -1, 64)
		mantissa, exponent, _ := strings.Cut(text, "e")
		return mantissa + "e" + exponent[:1] + strings.TrimLeft(exponent[1:], "0")
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// ParseCanonical reads canonical JSON back into the values that [Canonical]
// takes. It is strict: any other spelling of the same value is an error.
func ParseCanonical(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	var raw any
	if err := dec.Decode(&raw); err != nil {
		return nil, fmt.Errorf("canonical JSON: %v", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("canonical JSON: more than one value")
	}
	v, err := fromJSON(raw)
	if err != nil {
		return nil, fmt.Errorf("canonical JSON: %v", err)
	}
	again, err := Canonical(v)
	if err != nil {
		return nil, fmt.Errorf("canonical JSON: %v", err)
	}
	if !bytes.Equal(again, data) {
		return nil, errors.New("canonical JSON: not in canonical form")
	}
	return v, nil
}

func fromJSON(raw any) (any, error) {
	switch raw := raw.(type) {
	case string, bool:
		return raw, nil
	case []any:
		for i, v := range raw {
			var err error
			if raw[i], err = fromJSON(v); err != nil {
				return nil, err
			}
		}
		return raw, nil
	case map[string]any:
		return fromObject(raw)
	default:
		return nil, fmt.Errorf("a bare %T", raw)
	}
}

func fromObject(raw map[string]any) (any, error) {
	table := make(map[string]any, len(raw))
	for k, v := range raw {
		if strings.HasPrefix(k, "$") && !strings.HasPrefix(k, "$$") {
			return fromTyped(raw, k, v)
		}
		var err error
		if table[unescapeKey(k)], err = fromJSON(v); err != nil {
			return nil, err
		}
	}
	return table, nil
}

func fromTyped(raw map[string]any, kind string, v any) (any, error) {
	text, ok := v.(string)
	if !ok || len(raw) != 1 {
		return nil, fmt.Errorf("malformed %s", kind)
	}
	switch layout := datetimeLayouts[kind]; {
	case kind == "$int":
		return strconv.ParseInt(text, 10, 64)
	case kind == "$float":
		return strconv.ParseFloat(text, 64)
	case layout != "":
		t, err := time.Parse(layout, text)
		if err != nil {
			return nil, err
		}
		return datetime(kind, t), nil
	default:
		return nil, fmt.Errorf("unknown type %s", kind)
	}
}
