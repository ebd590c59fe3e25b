package store

import (
	"io"
	"sync/atomic"
)

// A Progress says how far something is that may take long.
type Progress struct {
	Doing string // what is done, in a few words
	Done  int64
	Total int64 // 0: not known
	Bytes bool  // bytes are counted, not things
}

// A tally counts what is done, and tells of it. A nil one does neither.
type tally struct {
	tell func(Progress)
	of   Progress
	done atomic.Int64
}

// tally begins to count. It returns nil if nobody wants to know.
func (s *Store) tally(doing string, total int64, bytes bool) *tally {
	if s.Progress == nil {
		return nil
	}
	t := &tally{tell: s.Progress, of: Progress{Doing: doing, Total: total, Bytes: bytes}}
	t.add(0)
	return t
}

func (t *tally) add(n int64) {
	if t == nil {
		return
	}
	p := t.of
	p.Done = t.done.Add(n)
	t.tell(p)
}

// reader counts what is read from r.
func (t *tally) reader(r io.Reader) io.Reader {
	if t == nil {
		return r
	}
	return &countedReader{r, t}
}

type countedReader struct {
	io.Reader
	t *tally
}

func (r *countedReader) Read(data []byte) (int, error) {
	n, err := r.Reader.Read(data)
	r.t.add(int64(n))
	return n, err
}

// takenIn counts what is read of all sources together: most are small.
func (s *Store) takenIn() *tally {
	s.takenOnce.Do(func() { s.taken = s.tally("read sources", 0, true) })
	return s.taken
}
