package fetch

import (
	"fmt"
	"strings"
	"time"
)

// A HashError says that what was downloaded is not the file that was asked
// for.
type HashError struct {
	URL  string
	Want string // as in sha256:<hex>
	Have string // likewise
}

func (e *HashError) Error() string {
	algorithm, want, _ := strings.Cut(e.Want, ":")
	_, have, _ := strings.Cut(e.Have, ":")
	return fmt.Sprintf("%s is not the file that is pinned\n\texpected %s %s\n\tgot      %s %s\n\tif that is the right one, write: %s = %q",
		e.URL, algorithm, want, algorithm, have, algorithm, have)
}

// A MirrorError says why there was nothing to be had from one URL.
type MirrorError struct {
	URL string
	Err error
}

func (e *MirrorError) Error() string { return fmt.Sprintf("%s: %v", e.URL, e.Err) }

// Unwrap returns the cause.
func (e *MirrorError) Unwrap() error { return e.Err }

// A DownloadError says that a file was to be had from none of its mirrors.
type DownloadError struct{ Mirrors []MirrorError }

func (e *DownloadError) Error() string {
	if len(e.Mirrors) == 1 {
		return "download " + e.Mirrors[0].Error()
	}
	text := fmt.Sprintf("download: none of %d mirrors has it", len(e.Mirrors))
	for _, m := range e.Mirrors {
		text += "\n\t" + m.Error()
	}
	return text
}

// An ArchiveError says that a file is no archive that can be unpacked, or that
// it holds what no result may hold.
type ArchiveError struct {
	Name string // of the entry, as the archive has it; empty: the archive itself
	Err  error
}

func (e *ArchiveError) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("unpack: the file %v", e.Err)
	}
	return fmt.Sprintf("unpack %q: it %v", e.Name, e.Err)
}

// Unwrap returns the cause.
func (e *ArchiveError) Unwrap() error { return e.Err }

// A finalError is one that another attempt at the same mirror won't change.
type finalError struct{ err error }

func (e *finalError) Error() string { return e.err.Error() }

// A localError is this machine's, not the mirror's.
type localError struct{ err error }

func (e *localError) Error() string { return e.err.Error() }

func (e *localError) Unwrap() error { return e.err }

// A statusError is an answer that is not the file, and when to ask again.
type statusError struct {
	status string
	after  time.Duration // 0: the server doesn't say
}

func (e *statusError) Error() string { return "the server says " + e.status }
