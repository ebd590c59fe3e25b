package store

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

// answered returns a basis of what is known of a derivation.
func answered(t *testing.T, s *Store, r Realization) *Basis {
	t.Helper()
	b := s.Watch().Basis([]Hash{r.Ref.dref.hash, r.Action}, nil, []Hash{r.Tree})
	if b == nil {
		t.Fatal("no basis")
	}
	return b
}

func bears(t *testing.T, s *Store, b *Basis, r Realization) bool {
	t.Helper()
	holds, _ := s.Bears(b, r.Ref.String()+"\n", false)
	return holds
}

// What changes is told by each way to change it; what it is not about doesn't
// count.
func TestBasisHoldsUntilItsSubjectChanges(t *testing.T) {
	s := held(t)
	dref, other := derive(t, s, Derivation{Name: "a"}), derive(t, s, Derivation{Name: "b"})
	r := result(t, s, dref, nil, "1")
	foreign := result(t, s, other, nil, "2")
	same := r
	same.Action = HashOf([]byte("another"))
	for _, c := range []struct {
		name   string
		change func(o *Store) error
		counts bool
	}{
		{"nothing", func(*Store) error { return nil }, false},
		{"another derivation", func(o *Store) error { result(t, o, other, nil, "3"); return nil }, false},
		{"a score", func(o *Store) error { return o.KeepScore(HashOf([]byte("score")), 1) }, false},
		{"a result", func(o *Store) error { result(t, o, dref, nil, "3"); return nil }, true},
		{"the same result", func(o *Store) error { result(t, o, dref, nil, "1"); return nil }, true},
		{"its result, adopted by another", func(o *Store) error {
			_, err := o.Adopt(r, other, Context{"x": {foreign.Ref}})
			return err
		}, false},
		{"another result of the action", func(o *Store) error {
			st := stage(t, o, map[string]string{"file": "4"})
			freeze(t, st)
			_, _, err := st.Commit(other, nil, Origin{Action: r.Action, Run: 2})
			return errors.Join(err, st.Abort())
		}, true},
		{"another action", func(o *Store) error { _, err := o.refresh(r, same); return err }, true},
		{"a note", func(o *Store) error { _, err := o.BeginRound(r.Action, []int{7}); return err }, true},
	} {
		b := answered(t, s, r)
		o := open(t, s.Dir())
		hold(t, o)
		if err := c.change(o); err != nil {
			t.Fatal(c.name, err)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
		if bears(t, s, b, r) == c.counts {
			t.Errorf("%s: counts is not %v", c.name, c.counts)
		}
	}
	b := answered(t, s, r)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	o := open(t, s.Dir())
	if err := o.Remove(t.Context(), []RRef{foreign.Ref}, RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	if bears(t, s, b, r) {
		t.Error("rm did not count")
	}
}

// An answer that is worked out while something changes is not kept, wherever
// the writer is on its way: before its line, after it, after the change.
func TestNoBasisBesideAWriter(t *testing.T) {
	s := held(t)
	r := result(t, s, derive(t, s, Derivation{Name: "a"}), nil, "1")
	o := open(t, s.Dir())
	hold(t, o)
	about := []Hash{r.Ref.dref.hash}

	w := s.Watch()
	done, err := o.changing(about...)
	if err != nil {
		t.Fatal(err)
	}
	if s.Watch() != nil {
		t.Error("a watch began while a writer was on its way")
	}
	if w.Basis(about, nil, nil) != nil {
		t.Error("a basis was had while a writer was on its way")
	}
	done()
	if w.Basis(about, nil, nil) != nil {
		t.Error("a basis was had although something had changed")
	}
	if w.Basis([]Hash{r.Action}, nil, nil) == nil {
		t.Error("what is about something else counted")
	}
	if s.Watch().Basis(about, nil, nil) == nil {
		t.Error("no basis after the writer has ended")
	}

	// What this process itself does is known to it.
	w = s.Watch()
	result(t, s, r.Ref.dref, nil, "2")
	if w.Basis(about, nil, nil) == nil {
		t.Error("its own change counted")
	}
}

// A writer that is killed leaves no lock, and its line counts.
func TestKilledWriterCounts(t *testing.T) {
	s := held(t)
	r := result(t, s, derive(t, s, Derivation{Name: "a"}), nil, "1")
	b := answered(t, s, r)
	p := start(t, "change", s.Dir())
	if s.Watch() != nil {
		t.Error("a watch began while a writer was on its way")
	}
	p.kill()
	if bears(t, s, b, r) {
		t.Error("its line did not count")
	}
	if s.Watch() == nil {
		t.Error("its lock is there still")
	}
}

// changeRole is on its way to change everything.
func changeRole(dir string) error {
	s, err := Open(dir)
	if err != nil {
		return err
	}
	if err := s.Hold(context.Background(), nil); err != nil {
		return err
	}
	if _, err := s.changing(); err != nil {
		return err
	}
	os.Stdout.WriteString("ready\n")
	time.Sleep(time.Hour)
	return nil
}

// A file of changes that is not the one that was there says nothing.
func TestOtherChangesDontBear(t *testing.T) {
	for name, damage := range map[string]func(path string, data []byte) error{
		"removed": func(path string, _ []byte) error { return os.Remove(path) },
		"copied": func(path string, data []byte) error {
			if err := os.WriteFile(path+"2", data, 0o644); err != nil {
				return err
			}
			return os.Rename(path+"2", path)
		},
		"shorter": func(path string, data []byte) error { return os.Truncate(path, int64(len(data)-1)) },
		"another line": func(path string, data []byte) error {
			return os.WriteFile(path, append(data[:len(data)-40], make([]byte, 40)...), 0)
		},
		"another name": func(path string, data []byte) error {
			data[len(changesFormat)] ^= 1
			return os.WriteFile(path, data, 0)
		},
		"no format":     func(path string, data []byte) error { data[0] ^= 1; return os.WriteFile(path, data, 0) },
		"half a line":   func(path string, data []byte) error { return os.WriteFile(path, append(data, "abc\tdef"...), 0) },
		"not a line":    func(path string, data []byte) error { return os.WriteFile(path, append(data, "abc\n"...), 0) },
		"not a hash":    func(path string, data []byte) error { return os.WriteFile(path, append(data, "abc\tdef\n"...), 0) },
		"an empty line": func(path string, data []byte) error { return os.WriteFile(path, append(data, "\n"...), 0) },
		"what is merged": func(path string, data []byte) error {
			return os.WriteFile(path, append(data, "a\t"+"b\t"+strings.Repeat("0", 32)+"\n"...), 0)
		},
	} {
		s := held(t)
		r := result(t, s, derive(t, s, Derivation{Name: "a"}), nil, "1")
		b := answered(t, s, r)
		if !bears(t, s, b, r) {
			t.Fatal("it doesn't hold")
		}
		data, err := os.ReadFile(s.changesPath())
		if err != nil {
			t.Fatal(err)
		}
		if err := damage(s.changesPath(), data); err != nil {
			t.Fatal(name, err)
		}
		if bears(t, s, b, r) {
			t.Errorf("%s: it holds still", name)
		}
		// Whoever has it open goes on in the one that others read.
		result(t, s, r.Ref.dref, nil, "2")
		o := open(t, s.Dir())
		hold(t, o)
		if o.Watch() == nil {
			t.Errorf("%s: nothing can be kept any more", name)
		}
	}
}

// What was kept before the machine went down is not believed.
func TestOtherBootDoesntBear(t *testing.T) {
	s := held(t)
	r := result(t, s, derive(t, s, Derivation{Name: "a"}), nil, "1")
	b := answered(t, s, r)
	b.at.boot = "another"
	if bears(t, s, b, r) {
		t.Error("it is of another boot")
	}
	b = answered(t, s, r)
	overwrite(t, s.journalPath(), string(journal{"another", 0}.text()))
	if o := open(t, s.Dir()); bears(t, o, b, r) {
		t.Error("nobody has looked yet at what the machine left")
	}
}

// What is removed by hand is missed.
func TestBasisMissesWhatIsGone(t *testing.T) {
	for name, remove := range map[string]func(s *Store, r Realization) error{
		"tree":      func(s *Store, r Realization) error { return removeAll(s.TreePath(r.Tree)) },
		"record":    func(s *Store, r Realization) error { return os.Remove(s.recordPath(r.Ref)) },
		"table":     func(s *Store, r Realization) error { return os.Remove(s.drvTablePath(firstOf(r.Ref.dref))) },
		"trees":     func(s *Store, r Realization) error { return os.Rename(s.join("tree"), s.join("tmp", "away")) },
		"all of it": func(s *Store, r Realization) error { return removeAll(s.dir) },
	} {
		s := held(t)
		r := result(t, s, derive(t, s, Derivation{Name: "a"}), nil, "1")
		b := answered(t, s, r)
		b.tree = stamp{1, 2, 3, 4, 5} // of another time
		if holds, _ := s.Bears(b, r.Ref.String()+"\n", false); !holds {
			t.Fatal("it doesn't hold")
		}
		if err := remove(s, r); err != nil {
			t.Fatal(err)
		}
		if bears(t, s, b, r) {
			t.Errorf("%s: not missed", name)
		}
	}
	s := held(t)
	src := source(t, s)
	b := s.Watch().Basis(nil, []Hash{src}, nil)
	if err := os.Remove(s.manifestPath(src)); err != nil {
		t.Fatal(err)
	}
	if holds, _ := s.Bears(b, "", true); holds {
		t.Error("the manifest of a source is not missed")
	}
}

func source(t *testing.T, s *Store) Hash {
	t.Helper()
	h, err := s.AddFiles(t.Context(), []SourceFile{{Path: "x", Text: "x"}})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// gc begins a new file when the old one is large.
func TestChangesAreTrimmed(t *testing.T) {
	s := held(t)
	r := result(t, s, derive(t, s, Derivation{Name: "a"}), nil, "1")
	line := strings.Repeat("a", 26) + "\t" + HashOf(nil).String() + "\n"
	data, err := os.ReadFile(s.changesPath())
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, s.changesPath(), string(data)+strings.Repeat(line, maxChanges/len(line)+1))
	b := answered(t, s, r)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, s.Dir()).GC(t.Context(), GCOptions{}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(s.changesPath()); err != nil || info.Size() > 1000 {
		t.Errorf("%v, %v", info.Size(), err)
	}
	if bears(t, s, b, r) {
		t.Error("a basis in the old file holds")
	}
}
