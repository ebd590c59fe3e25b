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

// AppendRenewed appends what [Evidence.Renew] reads: the stamps that were
// brought up to date since e was read.
func (e *Evidence) AppendRenewed(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(e.renewed)))
	for _, i := range e.renewed {
		b = appendStamp(binary.AppendUvarint(b, uint64(i)), e.clues[i].stamp)
	}
	return b
}

// AppendTo appends the text of b.
func (b *Basis) AppendTo(to []byte) []byte {
	to = b.AppendRenewed(to)
	to = appendField(to, b.tables)
	to = appendField(to, b.about)
	return appendField(appendField(to, b.sources), b.trees)
}

// AppendRenewed appends what [Basis.Renew] reads: what of b is brought up to date
// as long as it holds.
func (b *Basis) AppendRenewed(to []byte) []byte {
	to = appendField(to, b.at.boot)
	to = binary.BigEndian.AppendUint64(to, b.at.device)
	to = binary.BigEndian.AppendUint64(to, b.at.inode)
	to = appendField(to, b.at.head)
	to = binary.BigEndian.AppendUint64(to, uint64(b.at.place))
	to = appendField(to, b.at.last)
	return appendStamp(to, b.tree)
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
	b.renew(&r)
	b.tables, b.about, b.sources, b.trees = r.text(), r.text(), r.text(), r.text()
	const size = len(Hash{}.sum)
	if r.bad || len(b.about)%size+len(b.sources)%size+len(b.trees)%size != 0 {
		return nil, ""
	}
	return b, r.rest
}

// Renew takes over what [Evidence.AppendRenewed] has appended, and returns what
// follows. ok is false if that is damaged.
func (e *Evidence) Renew(text string) (rest string, ok bool) {
	r := fieldReader{rest: text}
	for n := r.count(); n > 0 && !r.bad; n-- {
		i, st := r.uvarint(), r.stamp()
		if r.bad || i >= uint64(len(e.clues)) || !e.clues[i].aspect.stamped() {
			return "", false
		}
		e.clues[i].stamp = st
	}
	return r.rest, !r.bad
}

// Renew takes over what [Basis.AppendRenewed] has appended, and returns what
// follows. ok is false if that is damaged.
func (b *Basis) Renew(text string) (rest string, ok bool) {
	r := fieldReader{rest: text}
	b.renew(&r)
	return r.rest, !r.bad
}

func (b *Basis) renew(r *fieldReader) {
	b.at = moment{boot: r.text(), device: r.number(), inode: r.number(), head: r.text(), place: int64(r.number()), last: r.text()}
	b.tree = r.stamp()
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
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, ""
		return 0
	}
	return int(n)
}

func (r *fieldReader) uvarint() uint64 {
	n, size := binary.Uvarint([]byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)]))
	if size <= 0 {
		r.bad, r.rest = true, ""
		return 0
	}
	r.rest = r.rest[size:]
	return n
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
