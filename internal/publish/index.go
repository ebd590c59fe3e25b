package publish

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The files of an index.
const (
	indexJSON = "index.json"
	indexCSV  = "index.csv"
)

// indexFormat marks an index.
const indexFormat = "plx index 1"

// An Index tells what a directory has of results, and where they come from.
type Index struct {
	Format  string  `json:"format"`
	Entries []Entry `json:"entries"`

	files map[string]string // all that were published, with their digests
}

// An Entry is an output of a result.
type Entry struct {
	Name    string             `json:"name"`
	Stage   string             `json:"stage"`
	Output  string             `json:"output"`
	Params  map[string]any     `json:"params"`
	Metrics map[string]float64 `json:"metrics"`
	DRef    string             `json:"dref"`
	RRef    string             `json:"rref"`
	How     string             `json:"how"`
	Files   []File             `json:"files"`
}

// A File is a file that was published.
type File struct {
	Path   string `json:"path"`
	BLAKE3 string `json:"blake3"`
}

// readIndex reads the index of a directory. One that is not there is empty.
func readIndex(dir string) (*Index, error) {
	x := &Index{Format: indexFormat, files: make(map[string]string)}
	data, err := os.ReadFile(filepath.Join(dir, indexJSON))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(filepath.Join(dir, indexCSV)); err == nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(dir, indexCSV), ErrForeign)
		}
		return x, nil
	}
	if err != nil {
		return nil, err
	}
	x.Format = "" // which must be in it
	if json.Unmarshal(data, x) != nil || x.Format != indexFormat {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, indexJSON), ErrForeign)
	}
	for _, e := range x.Entries {
		for _, f := range e.Files {
			x.files[f.Path] = f.BLAKE3
		}
	}
	return x, nil
}

// newEntry tells of an item, but for its files.
func newEntry(i Item, how string) (Entry, error) {
	d := i.Result.Stage.Derivation
	e := Entry{
		Name: i.Name, Stage: i.Result.Stage.Name, Output: i.Output, Params: make(map[string]any), Metrics: make(map[string]float64),
		DRef: i.Result.Ref.DRef().String(), RRef: i.Result.Ref.String(), How: how,
	}
	for key, value := range d.Config {
		e.Params[key] = value
		if text, ok := value.(fmt.Stringer); ok {
			e.Params[key] = text.String()
		}
	}
	for _, item := range i.siblings {
		if err := e.measure(item); err != nil {
			return e, err
		}
	}
	return e, nil
}

// measure adds the numbers of an output that is a metric.
func (e *Entry) measure(i Item) error {
	if !slices.Contains(i.Result.Stage.Derivation.Metrics, i.Output) {
		return nil
	}
	data, err := os.ReadFile(i.from)
	if err != nil {
		return err
	}
	var v any
	if json.Unmarshal(data, &v) == nil { // what is no JSON has no numbers by name
		flatten(i.Output, v, e.Metrics)
	}
	return nil
}

// flatten adds the numbers in a value, by the lenses that lead to them.
func flatten(path string, v any, numbers map[string]float64) {
	switch v := v.(type) {
	case float64:
		numbers[path] = v
	case map[string]any:
		for key, value := range v {
			flatten(path+"."+key, value, numbers)
		}
	}
}

// add puts entries into the index, in the place of those of the same names, as
// far as their files were made.
func (x *Index) add(entries []Entry, made map[string]string) {
	byName := make(map[string]Entry)
	for _, e := range x.Entries {
		byName[e.Name] = e
	}
	for _, e := range entries {
		e.Files = slices.DeleteFunc(slices.Clone(e.Files), func(f File) bool { return made[f.Path] == "" })
		if len(e.Files) == 0 && byName[e.Name].Name != "" && len(made) == 0 {
			continue
		}
		for _, old := range byName[e.Name].Files { // what is there still is ours
			if !slices.ContainsFunc(e.Files, func(f File) bool { return f.Path == old.Path }) {
				e.Files = append(e.Files, old)
			}
		}
		byName[e.Name] = e
	}
	x.Entries = []Entry{}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		x.Entries = append(x.Entries, byName[name])
	}
}

// write writes both files of the index.
func (x *Index) write(dir string) error {
	if len(x.Entries) == 0 {
		return nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(x); err != nil {
		return err
	}
	table, err := x.csv()
	if err != nil {
		return err
	}
	return errors.Join(replace(filepath.Join(dir, indexCSV), table), replace(filepath.Join(dir, indexJSON), b.Bytes()))
}

// replace writes a file that appears when it is whole.
func replace(path string, data []byte) error {
	temp := filepath.Join(filepath.Dir(path), fmt.Sprintf(".plx-%d", os.Getpid()))
	if err := os.WriteFile(temp, data, 0o666); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return os.Rename(temp, path)
}

// csv writes the index as a table: what each output is named, where it comes
// from, and a column for each param and each metric that any has.
func (x *Index) csv() ([]byte, error) {
	params, metrics := make(map[string]bool), make(map[string]bool)
	for _, e := range x.Entries {
		for key := range e.Params {
			params[key] = true
		}
		for key := range e.Metrics {
			metrics[key] = true
		}
	}
	columns, numbers := slices.Sorted(maps.Keys(params)), slices.Sorted(maps.Keys(metrics))
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Write(slices.Concat([]string{"name", "stage", "output"}, columns, numbers, []string{"rref"}))
	for _, e := range x.Entries {
		row := []string{e.Name, e.Stage, e.Output}
		for _, key := range columns {
			row = append(row, cell(e.Params[key]))
		}
		for _, key := range numbers {
			text := ""
			if n, there := e.Metrics[key]; there {
				text = cell(n)
			}
			row = append(row, text)
		}
		w.Write(append(row, e.RRef))
	}
	w.Flush()
	return []byte(b.String()), w.Error()
}

// cell writes a value as a table has it.
func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(data)
}
