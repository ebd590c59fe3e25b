package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxPiece is how many bytes of contents a file beside the page has, about.
const maxPiece = 4 << 20

// dataDir is where the contents of a page are that is a directory.
const dataDir = "data"

// WriteTo writes the page with all of its contents in it.
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	var contents bytes.Buffer
	for _, id := range r.contents.ids {
		text, err := inert(r.contents.by[id])
		if err != nil {
			return 0, err
		}
		fmt.Fprintf(&contents, "<script type=\"application/json\" id=\"c-%s\">%s</script>\n", id, text)
	}
	page, err := r.page(contents.String(), "", nil)
	if err != nil {
		return 0, err
	}
	n, err := io.WriteString(w, page)
	return int64(n), err
}

// WriteFile writes the page to a file, which appears whole.
func (r *Report) WriteFile(path string) error {
	var page bytes.Buffer
	if _, err := r.WriteTo(&page); err != nil {
		return err
	}
	return replaceFile(path, page.Bytes())
}

// WriteDir writes the page to a directory: index.html, and its contents in
// files beside it, which are loaded as they are looked at. Only an empty
// directory, or one that was written by WriteDir, is written to.
func (r *Report) WriteDir(dir string) error {
	if err := clearDir(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, dataDir), 0o777); err != nil {
		return err
	}
	pieces, where, hash, err := r.pieces()
	if err != nil {
		return err
	}
	for name, piece := range pieces {
		if err := os.WriteFile(filepath.Join(dir, dataDir, name), piece, 0o666); err != nil {
			return err
		}
	}
	page, err := r.page("", hash, where)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(dir, "index.html"), []byte(page))
}

// pieces returns the files of contents, which of them has which content, and a
// hash of all.
//
// A page that was opened from a disk may read no file beside it, but it may run
// a script from there. So a piece is a script that hands over texts, and the
// page lets nothing run but what it asks for itself, with a word that nobody
// could know who made the contents: it is their hash.
func (r *Report) pieces() (pieces map[string][]byte, where map[string]string, hash string, err error) {
	pieces, where = make(map[string][]byte), make(map[string]string)
	sum, piece := sha256.New(), []byte(nil)
	name := func() string { return fmt.Sprintf("%d.js", len(pieces)) }
	for i, id := range r.contents.ids {
		text, err := inert(r.contents.by[id])
		if err != nil {
			return nil, nil, "", err
		}
		where[id] = name()
		piece = fmt.Appendf(piece, "plxContent(%q, %s);\n", id, text)
		if len(piece) > maxPiece || i == len(r.contents.ids)-1 {
			sum.Write(piece)
			pieces[name()] = piece
			piece = nil
		}
	}
	return pieces, where, base64.RawURLEncoding.EncodeToString(sum.Sum(nil)), nil
}

// marker is what tells a page of plx from other pages.
const marker = `<meta name="generator" content="plx report">`

// clearDir removes what WriteDir wrote to the directory before.
func clearDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	page, err := os.ReadFile(filepath.Join(dir, "index.html"))
	if err != nil || !bytes.Contains(page[:min(len(page), 4096)], []byte(marker)) {
		return fmt.Errorf("%s: it is not empty, and holds no report: name another directory, or remove it", dir)
	}
	return os.RemoveAll(filepath.Join(dir, dataDir))
}

// replaceFile writes a file that appears whole.
func replaceFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Chmod(f.Name(), 0o644)
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// inert returns v as JSON that is inert in HTML, and in a script: no < begins a
// tag or a comment, and no line ends where JavaScript would see an end.
func inert(v any) (string, error) {
	data, err := json.Marshal(v) // which escapes <, >, &, and U+2028 and U+2029
	return string(data), err
}

// page returns the HTML. Contents follow the script, so that the page is seen
// before they are read; where says which file beside the page has them instead.
func (r *Report) page(contents, nonce string, where map[string]string) (string, error) {
	model, err := inert(r)
	if err != nil {
		return "", err
	}
	pieces, err := inert(map[string]any{"nonce": nonce, "where": where, "left": r.contents.Left, "leftBytes": r.contents.Bytes})
	if err != nil {
		return "", err
	}
	script, err := joinModules(mainModule, readPageFile)
	if err != nil {
		return "", err
	}
	script = afterPaint(script)
	parts := make(map[string]string)
	for _, name := range []string{"page.html", "page.css", "vendor/uPlot.min.css", "vendor/uPlot.iife.min.js", "vendor/LICENSE"} {
		if parts[name], err = readPageFile(name); err != nil {
			return "", err
		}
	}
	style := parts["vendor/uPlot.min.css"] + parts["page.css"]
	library := "/*\n" + parts["vendor/LICENSE"] + "*/\n" + parts["vendor/uPlot.iife.min.js"]
	allowed := csp("script-src", nonce, script, library)
	return strings.NewReplacer(
		"{{policy}}", "default-src 'none'; "+allowed+"; "+csp("style-src", "", style)+"; img-src data:; base-uri 'none'; form-action 'none'",
		"{{title}}", html.EscapeString(r.title()), "{{generator}}", marker,
		"{{style}}", style, "{{library}}", library, "{{script}}", script, "{{model}}", model, "{{pieces}}", pieces, "{{contents}}", contents,
	).Replace(parts["page.html"]), nil
}

func (r *Report) title() string {
	if r.File != "" {
		return r.File
	}
	return strings.Join(r.Targets, ", ")
}

// csp returns a directive that allows what has one of these texts.
func csp(directive, nonce string, texts ...string) string {
	for _, text := range texts {
		sum := sha256.Sum256([]byte(text))
		directive += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	if nonce != "" {
		directive += " 'nonce-" + nonce + "'"
	}
	return directive
}

// Left returns how many files and logs were left out for the limit, and how
// many bytes they have.
func (r *Report) Left() (files int, bytes int64) { return r.contents.Left, r.contents.Bytes }
