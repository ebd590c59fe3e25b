package store

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A table gives back the lines that were appended to it, whatever was there
// before; what is no line gives nothing.
func FuzzTable(f *testing.F) {
	f.Add([]byte(""), "value", "key")
	f.Add([]byte("a\tb\nc\td"), "x\ty", "k")
	f.Add([]byte("torn\tli"), "", "0")
	f.Add([]byte("\n\n\t\n\tkey\nvalue\tkey\n"), "value", "key")
	f.Fuzz(func(t *testing.T, before []byte, value, key string) {
		if bytes.ContainsAny([]byte(value), "\n") || bytes.ContainsAny([]byte(key), "\n\t") || key == "" {
			return
		}
		path := filepath.Join(t.TempDir(), "table")
		if err := os.WriteFile(path, before, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := appendLines(path, func(table) []byte { return []byte(value + "\t" + key + "\n") }); err != nil {
			t.Fatal(err)
		}
		data, err := readTable(path)
		if err != nil {
			t.Fatal(err)
		}
		var values []string
		for v := range data.values(key) {
			values = append(values, string(v))
		}
		if len(values) == 0 || values[len(values)-1] != value {
			t.Errorf("%q then %q: got %q", before, value, values)
		}
		for k, v := range data.derivations() {
			if !bytes.Contains(data, slices.Concat(v, []byte("\t"+k+"\n"))) {
				t.Errorf("%q is not in %q", k, data)
			}
		}
	})
}

// Lines of the index that somebody else wrote never make a wrong number of a
// run, nor a note of what is none.
func FuzzIndexLine(f *testing.F) {
	ref := RRef{HashOf(nil), DRef{HashOf(nil), "x"}}.String()
	for _, line := range []string{ref + "\t7", "open\tid\t1,2", "done\tid", "gone\tid\t" + HashOf(nil).String(), "0.5", "", "\t\t", "open"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		kind, id, text, ok := cutNote(line)
		if ref, run, isRun := cutRun(line); isRun && ok {
			t.Errorf("%q is run %d of %v and a note %s %s %s", line, run, ref, kind, id, text)
		}
		if ok && noteKinds[kind] == "" && !slices.Contains(slices.Collect(maps.Values(noteKinds)), kind) {
			t.Errorf("%q: kind %q", line, kind)
		}
	})
}

// Whatever a project's plan and a root hold, the store says what they keep, or
// that it can't.
func FuzzRoot(f *testing.F) {
	dref := DRef{HashOf(nil), "x"}
	f.Add(`{"stages":[{"dref":"`+dref.String()+`"}]}`, "../drv/"+dref.base())
	f.Add(`{"stages":null}`, "../drv/"+dref.base()+"/"+HashOf(nil).String())
	f.Add(`{`, "../tree/x")
	f.Add(``, "../drv/"+dref.base()+"/short")
	f.Fuzz(func(t *testing.T, plan, target string) {
		dir := t.TempDir()
		if err := os.WriteFile(dir+"/plan-1.json", []byte(plan), 0o666); err != nil {
			t.Fatal(err)
		}
		refs, _, err := projectDRefs(dir)
		if err == nil && !json.Valid([]byte(plan)) {
			t.Errorf("%q keeps %v", plan, refs)
		}
		s, err := Open(dir + "/store")
		if err != nil {
			t.Fatal(err)
		}
		var r Root
		s.rootObject(&r, target)
		if len(r.DRefs)+len(r.RRefs) > 0 != (r.Target != "") {
			t.Errorf("%q keeps %v", target, r)
		}
	})
}

// A record that somebody damaged is salvaged as what its name says, or not at
// all.
func FuzzSalvage(f *testing.F) {
	dref := DRef{HashOf(nil), "x"}
	tree := HashOf([]byte(manifestHeader))
	ref := RealizationRef(dref, nil, tree)
	for _, text := range []string{
		`{"format":"plx realization 1","derivation":"` + dref.String() + `","context":{},"tree":"` + tree.String() + `","action":"` + tree.String() + `"}`,
		`{"tree":1,"action":"` + tree.String() + `"}`, `{"context":{"a":[]}}`, `{`, ``,
	} {
		f.Add([]byte(text))
	}
	s, err := Open(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	if err := s.Hold(f.Context(), nil); err != nil {
		f.Fatal(err)
	}
	if err := os.MkdirAll(s.TreePath(tree), 0o777); err != nil {
		f.Fatal(err)
	}
	if err := s.makeDrvDir(dref); err != nil {
		f.Fatal(err)
	}
	if err := os.Symlink(linkTarget(tree), s.OutPath(ref)); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(s.recordPath(ref), data, 0o666); err != nil {
			t.Fatal(err)
		}
		r, err := s.salvage(ref)
		if err != nil {
			return
		}
		if is := RealizationRef(r.Ref.dref, r.Context, r.Tree); is != ref {
			t.Errorf("salvaged %v, not %v", is, ref)
		}
		if text, err := r.encode(); err != nil {
			t.Error(err)
		} else if _, _, err := decodeRealization(ref, text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	})
}
