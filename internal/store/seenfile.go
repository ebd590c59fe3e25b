package store

// This file is the form in which seen.go keeps what it remembers: the format;
// the hash of what is remembered of directories and how long that is, and that;
// the same of files. A run in which all directories are as they were reads no
// more than the first.

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strings"
)

// seenFormat marks a file of what is remembered, and its version.
const seenFormat = "plx files 2\n"

var errSeen = errors.New("damaged, or of another version")

// text returns what [parseSeen] reads.
func (c *seen) text() []byte {
	var trees, files []byte
	for _, path := range slices.Sorted(maps.Keys(c.trees)) {
		s := c.trees[path]
		trees = appendTexts(trees, path, s.print.String(), s.tree.String())
	}
	for _, path := range slices.Sorted(maps.Keys(c.files)) {
		s := c.files[path]
		files = appendTexts(files, path, string(s.digest.sum[:]), s.sha256)
		for _, v := range []int64{s.size, s.mtime, s.ctime} {
			files = binary.AppendVarint(files, v)
		}
		files = binary.AppendUvarint(binary.AppendUvarint(files, s.device), s.inode)
	}
	return appendSection(appendSection([]byte(seenFormat), trees), files)
}

func appendTexts(b []byte, texts ...string) []byte {
	for _, text := range texts {
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	return b
}

func appendSection(b, section []byte) []byte {
	return appendTexts(b, HashOf(section).String(), string(section))
}

// parseSeen reads what is remembered of directories, and returns what else
// there is.
func parseSeen(data string) (trees map[string]treeSight, files string, err error) {
	rest, ok := strings.CutPrefix(data, seenFormat)
	if !ok {
		return nil, "", errSeen
	}
	r := seenReader{rest: rest}
	section := r.section()
	files, r.rest = r.rest, section
	trees = make(map[string]treeSight)
	for r.rest != "" {
		path := r.text()
		trees[path] = treeSight{r.hash(), r.hash()}
	}
	if r.bad {
		return nil, "", errSeen
	}
	return trees, files, nil
}

// parseSights reads what is remembered of files.
func parseSights(data string) (map[string]sight, error) {
	r := seenReader{rest: data}
	section := r.section()
	r.bad = r.bad || r.rest != ""
	r.rest = section
	files := make(map[string]sight, len(section)/seenSize)
	for r.rest != "" {
		var s sight
		path := r.text()
		r.bad = copy(s.digest.sum[:], r.text()) != len(s.digest.sum) || r.bad
		s.sha256 = r.text()
		s.stamp = stamp{r.int(), r.int(), r.int(), r.uint(), r.uint()}
		files[path] = s
	}
	if r.bad {
		return nil, errSeen
	}
	return files, nil
}

// seenSize is about how many bytes there are for each file.
const seenSize = 100

// A seenReader reads a part of what is remembered. What is bad stays so, and
// ends there.
type seenReader struct {
	rest string
	bad  bool
}

func (r *seenReader) fail() {
	r.rest, r.bad = "", true
}

func (r *seenReader) uint() uint64 {
	v, n := binary.Uvarint([]byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)]))
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *seenReader) int() int64 {
	v := r.uint()
	return int64(v>>1) ^ -int64(v&1) // as binary.Varint has it
}

func (r *seenReader) text() string {
	n := r.uint()
	if n > uint64(len(r.rest)) {
		r.fail()
		return ""
	}
	text := r.rest[:n]
	r.rest = r.rest[n:]
	return text
}

func (r *seenReader) hash() Hash {
	h, err := ParseHash(r.text())
	if err != nil {
		r.fail()
	}
	return h
}

// section returns what has the hash that stands before it.
func (r *seenReader) section() string {
	sum, text := r.text(), r.text()
	if !r.bad && HashOf([]byte(text)).String() != sum {
		r.fail()
		return ""
	}
	return text
}
