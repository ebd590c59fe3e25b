package report

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/base64"
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A content is a file or a log as the page holds it.
type content struct {
	Type  string `json:"type"`            // text, table or a picture's media type
	Text  string `json:"text,omitempty"`  // of a text or a table
	Data  string `json:"data,omitempty"`  // of a picture: base64
	Note  string `json:"note,omitempty"`  // what of it is left out
	Comma string `json:"comma,omitempty"` // of a table
}

// contents are what is taken in, by the ids that the document has.
type contents struct {
	ids   []string
	by    map[string]content
	Left  int   // how many were left out
	Bytes int64 // that they have
}

// Bounds of one content, in bytes. What is longer is cut, or left out.
const (
	maxText    = 64 << 10
	maxTable   = 1 << 20
	maxPicture = 4 << 20
)

// The kinds of content; a picture's is its media type.
const (
	noContent    = ""
	textContent  = "text"
	tableContent = "table"
)

// kinds are what files can be shown as, by their extensions.
var kinds = map[string]string{
	".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp", ".svg": "image/svg+xml",
	".csv": tableContent, ".tsv": tableContent,
	".bin": noContent, ".npy": noContent, ".npz": noContent, ".pt": noContent, ".bam": noContent, ".gz": noContent, ".zst": noContent,
	".xz": noContent, ".zip": noContent, ".tar": noContent, ".h5": noContent, ".parquet": noContent, ".pkl": noContent,
}

// kindOf returns what a file is shown as: as text, if its name says nothing
// else.
func kindOf(name string) string {
	if kind, ok := kinds[strings.ToLower(path.Ext(name))]; ok {
		return kind
	}
	return textContent
}

// A wanted is a content that the page would like to have.
type wanted struct {
	id     string
	path   string
	kind   string
	size   int64
	class  int // 0 is taken first
	digest string
}

// want asks for a content, and returns its id; "" if it can't be shown.
func (c *collector) want(w wanted) string {
	switch {
	case w.kind == noContent:
		return ""
	case w.kind == textContent && w.size > 256*maxText:
		return "" // hardly a text
	case strings.HasPrefix(w.kind, "image/") && w.size > maxPicture:
		return ""
	}
	w.id = "n" + strconv.Itoa(len(c.wanted))
	if w.digest != "" {
		w.id = w.digest[:32] // what many results hold is taken once
	}
	c.wanted = append(c.wanted, w)
	return w.id
}

// takeContents reads what was asked for, the more important first, as far as
// the limit goes, and takes back the ids of the rest.
func (c *collector) takeContents() error {
	order := slices.Clone(c.wanted)
	slices.SortStableFunc(order, func(a, b wanted) int { return cmp.Compare(a.class, b.class) })
	all := &c.contents
	all.by = make(map[string]content)
	refused := make(map[string]bool)
	var taken int64
	for _, w := range order {
		if _, have := all.by[w.id]; have || refused[w.id] {
			continue
		}
		if taken+atMost(w) > c.limit {
			all.Left, all.Bytes, refused[w.id] = all.Left+1, all.Bytes+w.size, true
			continue
		}
		read, ok, err := readContent(w)
		if err != nil {
			return err
		}
		if !ok {
			refused[w.id] = true
			continue
		}
		all.by[w.id] = read
		all.ids = append(all.ids, w.id)
		taken += int64(len(read.Text) + len(read.Data))
	}
	for tree := range c.Trees {
		c.takeBack(c.Trees[tree], refused)
	}
	for i := range c.Runs {
		if refused[c.Runs[i].Log] {
			c.Runs[i].Log = ""
		}
		c.takeBack(c.Runs[i].Volatile, refused)
	}
	return nil
}

func (c *collector) takeBack(files []File, refused map[string]bool) {
	for i := range files {
		if refused[files[i].Content] {
			files[i].Content = ""
		}
	}
}

// atMost returns how many bytes a content will have.
func atMost(w wanted) int64 {
	switch w.kind {
	case textContent:
		return min(w.size, maxText)
	case tableContent:
		return min(w.size, maxTable)
	default:
		return w.size * 4 / 3
	}
}

// readContent reads one content. One that turns out not to be what its name
// says is none.
func readContent(w wanted) (content, bool, error) {
	f, err := os.Open(w.path)
	if os.IsNotExist(err) {
		return content{}, false, nil // it is damaged, which is for plx verify to tell
	}
	if err != nil {
		return content{}, false, err
	}
	defer f.Close()
	switch w.kind {
	case textContent:
		return readText(f, w.size)
	case tableContent:
		return readTable(f, w)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxPicture))
	return content{Type: w.kind, Data: base64.StdEncoding.EncodeToString(data)}, err == nil, err
}

// readText reads a text. Of a long one it leaves out the middle.
func readText(f *os.File, size int64) (content, bool, error) {
	if size <= maxText {
		data, err := io.ReadAll(io.LimitReader(f, maxText))
		return content{Type: textContent, Text: readable(data)}, isText(data), err
	}
	head, tail := make([]byte, maxText/4), make([]byte, maxText-maxText/4)
	if _, err := io.ReadFull(f, head); err != nil {
		return content{}, false, err
	}
	n, err := f.ReadAt(tail, size-int64(len(tail)))
	if err != nil && err != io.EOF {
		return content{}, false, err
	}
	head = head[:bytes.LastIndexByte(head, '\n')+1]
	tail = tail[bytes.IndexByte(tail[:n], '\n')+1 : n]
	left := size - int64(len(head)+len(tail))
	note := strconv.FormatInt(left, 10) + " bytes in the middle are left out"
	return content{Type: textContent, Text: readable(head) + "\n[…]\n\n" + readable(tail), Note: note}, isText(head), nil
}

// isText tells texts from other files: these have bytes of zero.
func isText(data []byte) bool { return bytes.IndexByte(data, 0) < 0 }

// readable makes a text UTF-8, whatever it is.
func readable(data []byte) string { return strings.ToValidUTF8(string(data), string(utf8.RuneError)) }

// readTable reads a table. Of a long one it takes a row in so many.
func readTable(f *os.File, w wanted) (content, bool, error) {
	comma := ","
	if strings.HasSuffix(strings.ToLower(w.path), ".tsv") {
		comma = "\t"
	}
	if w.size <= maxTable {
		data, err := io.ReadAll(io.LimitReader(f, maxTable))
		return content{Type: tableContent, Text: readable(data), Comma: comma}, isText(data), err
	}
	every := int(w.size/maxTable) + 1
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxText)
	var b strings.Builder
	for i := 0; lines.Scan() && b.Len() < maxTable; i++ {
		if i == 0 || i%every == 0 { // the first has the names
			b.WriteString(readable(lines.Bytes()) + "\n")
		}
	}
	note := "one row in " + strconv.Itoa(every) + " is shown"
	return content{Type: tableContent, Text: b.String(), Comma: comma, Note: note}, lines.Err() == nil && isText([]byte(b.String())), nil
}
