package store

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"
)

// text returns the record as encoding/json writes it, indented by tabs. It is
// written out here since each result that is made has one, and reflection takes
// as long as all else that is done to describe a result.
func (rec record) text() ([]byte, error) {
	var f fields
	f.string("format", rec.Format)
	f.string("derivation", rec.Derivation)
	f.context(rec.Context)
	f.string("tree", rec.Tree)
	f.optional("manifest", rec.Manifest)
	f.value("volatile", rec.Volatile, rec.Volatile == nil)
	f.optional("beside", rec.Beside)
	f.optional("adopted", rec.Adopted)
	f.string("action", rec.Action)
	if rec.Run != 0 {
		f.raw("run", strconv.Itoa(rec.Run))
	}
	f.value("also", rec.Also, rec.Also == nil)
	f.raw("started", `"`+rec.Started.Format(time.RFC3339Nano)+`"`)
	f.raw("stopped", `"`+rec.Stopped.Format(time.RFC3339Nano)+`"`)
	f.raw("user_seconds", formatFloat(rec.User))
	f.raw("system_seconds", formatFloat(rec.System))
	f.raw("max_rss_bytes", strconv.FormatInt(rec.MaxRSS, 10))
	f.optional("host", rec.Host)
	f.optional("by", rec.By)
	f.optional("version", rec.Version)
	f.optional("sandbox", rec.Sandbox)
	f.value("tools", rec.Tools, rec.Tools == nil)
	f.value("carried", true, !rec.Carried)
	f.value("hand", true, !rec.Hand)
	return append(f.b, "\n}\n"...), f.err
}

// fields are those of a JSON object, as far as they are written.
type fields struct {
	b   []byte
	err error
}

func (f *fields) key(name string) {
	if f.b == nil {
		f.b = append(make([]byte, 0, 2<<10), '{')
	} else {
		f.b = append(f.b, ',')
	}
	f.b = append(f.b, "\n\t\""...)
	f.b = append(f.b, name...)
	f.b = append(f.b, `": `...)
}

func (f *fields) raw(name, text string) {
	f.key(name)
	f.b = append(f.b, text...)
}

func (f *fields) string(name, s string) {
	f.key(name)
	f.text(s)
}

func (f *fields) optional(name, s string) {
	if s != "" {
		f.string(name, s)
	}
}

// text writes a string. Few hold what is to be escaped, but for manifests.
func (f *fields) text(s string) {
	start := len(f.b)
	f.b = append(f.b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			f.b = append(f.b, '\\', c)
		case c == '\n':
			f.b = append(f.b, `\n`...)
		case c == '\t':
			f.b = append(f.b, `\t`...)
		case c < 0x20 || c >= 0x7f:
			f.b = f.b[:start]
			f.json(s)
			return
		default:
			f.b = append(f.b, c)
		}
	}
	f.b = append(f.b, '"')
}

// value writes what is rarely there.
func (f *fields) value(name string, v any, absent bool) {
	if !absent {
		f.key(name)
		f.json(v)
	}
}

func (f *fields) json(v any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("\t", "\t")
	if err := enc.Encode(v); err != nil {
		f.err = err
	}
	f.b = append(f.b, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

// context writes lists of references by the names of inputs, in their order.
func (f *fields) context(c map[string][]string) {
	f.key("context")
	f.b = append(f.b, '{')
	for i, name := range slices.Sorted(maps.Keys(c)) {
		f.next(i, "\n\t\t")
		f.text(name)
		f.b = append(f.b, ": ["...)
		for j, ref := range c[name] {
			f.next(j, "\n\t\t\t")
			f.text(ref)
		}
		if len(c[name]) > 0 {
			f.b = append(f.b, "\n\t\t"...)
		}
		f.b = append(f.b, ']')
	}
	if len(c) > 0 {
		f.b = append(f.b, "\n\t"...)
	}
	f.b = append(f.b, '}')
}

// next begins the i-th value of several, on a line of its own.
func (f *fields) next(i int, line string) {
	if i > 0 {
		f.b = append(f.b, ',')
	}
	f.b = append(f.b, line...)
}
