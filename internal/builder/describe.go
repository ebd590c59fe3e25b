package builder

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"path"
	"strings"
)

// A description is what $PLX_BUILD holds: all that a command is given, under
// the names that it has there. Fields stand in the order of their keys, since
// the text is canonical: keys in order, and no white space.
type description struct {
	Config  map[string]any            `json:"config"`
	Inputs  map[string]describedInput `json:"inputs"`
	Out     string                    `json:"out"`
	Outputs map[string]string         `json:"outputs"`
	Run     int                       `json:"run"`
}

type describedInput struct {
	File  string          `json:"file,omitempty"`
	Items []describedItem `json:"items"`
	List  bool            `json:"list"`
}

type describedItem struct {
	Outputs map[string]string `json:"outputs"` // an absent one has an empty path
	Path    string            `json:"path"`
}

// describe returns what is to be in build.json.
func (b build) describe() ([]byte, error) {
	config, err := describeTable(b.Config)
	if err != nil {
		return nil, fmt.Errorf("config %w", err)
	}
	d := description{
		Config:  config,
		Inputs:  make(map[string]describedInput, len(b.Inputs)),
		Out:     b.seen.out(),
		Outputs: cleanPaths(b.Outputs),
		Run:     b.Run,
	}
	for name, in := range b.Inputs {
		items := make([]describedItem, len(in.Items))
		for i, item := range in.Items {
			items[i] = describedItem{cleanPaths(item.Outputs), b.seen.item(name, in, i)}
		}
		d.Inputs[name] = describedInput{in.File, items, in.List}
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(d); err != nil {
		return nil, fmt.Errorf("build.json: %w", err)
	}
	return text.Bytes(), nil
}

// cleanPaths returns a copy of outputs, never nil, with its paths clean.
func cleanPaths(outputs map[string]string) map[string]string {
	paths := make(map[string]string, len(outputs))
	for name, p := range outputs {
		if p != "" {
			p = path.Clean(p)
		}
		paths[name] = p
	}
	return paths
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
