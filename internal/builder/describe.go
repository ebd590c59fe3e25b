package builder

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"
)

// describe returns what $PLX_BUILD is to hold: all that a command is given, under
// the names that it has there. It is JSON as encoding/json writes it, without its
// escapes for HTML: canonical, so keys stand in order, and there is no white
// space. It is written out here since each run has one, and reflection takes as
// long as laying what is described.
func (b build) describe() ([]byte, error) {
	config, err := describeTable(b.Config)
	if err != nil {
		return nil, fmt.Errorf("config %w", err)
	}
	d := description{text: make([]byte, 0, 1<<10)}
	d.raw(`{"config":`)
	d.value(config)
	d.raw(`,"inputs":{`)
	for name, in := range inOrder(b.Inputs) {
		d.next('{')
		d.string(name)
		d.raw(":")
		d.input(b.seen, name, in)
	}
	d.raw(`},"out":`)
	d.string(b.seen.out())
	d.raw(`,"outputs":`)
	d.paths(b.Outputs)
	d.raw(`,"run":`)
	d.text = strconv.AppendInt(d.text, int64(b.Run), 10)
	d.raw("}\n")
	if d.err != nil {
		return nil, fmt.Errorf("build.json: %w", d.err)
	}
	return d.text, nil
}

// A description is that text as far as it is written.
type description struct {
	text []byte
	err  error
}

func (d *description) raw(text string) { d.text = append(d.text, text...) }

// next separates one element from another that stands after the bracket.
func (d *description) next(bracket byte) {
	if d.text[len(d.text)-1] != bracket {
		d.text = append(d.text, ',')
	}
}

func (d *description) input(p place, name string, in Input) {
	d.raw("{")
	if in.File != "" {
		d.raw(`"file":`)
		d.string(in.File)
		d.raw(",")
	}
	d.raw(`"items":[`)
	for i, item := range in.Items {
		d.next('[')
		d.raw(`{"outputs":`)
		d.paths(item.Outputs)
		d.raw(`,"path":`)
		d.string(p.item(name, in, i))
		d.raw("}")
	}
	d.raw(`],"list":`)
	d.text = strconv.AppendBool(d.text, in.List)
	d.raw("}")
}

// paths writes outputs with their paths clean; an absent one has an empty path.
func (d *description) paths(outputs map[string]string) {
	d.raw("{")
	for name, p := range inOrder(outputs) {
		if p != "" {
			p = path.Clean(p)
		}
		d.next('{')
		d.string(name)
		d.raw(":")
		d.string(p)
	}
	d.raw("}")
}

// string writes a string. Few hold what encoding/json would escape.
func (d *description) string(s string) {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			d.value(s)
			return
		}
	}
	d.text = append(d.text, '"')
	d.text = append(d.text, s...)
	d.text = append(d.text, '"')
}

// value writes any value.
func (d *description) value(v any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		d.err = err
	}
	d.text = append(d.text, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

// describeTable returns the JSON value of a table of config.
func describeTable(table map[string]any) (map[string]any, error) {
	values := make(map[string]any, len(table))
	for key, v := range table {
		var err error
		if values[key], err = describeValue(v); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
	}
	return values, nil
}

// describeValue returns the JSON value of a config value: dates are strings,
// and a float is never written as an integer is.
func describeValue(v any) (any, error) {
	switch v := v.(type) {
	case string, bool, int64:
		return v, nil
	case float64:
		return describeFloat(v)
	case []any:
		values := make([]any, len(v))
		for i := range v {
			var err error
			if values[i], err = describeValue(v[i]); err != nil {
				return nil, fmt.Errorf("[%d]: %w", i, err)
			}
		}
		return values, nil
	case map[string]any:
		return describeTable(v)
	case fmt.Stringer:
		return v.String(), nil
	default:
		return nil, fmt.Errorf("a value of type %T has no place in config", v)
	}
}

func describeFloat(f float64) (any, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, fmt.Errorf("%v has no place in JSON", f)
	}
	text := formatFloat(f)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return json.Number(text), nil
}
