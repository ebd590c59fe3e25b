package plan

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"plx/internal/store"
)

// answered is a project with an answer that is kept.
type answered struct {
	dir   string
	store *store.Store
	path  string // of the answer
}

func newAnswered(t *testing.T) answered {
	t.Helper()
	dir := project(t, map[string]string{"stage.toml": "[stage.a]\nsrc = [\"*.txt\"]\nrun = 'cat *.txt > \"$out/x\"'\n", "a.txt": "a"})
	s, err := store.Open(filepath.Join(writableAtEnd(t, t.TempDir()), "store"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	p := answered{dir: dir, store: s}
	p.keep(t)
	return p
}

// keep works the answer out, and keeps it.
func (p *answered) keep(t *testing.T) {
	t.Helper()
	s := p.store
	if err := s.Hold(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	f, err := Load(p.dir+"/stage.toml", Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := s.Watch()
	s.Witness(f.Evidence())
	c, err := f.Instantiate(t.Context(), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AddDerivations(c.Derivations()); err != nil {
		t.Fatal(err)
	}
	path, err := c.Record()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AddProjectRoot(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	a := c.Answer()
	if err := a.Keep("program", s, w.Basis(nil, c.Sources(), nil)); err != nil {
		t.Fatal(err)
	}
	p.path = a.path
}

func (p answered) recall(change func(*Question)) *Answer {
	q := Question{File: p.dir + "/stage.toml", Program: "program", Store: p.store}
	if change != nil {
		change(&q)
	}
	return q.Recall()
}

// An answer is found by who asks the same, and by nobody else.
func TestRecall(t *testing.T) {
	p := newAnswered(t)
	a := p.recall(nil)
	if a == nil {
		t.Fatal("not found")
	}
	if got := a.Targets(); len(got) != 1 || got[0].Name != "a" || !strings.HasPrefix(got[0].Ref, "dref:") || a.Refs != got[0].Ref+"\n" {
		t.Errorf("got %+v", got)
	}
	other, err := store.Open(filepath.Join(writableAtEnd(t, t.TempDir()), "store"))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Question){
		"program": func(q *Question) { q.Program = "another" },
		"store":   func(q *Question) { q.Store = other },
		"results": func(q *Question) { q.Realized = true },
		"targets": func(q *Question) { q.Targets = []string{"a"} },
		"params":  func(q *Question) { q.Params = map[string]string{"a": "1"} },
		"file":    func(q *Question) { q.File = p.dir + "/other.toml" },
	} {
		if p.recall(change) != nil {
			t.Errorf("found with another %s", name)
		}
	}
	if err := os.Rename(p.dir+"/.plx", p.dir+"/.plx2"); err != nil {
		t.Fatal(err)
	}
	if p.recall(nil) != nil {
		t.Error("found where there is none")
	}
}

// A project that was copied does not get the answers of the first.
func TestRecallInCopy(t *testing.T) {
	p := newAnswered(t)
	second := p.dir + "2"
	if err := os.CopyFS(second, os.DirFS(p.dir)); err != nil {
		t.Fatal(err)
	}
	if err := p.store.AddProjectRoot(second + "/.plx"); err != nil {
		t.Fatal(err)
	}
	p.dir = second
	if p.recall(nil) != nil {
		t.Error("found in the copy")
	}
}

// Where the plan is another by now, or gone, it is put back; one that is not
// the newest becomes that.
func TestRecallRecords(t *testing.T) {
	p := newAnswered(t)
	plans, err := filepath.Glob(p.dir + "/.plx/plan-*")
	if err != nil || len(plans) != 1 {
		t.Fatal(plans, err)
	}
	was, err := os.ReadFile(plans[0])
	if err != nil {
		t.Fatal(err)
	}
	newer := p.dir + "/.plx/plan-newer.json"
	for name, change := range map[string]func() error{
		"another": func() error { return os.WriteFile(plans[0], []byte("{}"), 0o666) },
		"gone":    func() error { return os.Remove(plans[0]) },
		"older":   func() error { return os.Chtimes(plans[0], time.Time{}, time.Now().Add(-2*time.Hour)) },
	} {
		if err := os.WriteFile(newer, []byte("{}"), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if p.recall(nil) == nil {
			t.Fatal(name, "not found")
		}
		if is, err := os.ReadFile(plans[0]); err != nil || string(is) != string(was) {
			t.Errorf("%s: the plan is %.20q, %v", name, is, err)
		}
		k, err := lookAround(p.dir + "/.plx")
		if err != nil || k.plans[0].Name() != filepath.Base(plans[0]) {
			t.Errorf("%s: the newest plan is %v, %v", name, k.plans[0].Name(), err)
		}
	}
}

// A damaged answer is as good as none, wherever the damage is.
func TestDamagedAnswer(t *testing.T) {
	p := newAnswered(t)
	data, err := os.ReadFile(p.path)
	if err != nil {
		t.Fatal(err)
	}
	body, _, ok := cutAnswer(data)
	if !ok {
		t.Fatal("it can't be cut")
	}
	for i := range body {
		bad := append([]byte(nil), data...)
		bad[i] ^= 1 << (i % 8)
		if err := os.WriteFile(p.path, bad, 0o666); err != nil {
			t.Fatal(err)
		}
		if readAnswer(p.path) != nil {
			t.Errorf("byte %d: believed", i)
		}
		if err := os.WriteFile(p.path, data[:i], 0o666); err != nil {
			t.Fatal(err)
		}
		if readAnswer(p.path) != nil {
			t.Errorf("%d bytes: believed", i)
		}
	}
}

// Of one plan there are as many answers as are kept.
func TestAnswersAreDropped(t *testing.T) {
	p := newAnswered(t)
	for i := range maxAnswers + 3 {
		if err := os.WriteFile(p.dir+"/a.txt", []byte{byte('b' + i)}, 0o666); err != nil {
			t.Fatal(err)
		}
		p.keep(t)
	}
	k, err := lookAround(p.dir + "/.plx")
	if err != nil || len(k.answers) != maxAnswers {
		t.Errorf("%d answers, %v", len(k.answers), err)
	}
	if p.recall(nil) == nil {
		t.Error("the last one is not found")
	}
}

// FuzzAnswer checks that an answer that is read is what was written.
func FuzzAnswer(f *testing.F) {
	e := store.NewEvidence()
	e.File("/p/stage.toml", []byte("x"))
	a := &Answer{
		Realized: true, Stages: 2, Refs: "dref:x\n", Results: "rref:a\nrref:b\n", names: "a\x00", counts: []byte{2},
		origin: origin{"/p/stage.toml", map[string]string{"n": "1"}, []string{"a"}}, program: "p", store: "/s",
		used: time.Unix(1, 2), evidence: e, record: e, basis: new(store.Basis),
	}
	f.Add(a.body())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		a := parseAnswer(signed(body))
		if a == nil {
			return
		}
		a.Targets()
		b := parseAnswer(signed(a.body()))
		if b == nil || !reflect.DeepEqual(a.Targets(), b.Targets()) || b.program != a.program || !b.used.Equal(a.used) || b.Results != a.Results {
			t.Errorf("got %+v, want %+v", b, a)
		}
	})
}

// signed returns an answer with the body, and without a plan.
func signed(body []byte) []byte {
	data := append([]byte(answerFormat), 0, 0, 0, 0, 0, 0, 0, 0)
	data = append(data, body...)
	return append(data, store.HashOf(data).String()...)
}

// writableAtEnd lets an ordinary user remove the stores in a directory when the
// test has ended: trees are read-only.
func writableAtEnd(t *testing.T, dir string) string {
	t.Cleanup(func() {
		filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				return os.Chmod(path, 0o755)
			}
			return err
		})
	})
	return dir
}
