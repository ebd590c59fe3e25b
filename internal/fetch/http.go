package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// attempt asks one URL once for what is missing of the file.
func (c *Client) attempt(ctx context.Context, p *partial, u *url.URL) error {
	switch u.Scheme {
	case "file":
		return c.copyFile(ctx, p, u)
	case "http", "https":
		return c.get(ctx, p, u)
	}
	return &finalError{fmt.Errorf("%q is no scheme that plx can download from: want http, https or file", u.Scheme)}
}

// copyFile takes the file from this machine.
func (c *Client) copyFile(ctx context.Context, p *partial, u *url.URL) error {
	file, err := os.OpenFile(u.Path, os.O_RDONLY|unix.O_NONBLOCK, 0) // a FIFO would be waited for
	if err != nil {
		return &finalError{errors.Unwrap(err)}
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &finalError{errors.New("not a regular file")}
	}
	if err := p.startOver(source{URL: u.String(), Total: info.Size()}); err != nil {
		return err
	}
	return c.receive(ctx, p, u, file, func() {})
}

// get asks a server.
func (c *Client) get(ctx context.Context, p *partial, u *url.URL) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(c.Stall, func() { cancel(fmt.Errorf("nothing came for %v", c.Stall)) })
	defer stalled.Stop()
	answer, err := c.ask(ctx, p, u)
	if err != nil {
		return c.plain(ctx, err)
	}
	defer answer.Body.Close()
	resume, err := accept(p, u, answer)
	if err != nil {
		return err
	}
	if !resume { // what is there is gone: ask for all of it
		answer.Body.Close()
		if answer, err = c.ask(ctx, p, u); err != nil {
			return c.plain(ctx, err)
		}
		defer answer.Body.Close()
		if _, err := accept(p, u, answer); err != nil {
			return err
		}
	}
	if answer.StatusCode == http.StatusRequestedRangeNotSatisfiable {
		return nil
	}
	err = c.receive(ctx, p, u, answer.Body, func() { stalled.Reset(c.Stall) })
	return c.plain(ctx, err)
}

// ask sends a request for what is missing.
func (c *Client) ask(ctx context.Context, p *partial, u *url.URL) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, &finalError{err}
	}
	r.Header.Set("User-Agent", "plx")
	r.Header.Set("Accept-Encoding", "identity")
	if p.size > 0 {
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-", p.size))
		if mark := p.from.mark(); mark != "" && p.from.URL == u.String() {
			r.Header.Set("If-Range", mark)
		}
	}
	return c.HTTP.Do(r)
}

// mark returns what tells one version of the file from another.
func (s source) mark() string {
	if s.ETag != "" {
		return s.ETag
	}
	return s.Modified
}

// accept looks at what a server answers, and makes the partial file ready for
// the body. With ok false what was there doesn't go with it, and is gone: the
// server is to be asked again.
func accept(p *partial, u *url.URL, answer *http.Response) (ok bool, err error) {
	from := sourceOf(u, answer)
	switch answer.StatusCode {
	case http.StatusOK:
		from.Total = answer.ContentLength
		return true, p.startOver(from)
	case http.StatusPartialContent:
		first, total, ok := contentRange(answer.Header.Get("Content-Range"))
		if p.size == 0 {
			return false, errors.New("the server sends a part of the file where all of it was asked for")
		}
		if !ok || first != p.size || !p.from.agrees(from, total) {
			return false, p.startOver(source{Total: -1})
		}
		p.pieced, p.from.Total = true, max(total, p.from.Total)
		return true, nil
	case http.StatusRequestedRangeNotSatisfiable:
		if _, total, _ := contentRange(answer.Header.Get("Content-Range")); p.size > 0 && total == p.size {
			return true, nil // all of it is there
		}
		if p.size > 0 {
			return false, p.startOver(source{Total: -1})
		}
	}
	return false, refusal(answer)
}

func sourceOf(u *url.URL, answer *http.Response) source {
	from := source{URL: u.String(), ETag: answer.Header.Get("ETag"), Modified: answer.Header.Get("Last-Modified"), Total: -1}
	if strings.HasPrefix(from.ETag, "W/") { // says nothing of bytes
		from.ETag = ""
	}
	return from
}

// agrees reports whether a part of a file can go with what is there, by what
// the servers say. From another server it can, if the sizes don't differ.
func (s source) agrees(part source, total int64) bool {
	if s.Total >= 0 && total >= 0 && s.Total != total {
		return false
	}
	return s.URL != part.URL || s.mark() == part.mark()
}

// contentRange reads "bytes 7-9/10" and "bytes */10". What is not known is -1.
func contentRange(text string) (first, total int64, ok bool) {
	rest, isBytes := strings.CutPrefix(text, "bytes ")
	span, size, _ := strings.Cut(rest, "/")
	from, _, _ := strings.Cut(span, "-")
	first, err := strconv.ParseInt(from, 10, 64)
	ok = isBytes && err == nil
	if err != nil {
		first = -1
	}
	if total, err = strconv.ParseInt(size, 10, 64); err != nil {
		total = -1
	}
	return first, total, ok
}

// refusal makes an error of an answer that is not the file.
func refusal(answer *http.Response) error {
	err := &statusError{status: answer.Status, after: retryAfter(answer.Header.Get("Retry-After"))}
	switch code := answer.StatusCode; {
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= 500 && code != http.StatusNotImplemented:
		return err
	}
	return &finalError{err}
}

// retryAfter reads a number of seconds, or a date.
func retryAfter(text string) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if t, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(t))
	}
	return 0
}

// receiveBuffer is how much is received at once, in bytes.
const receiveBuffer = 256 << 10

// receive appends what comes to the partial file, and calls alive each time.
func (c *Client) receive(ctx context.Context, p *partial, u *url.URL, body io.Reader, alive func()) error {
	buf := make([]byte, receiveBuffer)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			alive()
			if _, err := p.Write(buf[:n]); err != nil {
				return err
			}
			c.Report(Progress{URL: u.Redacted(), Done: p.size, Total: p.from.Total})
		}
		size := max(p.size, p.from.Total)
		switch {
		case p.maxSize > 0 && size > p.maxSize:
			return &finalError{fmt.Errorf("the file has %d bytes or more: max-size allows %d", size, p.maxSize)}
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// plain makes an error fit to follow the URL.
func (c *Client) plain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var certificate *tls.CertificateVerificationError
	var lookup *net.DNSError
	switch {
	case errors.As(err, &certificate), errors.As(err, &lookup) && lookup.IsNotFound:
		return &finalError{err}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the connection broke off")
	}
	return err
}

// maxRedirects is how often a server may send on, as in browsers.
const maxRedirects = 20

func checkRedirect(r *http.Request, via []*http.Request) error {
	switch {
	case len(via) > maxRedirects:
		return &finalError{fmt.Errorf("more than %d redirects", maxRedirects)}
	case r.URL.Scheme != "http" && r.URL.Scheme != "https":
		return &finalError{fmt.Errorf("redirects to %s, which is neither http nor https", r.URL.Redacted())}
	}
	return nil
}
