package fetch

import (
	"encoding/json"
	"errors"
	"hash"
	"io"
	"os"
	"path/filepath"
)

// A source is what is known of where a partial file came from.
type source struct {
	URL      string `json:"url"`
	ETag     string `json:"etag,omitempty"`     // a strong one
	Modified string `json:"modified,omitempty"` // the Last-Modified
	Total    int64  `json:"total"`              // bytes of the whole file; -1: unknown
}

// A partial is a file on its way.
type partial struct {
	dir     string
	want    expected
	file    *os.File
	sum     hash.Hash // of what the file holds
	size    int64     // of what it holds, in bytes
	most    int64     // that it ever held, in bytes
	pieced  bool      // it is not all from one answer
	from    source
	maxSize int64 // 0: no limit
}

// openPartial opens what there is in dir, if anything.
func openPartial(dir string, want expected) (*partial, error) {
	file, err := os.OpenFile(filepath.Join(dir, "data"), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	p := &partial{dir: dir, want: want, file: file, sum: want.new()}
	p.size, err = io.Copy(p.sum, file)
	if err != nil {
		file.Close()
		return nil, err
	}
	p.most, p.pieced = p.size, p.size > 0
	p.from = p.readSource()
	return p, nil
}

// readSource returns what is kept of the source. A damaged note says nothing.
func (p *partial) readSource() source {
	nothing := source{Total: -1}
	data, err := os.ReadFile(filepath.Join(p.dir, "source"))
	if err != nil {
		return nothing
	}
	var from source
	if json.Unmarshal(data, &from) != nil {
		return nothing
	}
	return from
}

// startOver throws away what there is, to take the file from a new source.
func (p *partial) startOver(from source) error {
	data, err := json.Marshal(from)
	if err == nil {
		err = p.clear()
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(p.dir, "source"), data, 0o666)
	}
	if err != nil {
		return &localError{err}
	}
	p.from = from
	return nil
}

// clear throws away what there is.
func (p *partial) clear() error {
	p.sum.Reset()
	p.size, p.pieced, p.from = 0, false, source{Total: -1}
	_, err := p.file.Seek(0, io.SeekStart)
	return errors.Join(err, p.file.Truncate(0))
}

// Write appends to the file.
func (p *partial) Write(data []byte) (int, error) {
	n, err := p.file.Write(data)
	p.sum.Write(data[:n])
	p.size += int64(n)
	p.most = max(p.most, p.size)
	if err != nil {
		return n, &localError{err}
	}
	return n, nil
}

// whole reports whether what there is is the file.
func (p *partial) whole() bool { return p.want.is(p.sum) }
