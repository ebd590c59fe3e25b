package plan

import (
	"os"
	"testing"
	"time"
)

// touch gives the files of the project another time.
func (p answered) touch(t *testing.T, when time.Time) {
	t.Helper()
	for _, name := range []string{"/stage.toml", "/a.txt"} {
		if err := os.Chtimes(p.dir+name, when, when); err != nil {
			t.Fatal(err)
		}
	}
}

// size returns how large the answer's file is.
func (p answered) size(t *testing.T) int64 {
	t.Helper()
	info, err := os.Stat(p.path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// renewedOnce is a project with an answer that was brought up to date once, and
// the size of its file before.
func renewedOnce(t *testing.T) (p answered, was int64) {
	t.Helper()
	p = newAnswered(t)
	was = p.size(t)
	a := readAnswer(p.path)
	if a == nil {
		t.Fatal("no answer")
	}
	a.used = time.Unix(1, 0)
	if err := a.renew(); err != nil {
		t.Fatal(err)
	}
	return p, was
}

// What is brought up to date is appended, and is the last word.
func TestRenewAppends(t *testing.T) {
	p, was := renewedOnce(t)
	first := p.size(t)
	if first <= was || first > was+1000 {
		t.Errorf("the file has %d bytes, before %d", first, was)
	}
	a := readAnswer(p.path)
	if a == nil || !a.used.Equal(time.Unix(1, 0)) {
		t.Fatalf("read back: %+v", a)
	}
	a.used = time.Unix(2, 0)
	if err := a.renew(); err != nil {
		t.Fatal(err)
	}
	if a = readAnswer(p.path); a == nil || !a.used.Equal(time.Unix(2, 0)) || p.size(t) <= first {
		t.Errorf("read back: %+v", a)
	}
	p.touch(t, time.Unix(1e9, 0))
	if p.recall(nil) == nil {
		t.Error("not found when all is only touched")
	}
}

// A damaged update is as if it wasn't there, the answer holds, and is written
// anew the next time.
func TestDamagedUpdate(t *testing.T) {
	p, was := renewedOnce(t)
	data, err := os.ReadFile(p.path)
	if err != nil {
		t.Fatal(err)
	}
	for i := was; i < int64(len(data)); i++ {
		bad := append([]byte(nil), data...)
		bad[i] ^= 1 << (i % 8)
		for _, text := range [][]byte{bad, data[:i]} {
			if err := os.WriteFile(p.path, text, 0o666); err != nil {
				t.Fatal(err)
			}
			if a := readAnswer(p.path); a == nil || a.used.Equal(time.Unix(1, 0)) {
				t.Fatalf("byte %d of %d: %+v", i, len(text), a)
			}
		}
	}
	a := readAnswer(p.path)
	if a.updates >= 0 {
		t.Fatal("the damage was not seen")
	}
	if err := a.renew(); err != nil {
		t.Fatal(err)
	}
	if a = readAnswer(p.path); a == nil || a.updates != 0 || p.recall(nil) == nil {
		t.Errorf("written anew: %+v", a)
	}
}

// An update of one answer says nothing of another, though it has the same name.
func TestUpdateOfAnother(t *testing.T) {
	p, was := renewedOnce(t)
	data, err := os.ReadFile(p.path)
	if err != nil {
		t.Fatal(err)
	}
	p.keep(t) // at another time
	f, err := os.OpenFile(p.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(data[was:]); err != nil {
		t.Fatal(err)
	}
	if a := readAnswer(p.path); a == nil || a.used.Equal(time.Unix(1, 0)) {
		t.Errorf("got %+v", a)
	}
}

// Updates don't become many: then the answer is written anew.
func TestUpdatesAreBounded(t *testing.T) {
	p, _ := renewedOnce(t)
	whole := p.size(t)
	rewritten := false
	for range 2 * maxUpdates / 200 {
		before := p.size(t)
		a := readAnswer(p.path)
		if a == nil {
			t.Fatal("no answer")
		}
		if err := a.renew(); err != nil {
			t.Fatal(err)
		}
		rewritten = rewritten || p.size(t) < before
		if p.size(t) > whole+maxUpdates {
			t.Fatalf("the file has grown to %d bytes", p.size(t))
		}
	}
	if !rewritten || p.recall(nil) == nil {
		t.Errorf("rewritten: %v", rewritten)
	}
}
