package report

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"plx/internal/store"
)

func read(t *testing.T, name, text string) (content, bool) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	c, ok, err := readContent(wanted{path: path, kind: kindOf(name), size: int64(len(text))})
	if err != nil {
		t.Fatal(err)
	}
	return c, ok
}

// Of a long text the middle is left out, of a long table rows are; both say so.
func TestReadContent(t *testing.T) {
	if c, ok := read(t, "log", "a\xffb\n"); !ok || c.Text != "a\ufffdb\n" || c.Note != "" {
		t.Errorf("a text: %+v", c)
	}
	if _, ok := read(t, "model", "a\x00b"); ok {
		t.Error("a file with bytes of zero is taken for a text")
	}
	c, ok := read(t, "log", "first\n"+strings.Repeat("line\n", 30_000)+"last\n")
	if !ok || !strings.HasPrefix(c.Text, "first\n") || !strings.HasSuffix(c.Text, "last\n") || len(c.Text) > maxText+20 || !strings.Contains(c.Note, "left out") {
		t.Errorf("a long text: %d bytes, %q", len(c.Text), c.Note)
	}
	var table strings.Builder
	table.WriteString("step,loss\n")
	for i := range 300_000 {
		fmt.Fprintf(&table, "%d,0.5\n", i)
	}
	c, ok = read(t, "t.csv", table.String())
	if !ok || c.Type != tableContent || !strings.HasPrefix(c.Text, "step,loss\n3,0.5\n7,0.5\n") || c.Note != "one row in 4 is shown" {
		t.Errorf("a long table: %.40q, %q", c.Text, c.Note)
	}
	if c, _ := read(t, "t.TSV", "a\tb\n"); c.Comma != "\t" {
		t.Errorf("a table with tabs: %+v", c)
	}
	if c, ok := read(t, "p.png", "PNG"); !ok || c.Type != "image/png" || c.Data != "UE5H" {
		t.Errorf("a picture: %+v", c)
	}
}

// What doesn't fit is counted and taken out of the lists; the chosen come first.
func TestTakeContents(t *testing.T) {
	dir := t.TempDir()
	c := &collector{Report: &Report{Trees: map[string][]File{}}, limit: 10}
	for class, name := range map[int]string{2: "other", 1: "chosen"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("12345678"), 0o666); err != nil {
			t.Fatal(err)
		}
		id := c.want(wanted{path: path, kind: textContent, size: 8, class: class})
		c.Trees[name] = []File{{Path: name, Content: id}}
	}
	if err := c.takeContents(); err != nil {
		t.Fatal(err)
	}
	if c.Trees["chosen"][0].Content == "" || c.Trees["other"][0].Content != "" {
		t.Errorf("taken: %+v", c.Trees)
	}
	if files, bytes := c.Left(); files != 1 || bytes != 8 {
		t.Errorf("left out: %d files, %d bytes", files, bytes)
	}
}

// A page gets no number that JavaScript can't hold.
func TestPlain(t *testing.T) {
	got := plain([]any{store.LocalDate(time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)), map[string]any{"n": int64(2), "big": int64(math.MaxInt64)}})
	want := []any{"2026-11-28", map[string]any{"n": int64(2), "big": "9223372036854775807"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
