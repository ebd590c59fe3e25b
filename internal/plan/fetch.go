package plan

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"

	"plx/internal/store"
)

// hashSizes are the hashes that a fetch can be pinned by, the one to be
// preferred first, with their sizes in bytes.
var hashSizes = []struct {
	key  string
	size int
}{{"blake3", 32}, {"sha256", 32}, {"sha512", 64}, {"sha1", 20}}

// readFetch reads what a fetch downloads.
func (p *problems) readFetch(n *node) *store.Fetch {
	if n == nil {
		return nil
	}
	f := &store.Fetch{}
	if _, ok := as[map[string]any](p, n, `a table, as in { url = "https://…", sha256 = "…" }`); !ok {
		return f
	}
	complete := p.known(n, fetchKeys)
	urls := p.fetchURLs(n, complete)
	for _, at := range urls {
		f.URLs = append(f.URLs, at.value.(string))
	}
	f.Hash = p.fetchHash(n, urls, complete)
	f.Unpack, _ = as[bool](p, n.get("unpack"), "true or false")
	if at := n.get("strip"); at != nil {
		f.Strip = p.count(at, 0)
		if n.get("unpack") == nil || n.get("unpack").value == false {
			p.add(at, "has no effect without unpack = true")
		}
	}
	if at := n.get("max-size"); at != nil {
		f.MaxSize = p.size(at)
	}
	p.fetchFilename(n, f, urls)
	return f
}

// fetchURLs returns the nodes of the URLs that can be asked.
func (p *problems) fetchURLs(n *node, complete bool) []*node {
	one, several := n.get("url"), n.get("urls")
	var all []*node
	switch {
	case one != nil && several != nil:
		p.add(several, "stands beside url: want one of them; urls are tried in order")
	case one != nil:
		all = []*node{one}
	case several != nil:
		p.distinct(several, p.texts(several))
		all = several.items()
	case complete:
		p.add(n, "has no url")
	}
	var good []*node
	for _, at := range all {
		text := p.nonempty(at)
		if text == "" {
			continue
		}
		if err := checkURL(text); err != nil {
			p.add(at, "%v", err)
			continue
		}
		good = append(good, at)
	}
	return good
}

// checkURL returns an error unless the text is a URL that plx can download
// from.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return fmt.Errorf("%q is no URL", text)
	}
	switch u.Scheme {
	case "http", "https":
		if u.Host == "" {
			return fmt.Errorf("%q names no host", text)
		}
	case "file":
		if u.Host != "" && u.Host != "localhost" || !path.IsAbs(u.Path) {
			return fmt.Errorf(`%q: want an absolute path, as in "file:///srv/data.csv"; to take in a file of the project, use import`, text)
		}
	case "":
		return fmt.Errorf("%q is no URL: it begins with none of http://, https:// and file://", text)
	default:
		return fmt.Errorf("%q: want a URL with http, https or file, not %s", text, u.Scheme)
	}
	if u.User != nil {
		return fmt.Errorf("the URL has a user name or password in it, which the store would show to all who can read it")
	}
	return nil
}

// fetchHash returns the hash that the file is pinned by.
func (p *problems) fetchHash(n *node, urls []*node, complete bool) string {
	hash := ""
	for _, h := range hashSizes {
		at := n.get(h.key)
		if at == nil {
			continue
		}
		if hash != "" {
			p.add(at, "stands beside another hash: want one")
		}
		text, ok := as[string](p, at, "a string")
		if sum, err := hex.DecodeString(text); ok && (err != nil || len(sum) != h.size || strings.ToLower(text) != text) {
			p.add(at, "want %d digits 0-9 and a-f, have %q", 2*h.size, text)
		}
		hash = h.key + ":" + text
	}
	if hash == "" && complete {
		p.add(n, "has no hash, by which plx tells that it has got the right file: add sha256 = \"…\", as %s prints it", howToHash(urls))
	}
	return hash
}

// howToHash returns a command that prints the SHA-256 of a file.
func howToHash(urls []*node) string {
	if len(urls) == 0 {
		return "`sha256sum FILE`"
	}
	text := urls[0].value.(string)
	if u, err := url.Parse(text); err == nil && u.Scheme == "file" {
		return "`sha256sum " + shellWord(u.Path) + "`"
	}
	return "`curl -sL " + shellWord(text) + " | sha256sum`"
}

// plainWord is what a shell takes as it is.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+,=-]+$`)

func shellWord(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// fetchFilename finds the name of the file in the result: the one given, else
// that of the first URL. What is unpacked has one only if it is a single file.
func (p *problems) fetchFilename(n *node, f *store.Fetch, urls []*node) {
	at := n.get("filename")
	if at != nil {
		f.Filename = p.nonempty(at)
	} else if len(urls) > 0 {
		at = urls[0]
		u, _ := url.Parse(f.URLs[0])
		f.Filename = path.Base(u.Path)
		if f.Unpack {
			f.Filename = unpackedName(f.Filename)
		}
	}
	if at == nil || f.Filename == "" {
		return
	}
	switch err := store.CheckPath(f.Filename); {
	case n.get("filename") == nil && (f.Filename == "." || f.Filename == "/"):
		p.add(at, "has no name of a file in it: give a filename")
	case err != nil || strings.Contains(f.Filename, "/"):
		p.add(at, "%q is no name for a file", f.Filename)
	}
}

// unpackedName returns the name of what is in a compressed file, or nothing if
// the name is not that of one.
func unpackedName(name string) string {
	for _, suffix := range []string{".gz", ".bz2", ".xz", ".zst"} {
		if base, ok := strings.CutSuffix(name, suffix); ok && base != "" && !strings.HasSuffix(base, ".tar") {
			return base
		}
	}
	return ""
}

// size reads a number of bytes, as in "500MiB" and "2GB".
func (p *problems) size(n *node) int64 {
	text, ok := as[string](p, n, `a string, as in "500MiB"`)
	if !ok {
		return 0
	}
	size, err := ParseSize(text)
	if err != nil {
		p.add(n, "%v", err)
	}
	return size
}
