package plan

import (
	"encoding/hex"
	"strings"

	"plx/internal/store"
)

// imported says what an import takes in.
type imported struct {
	at       *node  // where the path is
	path     string // absolute
	shown    string // as the stage file has it
	filename string // of a file, in the result; empty: a directory is imported
	sha256   string // of a file, in hex; empty: not pinned
}

func (p *problems) readImport(n *node) imported {
	if n == nil {
		return imported{}
	}
	d := n.in().disk
	im := imported{at: n}
	switch n.value.(type) {
	case string:
		im.shown = p.nonempty(n)
	case map[string]any:
		p.known(n, importKeys)
		im.at = n.get("path")
		if im.at == nil {
			p.add(n, "has no path")
			return imported{}
		}
		im.shown = p.nonempty(im.at)
		im.filename = p.nonempty(n.get("filename"))
		im.sha256 = p.sha256(n.get("sha256"))
	case unknown:
	default:
		p.add(n, "want a path or a table, have %s", describe(n.value))
	}
	if im.shown != "" && !strings.ContainsRune(im.shown, 0) {
		p.lookImport(n, &im, d)
	}
	return im
}

// lookImport finds out what there is at the path.
func (p *problems) lookImport(n *node, im *imported, d *disk) {
	im.path = d.abs(im.shown)
	look := d.stat(im.path)
	switch {
	case look.err != nil:
		p.add(im.at, "%s: %v", im.shown, look.err)
	case look.dir:
		for _, key := range []string{"filename", "sha256"} {
			if at := n.get(key); at != nil {
				p.add(at, "%s is a directory; %s is for files", im.shown, key)
			}
		}
		im.filename = ""
	default:
		p.checkFilename(n, im)
	}
}

func (p *problems) checkFilename(n *node, im *imported) {
	at := n.get("filename")
	if at == nil {
		at, im.filename = im.at, im.path[strings.LastIndexByte(im.path, '/')+1:]
	}
	if err := store.CheckPath(im.filename); err != nil || strings.Contains(im.filename, "/") {
		p.add(at, "%q is no name for a file", im.filename)
	}
}

func (p *problems) sha256(n *node) string {
	if n == nil {
		return ""
	}
	text, ok := as[string](p, n, "a string")
	if sum, err := hex.DecodeString(text); ok && (err != nil || len(sum) != 32 || strings.ToLower(text) != text) {
		p.add(n, "want a SHA-256 in 64 digits 0-9 and a-f, have %q", text)
	}
	return text
}
