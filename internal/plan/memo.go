package plan

// This file keeps what the toml package made of large stage files, for reading
// a megabyte of TOML takes longer than all else. The rules are:
//
//   - A memo lies in .plx/ beside the file that was asked for, and is named by
//     the hash of the text that it was made of: it is right or it isn't there.
//
//   - It ends with the hash of what is before. One that is damaged, of another
//     version, or not to be had is as good as none: the text is read.
//
//   - Memos appear whole, with the plan, and go when they are 30 days old.
//     Deleting them changes nothing but time.

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"plx/internal/store"
)

const (
	memoFormat = "plx memo 1\n"
	memoPrefix = "memo-"

	// memoSize is the size in bytes from which on a text has a memo: less is
	// read in a few milliseconds.
	memoSize = 64 << 10

	// memoTime is how dates are written, beside the zone, whose name tells
	// the kinds of them apart.
	memoTime = "2006-01-02T15:04:05.999999999"
)

// memoName returns the name of the memo of a text.
func memoName(text string) string { return memoPrefix + store.HashOf([]byte(text)).String() }

// remember makes a source of a memo, or returns nil.
func remember(dir, shown, text string) *source {
	if dir == "" || len(text) < memoSize {
		return nil
	}
	data, err := os.ReadFile(filepath.Join(dir, recordDir, memoName(text)))
	if err != nil {
		return nil
	}
	r := memoReader{rest: string(data)}
	src := r.source(store.HashOf([]byte(text)))
	if r.bad {
		return nil
	}
	src.shown, src.text, src.remembered = shown, text, true
	return src
}

// keepMemos writes the memos of large sources that have none yet.
func keepMemos(dir string, sources []*source) error {
	for _, src := range sources {
		if len(src.text) < memoSize {
			continue
		}
		path := filepath.Join(dir, memoName(src.text))
		if now := time.Now(); src.remembered {
			if err := os.Chtimes(path, now, now); err == nil || !errors.Is(err, fs.ErrNotExist) {
				continue
			}
		}
		data, ok := appendSource(src)
		if !ok {
			continue
		}
		data = append(data, store.HashOf(data).String()...)
		if err := replace(path, data); err != nil {
			return err
		}
	}
	return nil
}

func appendSource(src *source) ([]byte, bool) {
	b := append([]byte(memoFormat), store.HashOf([]byte(src.text)).String()...)
	b = appendTexts(b, src.stages)
	b = appendTexts(b, src.uses)
	b = binary.AppendUvarint(b, uint64(len(src.axes)))
	for _, path := range slices.Sorted(maps.Keys(src.axes)) {
		b = appendTexts(appendText(b, path), src.axes[path])
	}
	return appendValue(b, src.table)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendTexts(b []byte, texts []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(texts)))
	for _, s := range texts {
		b = appendText(b, s)
	}
	return b
}

// appendValue writes a value of TOML. ok is false for one that it doesn't know.
func appendValue(b []byte, v any) (data []byte, ok bool) {
	switch v := v.(type) {
	case string:
		return appendText(append(b, 's'), v), true
	case bool:
		if v {
			return append(b, 't'), true
		}
		return append(b, 'f'), true
	case int64:
		return binary.AppendVarint(append(b, 'i'), v), true
	case float64:
		return binary.BigEndian.AppendUint64(append(b, 'd'), math.Float64bits(v)), true
	case []any:
		b = binary.AppendUvarint(append(b, 'a'), uint64(len(v)))
		for _, item := range v {
			if b, ok = appendValue(b, item); !ok {
				return nil, false
			}
		}
		return b, true
	case []map[string]any:
		b = binary.AppendUvarint(append(b, 'A'), uint64(len(v)))
		for _, item := range v {
			if b, ok = appendValue(b, item); !ok {
				return nil, false
			}
		}
		return b, true
	case map[string]any:
		b = binary.AppendUvarint(append(b, 'm'), uint64(len(v)))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if b, ok = appendValue(appendText(b, key), v[key]); !ok {
				return nil, false
			}
		}
		return b, true
	case time.Time:
		zone, offset := v.Zone()
		b = binary.AppendVarint(appendText(append(b, 'T'), zone), int64(offset))
		return appendText(b, v.Format(memoTime)), true
	default:
		return nil, false
	}
}

// A memoReader reads a memo. What is bad stays so.
type memoReader struct {
	rest string
	bad  bool
}

// source reads a whole memo of the text with the hash.
func (r *memoReader) source(text store.Hash) *source {
	const sum = 32 // characters of a hash
	body, ok := strings.CutPrefix(r.rest, memoFormat+text.String())
	if !ok || len(body) < sum || store.HashOf([]byte(r.rest[:len(r.rest)-sum])).String() != r.rest[len(r.rest)-sum:] {
		r.bad = true
		return nil
	}
	r.rest = body[:len(body)-sum]
	src := &source{stages: r.texts(), uses: r.texts(), axes: make(map[string][]string)}
	for n := r.count(); n > 0 && !r.bad; n-- {
		path := r.text()
		src.axes[path] = r.texts()
	}
	src.table, ok = r.value().(map[string]any)
	r.bad = r.bad || !ok || r.rest != ""
	return src
}

// take returns the next n bytes.
func (r *memoReader) take(n int) string {
	if n < 0 || n > len(r.rest) {
		r.bad, r.rest, n = true, "", 0
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

// count reads a length, which is at most that of what follows.
func (r *memoReader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, ""
		return 0
	}
	return int(n)
}

func (r *memoReader) uvarint() uint64 { return varint(r, binary.Uvarint) }
func (r *memoReader) varint() int64   { return varint(r, binary.Varint) }

// varint reads a number of variable length.
func varint[T any](r *memoReader, decode func([]byte) (T, int)) T {
	n, size := decode([]byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)]))
	if size <= 0 {
		r.bad, r.rest = true, ""
		return *new(T)
	}
	r.rest = r.rest[size:]
	return n
}

func (r *memoReader) text() string { return r.take(r.count()) }

func (r *memoReader) texts() []string {
	var texts []string
	for n := r.count(); n > 0 && !r.bad; n-- {
		texts = append(texts, r.text())
	}
	return texts
}

func (r *memoReader) value() any {
	switch r.take(min(1, len(r.rest))) {
	case "s":
		return r.text()
	case "t":
		return true
	case "f":
		return false
	case "i":
		return r.varint()
	case "d":
		bits := r.take(8)
		if r.bad {
			return nil
		}
		return math.Float64frombits(binary.BigEndian.Uint64([]byte(bits)))
	case "T":
		return r.time()
	case "a":
		list := []any{}
		for n := r.count(); n > 0 && !r.bad; n-- {
			list = append(list, r.value())
		}
		return list
	case "A":
		list := []map[string]any{}
		for n := r.count(); n > 0 && !r.bad; n-- {
			table, _ := r.value().(map[string]any)
			list = append(list, table)
		}
		return list
	case "m":
		return r.table()
	default:
		r.bad, r.rest = true, ""
		return nil
	}
}

func (r *memoReader) time() any {
	name := r.text()
	offset := r.varint()
	t, err := time.ParseInLocation(memoTime, r.text(), time.FixedZone(name, int(offset)))
	r.bad = r.bad || err != nil
	return t
}

func (r *memoReader) table() map[string]any {
	table := make(map[string]any)
	for n := r.count(); n > 0 && !r.bad; n-- {
		key := r.text()
		table[key] = r.value()
	}
	return table
}
