package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// TestPlaces has each key marked by what follows it in the text: ⟨path⟩ stands
// right before the place of the path, and is taken out.
func TestPlaces(t *testing.T) {
	tests := []struct{ name, marked string }{
		{"table", "[⟨stage⟩stage.⟨stage.x⟩x]\n⟨stage.x.run⟩run = 'a'\n\n[stage.⟨stage.y⟩y]\n⟨stage.y.run⟩run = 'a'\n"},
		{"indented", "\t[ ⟨a⟩a . ⟨a.b⟩b ]\n\t\t⟨a.b.c⟩c=1\n"},
		{"dotted", "⟨a⟩a.⟨a.b⟩b.⟨a.b.c⟩c = 1\na . b . ⟨a.b.d⟩d = 2\n[⟨t⟩t]\n⟨t.u⟩u.⟨t.u.v⟩v = 3"},
		{"inline", "⟨a⟩a = { ⟨a.b⟩b = 1, ⟨a.c⟩c = { ⟨a.c.d⟩d = 2, ⟨a.c.e⟩e.⟨a.c.e.f⟩f = 3 }, ⟨a.g⟩g = [] }\n⟨z⟩z=1"},
		{"inline over lines", "⟨a⟩a = { # comment }\n  ⟨a.b⟩b = 1,\n  ⟨a.c⟩c = 2,\n}\n⟨z⟩z = 1"},
		{"arrays", "⟨a⟩a = [⟨a[0]⟩'x', ⟨a[1]⟩\"y\", # it's a \"comment\"\n  ⟨a[2]⟩[⟨a[2][0]⟩1,⟨a[2][1]⟩2], ⟨a[3]⟩{ ⟨a[3].b⟩b = 1 },\n]\n⟨z⟩z = 1"},
		{"strings", `⟨a⟩a = "q\"= [x]" # "` + "\n⟨b⟩b = '\\'\n⟨c⟩c = \"\"\"\nd = 1\n\\\"\"\"x\"\"\"\"\"\n⟨e⟩e = '''\nf = 1\n''''\n⟨g⟩g = \"\"\n⟨h⟩h = ''\n⟨i⟩i = \"\"\"\"\"\"\n⟨z⟩z=1"},
		{"same name", "[⟨a⟩a]\n⟨a.run⟩run = 1\n[⟨b⟩b]\n⟨b.run⟩run = 1\n[⟨run⟩run]\n⟨run.run⟩run = 1"},
		{"quoted", `[⟨a⟩"a".⟨a."b.c"⟩'b.c'.⟨a."b.c"."d\"e"⟩"d\"e"]` + "\n" + `⟨a."b.c"."d\"e"."é="⟩"\u00e9=" = 1` + "\n" + `⟨a."b.c"."d\"e".""⟩"" = 2` + "\n" + `⟨a."b.c"."d\"e"." x"⟩' x'=1`},
		{"scalars", "⟨a⟩a = 1979-05-27 07:32:00Z # x\n⟨b⟩b = [ ⟨b[0]⟩1.5e3, ⟨b[1]⟩-inf,⟨b[2]⟩true ]\r\n⟨c⟩c = 07:32:00\r\n"},
		{"implied first", "[⟨a⟩a.b.⟨a.b.c⟩c]\n⟨a.b.c.x⟩x = 1\n[a.⟨a.b⟩b]\n⟨a.b.y⟩y = 1"},
		{"array of tables", "[[⟨a⟩⟨a[0]⟩a]]\n⟨a[0].x⟩x = 1\n[a.⟨a[0].s⟩s]\n⟨a[0].s.t⟩t = 1\n[[⟨a[1]⟩a]]\n⟨a[1].x⟩x = 2\n[[a.⟨a[1].n⟩⟨a[1].n[0]⟩n]]\n⟨a[1].n[0].y⟩y = 2"},
		{"wide characters", "⟨a⟩a = { ⟨a.\"é\"⟩\"é\" = '日本語', ⟨a.b⟩b = 1 }"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text, want := unmark(t, tt.marked)
			var v any
			if _, err := toml.Decode(text, &v); err != nil {
				t.Fatalf("%v in\n%s", err, text)
			}
			got := locate(text).at
			for path, offset := range want {
				if at, ok := got[path]; !ok || at != offset {
					t.Errorf("%s: got %d (%v), want %d", path, at, ok, offset)
				}
			}
			for path := range got {
				if _, ok := want[path]; !ok {
					t.Errorf("%s: nothing is there", path)
				}
			}
		})
	}
}

// unmark takes the marks out and returns where they were.
func unmark(t *testing.T, marked string) (string, map[string]int) {
	t.Helper()
	var b strings.Builder
	at := make(map[string]int)
	for {
		before, rest, ok := strings.Cut(marked, "⟨")
		b.WriteString(before)
		if !ok {
			return b.String(), at
		}
		path, after, ok := strings.Cut(rest, "⟩")
		if !ok {
			t.Fatal("unclosed mark")
		}
		at[path] = b.Len()
		marked = after
	}
}

func TestPosition(t *testing.T) {
	text := "ab\n\ncéd\n"
	lines := lineStarts(text)
	for offset, want := range map[int][2]int{0: {1, 1}, 2: {1, 3}, 3: {2, 1}, 4: {3, 1}, 5: {3, 2}, 7: {3, 3}, 9: {4, 1}, 99: {4, 1}, -1: {1, 1}} {
		if line, column := position(text, lines, offset); line != want[0] || column != want[1] {
			t.Errorf("position(%d) = %d:%d, want %d:%d", offset, line, column, want[0], want[1])
		}
	}
}

// sameKeys checks that the scanner sees the keys that the toml package sees.
func sameKeys(t *testing.T, text string) {
	var v map[string]any
	md, err := toml.Decode(text, &v)
	if err != nil {
		return
	}
	var got []string
	s := scanner{text: text, at: make(map[string]int), tables: make(map[string]int)}
	s.keys = func(key toml.Key) { got = append(got, key.String()) }
	s.file()
	var want []string
	for _, key := range md.Keys() {
		want = append(want, key.String())
	}
	if !slices.Equal(got, want) {
		t.Errorf("keys of %q:\ngot  %q\nwant %q", text, got, want)
	}
}
