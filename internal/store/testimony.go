package store

// How evidence and bases are kept as texts: fields one after the other, each
// with its length before it, numbers in 8 bytes. Whoever keeps them sees to it
// that a damaged text is not read; one that is read nevertheless gives nil.

import (
	"encoding/binary"
)

func appendField[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendStamp(b []byte, st stamp) []byte {
	for _, n := range []uint64{uint64(st.size), uint64(st.mtime), uint64(st.ctime), st.device, st.inode} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

// AppendTo appends the text of e.
func (e *Evidence) AppendTo(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(e.clues)))
	for i := range e.clues {
		c := &e.clues[i]
		b = appendField(append(b, byte(c.aspect)), c.path)
		if c.aspect.stamped() {
			b = appendStamp(b, c.stamp)
		}
		b = append(b, c.digest.sum[:]...)
	}
	return b
}

// AppendTo appends the text of b.
func (b *Basis) AppendTo(to []byte) []byte {
	to = appendField(to, b.at.boot)
	to = binary.BigEndian.AppendUint64(to, b.at.device)
	to = binary.BigEndian.AppendUint64(to, b.at.inode)
	to = appendField(to, b.at.head)
	to = binary.BigEndian.AppendUint64(to, uint64(b.at.place))
	to = appendField(to, b.at.last)
	to = appendStamp(to, b.tree)
	to = appendField(to, b.tables)
	to = appendField(to, b.about)
	return appendField(appendField(to, b.sources), b.trees)
}

// ParseEvidence reads what [Evidence.AppendTo] has appended, and returns what
// follows. It is nil if that is damaged.
func ParseEvidence(text string) (e *Evidence, rest string) {
	r := fieldReader{rest: text}
	n := r.count()
	e = NewEvidence()
	for ; n > 0 && !r.bad; n-- {
		c := clue{aspect: aspect(r.byte()), path: r.text()}
		if c.aspect.stamped() {
			c.stamp = r.stamp()
		}
		copy(c.digest.sum[:], r.take(len(c.digest.sum)))
		e.clues = append(e.clues, c)
	}
	if r.bad {
		return nil, ""
	}
	return e, r.rest
}

// ParseBasis reads what [Basis.AppendTo] has appended, and returns what
// follows. It is nil if that is damaged.
func ParseBasis(text string) (b *Basis, rest string) {
	r := fieldReader{rest: text}
	b = new(Basis)
	b.at = moment{boot: r.text(), device: r.number(), inode: r.number(), head: r.text(), place: int64(r.number()), last: r.text()}
	b.tree = r.stamp()
	b.tables, b.about, b.sources, b.trees = r.text(), r.text(), r.text(), r.text()
	const size = len(Hash{}.sum)
	if r.bad || len(b.about)%size+len(b.sources)%size+len(b.trees)%size != 0 {
		return nil, ""
	}
	return b, r.rest
}

// A fieldReader reads fields. What is bad stays so.
type fieldReader struct {
	rest string
	bad  bool
}

// take returns the next n bytes.
func (r *fieldReader) take(n int) string {
	if n < 0 || n > len(r.rest) {
		r.bad, r.rest, n = true, "", 0
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *fieldReader) byte() byte {
	if s := r.take(1); s != "" {
		return s[0]
	}
	return 0
}

// count reads a length, which is at most that of what follows.
func (r *fieldReader) count() int {
	n, size := binary.Uvarint([]byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)]))
	if size <= 0 || n > uint64(len(r.rest)) {
		r.bad, r.rest = true, ""
		return 0
	}
	r.rest = r.rest[size:]
	return int(n)
}

func (r *fieldReader) text() string { return r.take(r.count()) }

func (r *fieldReader) number() uint64 {
	s := r.take(8)
	if r.bad {
		return 0
	}
	return binary.BigEndian.Uint64([]byte(s))
}

func (r *fieldReader) stamp() stamp {
	return stamp{int64(r.number()), int64(r.number()), int64(r.number()), r.number(), r.number()}
}
