package plan

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"plx/internal/store"
)

// TestMemo reads a large file twice: the second time from its memo, with the
// same result, and with the same errors in the same places.
func TestMemo(t *testing.T) {
	text := large(500) + strings.ReplaceAll(sample, "\nmatch = { some = 2 }", "\nmatch = { some = 2 }\nmatrix = { z = [1], q = [2] }")
	text = strings.Replace(text, `{ runs = "anneal"`, `{ runs = "anneal[*]"`, 1) + strings.Repeat("# long\n", memoSize/7)
	dir := project(t, map[string]string{"stage.toml": text, "a.py": "a", "lib/c.py": "c", "data.csv": "d"})
	first := instantiateIn(t, dir)
	if _, err := first.Record(); err != nil {
		t.Fatal(err)
	}
	memo := filepath.Join(dir, recordDir, memoName(text))
	data, err := os.ReadFile(memo)
	if err != nil {
		t.Fatal(err)
	}
	remembered := func() *source {
		return remember(dir, "stage.toml", text)
	}
	src, err := decode("stage.toml", text)
	if err != nil {
		t.Fatal(err)
	}
	got := remembered()
	if got == nil || !reflect.DeepEqual(got.stages, src.stages) || !reflect.DeepEqual(got.axes, src.axes) {
		t.Fatalf("got %+v", got)
	}
	sameClosure(t, instantiateIn(t, dir), first)

	for i := 0; i < len(data); i += 1 + len(data)/200 {
		damaged := []byte(string(data))
		damaged[i] ^= 1
		for _, wrong := range [][]byte{damaged, data[:i]} {
			if err := os.WriteFile(memo, wrong, 0o666); err != nil {
				t.Fatal(err)
			}
			if remembered() != nil {
				t.Fatalf("a memo that is damaged at %d was used", i)
			}
		}
	}
	sameClosure(t, instantiateIn(t, dir), first)
	if remember(dir, "stage.toml", text+"#") != nil {
		t.Error("the memo of another text was used")
	}
}

// instantiateIn makes a closure of all that stage.toml defines.
func instantiateIn(t *testing.T, dir string) *Closure {
	t.Helper()
	f, err := loadIn(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, s := range f.Stages() {
		all = append(all, s.Name)
	}
	c, err := f.Instantiate(t.Context(), &memory{}, all)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// FuzzMemo checks that a memo gives back what was kept, and that whatever is
// read as one is read without harm.
func FuzzMemo(f *testing.F) {
	f.Add(sample)
	f.Add(sweep)
	f.Add("a = [1, 1.5, true, 'x', [], {}]\nd = [2024-01-01, 10:00:00, 2024-01-01T10:00:00, 2024-01-01T10:00:00+02:00]\n[[t]]\nx = 1\n[[t]]")
	f.Fuzz(func(t *testing.T, text string) {
		(&memoReader{rest: text}).value()
		src, err := decode("x", text)
		if err != nil {
			return
		}
		data, ok := appendSource(src)
		if !ok {
			t.Fatalf("no memo of %q", text)
		}
		data = append(data, store.HashOf(data).String()...)
		r := memoReader{rest: string(data)}
		got := r.source(store.HashOf([]byte(text)))
		if r.bad {
			t.Fatalf("the memo of %q can't be read", text)
		}
		want, err1 := store.Canonical(new(problems).canonical(&node{index: -1, value: src.table}))
		have, err2 := store.Canonical(new(problems).canonical(&node{index: -1, value: got.table}))
		if string(want) != string(have) || (err1 == nil) != (err2 == nil) {
			t.Errorf("got %s, want %s", have, want)
		}
	})
}

func BenchmarkReload(b *testing.B) {
	dir := project(b, map[string]string{"stage.toml": large(10_000), "a.py": "a", "lib/c.py": "c"})
	for b.Loop() {
		f, err := loadIn(dir)
		if err != nil {
			b.Fatal(err)
		}
		c, err := f.Instantiate(b.Context(), &memory{}, nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Record(); err != nil {
			b.Fatal(err)
		}
	}
}
