package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// A Request says what to download.
type Request struct {
	URLs    []string // mirrors, in the order in which they are tried: http, https or file
	Hash    string   // what the file must have, as in sha256:<hex>
	MaxSize int64    // how large the file may be, in bytes; 0: as large as it is
}

// A Progress says how far a download is.
type Progress struct {
	URL   string
	Done  int64         // bytes that are there
	Total int64         // bytes of the file; -1: the server doesn't say
	Err   error         // why it stops; nil: it goes on
	Wait  time.Duration // with Err: when the mirror is asked again; 0: it isn't
}

// A Client downloads files.
type Client struct {
	HTTP     *http.Client
	Attempts int           // how often a mirror is asked in a row without getting further
	Backoff  time.Duration // the pause before the second attempt; it doubles with each
	MaxWait  time.Duration // the longest pause, also where a server asks for a longer one
	Stall    time.Duration // how long a server may send nothing

	// Sleep waits, and returns an error if ctx ends before.
	Sleep func(ctx context.Context, d time.Duration) error

	// Report is called, by one goroutine, each time something has come in.
	Report func(Progress)
}

// NewClient returns a client that is patient with servers as they are: it
// gives up on one after a minute without a byte, five times in a row.
func NewClient() *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true // the file as it lies there is what has the hash
	return &Client{
		HTTP:     &http.Client{Transport: transport, CheckRedirect: checkRedirect},
		Attempts: 5,
		Backoff:  time.Second,
		MaxWait:  2 * time.Minute,
		Stall:    time.Minute,
		Sleep:    sleep,
		Report:   func(Progress) {},
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// Download gets the file, and returns its path: data in dir, which the caller
// has locked and uses for this hash only. What is there already is used. The
// error is a [HashError], a [DownloadError], or ctx's or this machine's.
func (c *Client) Download(ctx context.Context, r Request, dir string) (string, error) {
	want, err := parseHash(r.Hash)
	if err != nil {
		return "", err
	}
	p, err := openPartial(dir, want)
	if err != nil {
		return "", fmt.Errorf("download: %w", err)
	}
	defer p.file.Close()
	if p.maxSize = r.MaxSize; p.whole() {
		return p.file.Name(), p.file.Close()
	}
	if err := c.mirrors(ctx, p, r.URLs); err != nil {
		return "", err
	}
	return p.file.Name(), p.file.Close()
}

// mirrors tries each in turn. One that has another file is worth more words
// than those that have none.
func (c *Client) mirrors(ctx context.Context, p *partial, urls []string) error {
	var wrong *HashError
	var failed []MirrorError
	for _, text := range urls {
		err := c.mirror(ctx, p, text)
		var local *localError
		var hash *HashError
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &local):
			return fmt.Errorf("download %s: %w", redacted(text), local.err)
		case errors.As(err, &hash) && wrong == nil:
			wrong = hash
		}
		failed = append(failed, MirrorError{redacted(text), err})
		c.Report(Progress{URL: redacted(text), Done: p.size, Total: p.from.Total, Err: err})
	}
	if wrong != nil {
		return wrong
	}
	return &DownloadError{failed}
}

// enough is how many bytes further an attempt must get to count as progress: a
// server that hands out a file in small pieces would be asked for ever.
const enough = 1 << 20

// mirror gets the file from one URL.
func (c *Client) mirror(ctx context.Context, p *partial, text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return err
	}
	again := false // it has been started over for a wrong hash
	for tries := 1; ; tries++ {
		before := p.most
		err := c.attempt(ctx, p, u)
		if err == nil {
			if p.whole() {
				return nil
			}
			pieced := p.pieced
			err = &HashError{URL: u.Redacted(), Want: p.want.String(), Have: p.want.other(p.sum)}
			if err := p.clear(); err != nil {
				return &localError{err}
			}
			if again || !pieced {
				return err
			}
			again, tries = true, 0
			continue
		}
		if p.most >= before+enough {
			tries = 1
		}
		wait, ok := c.pause(err, tries)
		if ctx.Err() != nil || !ok {
			return err
		}
		c.Report(Progress{URL: u.Redacted(), Done: p.size, Total: p.from.Total, Err: err, Wait: wait})
		if err := c.Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// pause returns how long to wait after the error, and whether to try again.
func (c *Client) pause(err error, tries int) (time.Duration, bool) {
	var final *finalError
	var local *localError
	if tries >= c.Attempts || errors.As(err, &final) || errors.As(err, &local) {
		return 0, false
	}
	wait := min(c.Backoff<<(tries-1), c.MaxWait)
	var status *statusError
	if errors.As(err, &status) {
		wait = max(wait, status.after)
	}
	return wait, wait <= c.MaxWait
}

// redacted returns the URL without its password.
func redacted(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	return u.Redacted()
}
