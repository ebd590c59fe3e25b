package store

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func mustDRef(t testing.TB, text string) DRef {
	t.Helper()
	ref, err := ParseDRef(text)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// fullDerivation has no field that is zero.
func fullDerivation(t testing.TB) Derivation {
	a, b := mustDRef(t, "dref:"+hashA+"-a"), mustDRef(t, "dref:"+hashB+"-b")
	return Derivation{
		Name: "full", Kind: ActionRun, Script: "run\n", Shell: []string{"sh", "-eu"}, Argv: []string{"x", ""},
		Source:  HashOf([]byte("source")),
		Fetch:   fullFetch(),
		Config:  map[string]any{"n": int64(1), "f": 1.0, "s": "", "l": []any{true}, "t": map[string]any{}},
		Env:     map[string]string{"A": "1", "B": ""},
		Tools:   []string{"awk", "sort"},
		Carry:   []string{"a", "b/c"},
		Inputs:  map[string]Input{"i": {From: []DRef{a, b}, Outputs: []string{"o", "p"}, File: true, List: true, Match: map[string]any{"some": int64(2)}}},
		Outputs: map[string]Output{"o": {Path: "o.txt", Kind: "file", Nonempty: true, Optional: true, Volatile: true}},
		Metrics: []string{"o"},
		Check:   "true",
		Match:   "all",
		Always:  true,
		Network: true,
		Sandbox: Sandbox{Off: true, Paths: []string{"/a", "/b"}},
	}
}

func fullFetch() *Fetch {
	return &Fetch{
		URLs:    []string{"https://example.com/genome.tar.gz", "file:///srv/genome.tar.gz"},
		MaxSize: 1 << 30,
		Fetched: Fetched{Hash: "sha256:" + strings.Repeat("0f", 32), Filename: "genome.tar.gz", Unpack: true, Strip: 1},
	}
}

// A change is a value with one thing about it changed.
type change struct {
	what  string
	value reflect.Value
}

// changes returns all values that differ from v in one place.
func changes(t *testing.T, v reflect.Value) []change {
	t.Helper()
	var all []change
	add := func(what string, value any) { all = append(all, change{what, reflect.ValueOf(value)}) }
	switch x := v.Interface().(type) {
	case Hash:
		add("", HashOf([]byte("another")))
		return all
	case Digest:
		add("", DigestOf([]byte("another")))
		return all
	case DRef:
		add("'s hash", mustDRef(t, "dref:"+strings.Repeat("0", 32)+"-"+x.Name()))
		add("'s name", mustDRef(t, "dref:"+x.Hash().String()+"-other"))
		return all
	}
	switch v.Kind() {
	case reflect.String:
		all = append(all, change{"", reflect.ValueOf(v.String() + "x").Convert(v.Type())})
	case reflect.Bool:
		add("", !v.Bool())
	case reflect.Int:
		add("", int(v.Int()+1))
	case reflect.Pointer:
		for _, c := range changes(t, v.Elem()) {
			p := reflect.New(v.Type().Elem())
			p.Elem().Set(c.value)
			all = append(all, change{c.what, p})
		}
	case reflect.Int64:
		add("", v.Int()+1)
		add("'s type", float64(v.Int()))
	case reflect.Float64:
		add("", v.Float()+1)
		add("'s type", fmt.Sprint(v.Float()))
	case reflect.Interface:
		return changes(t, v.Elem())
	case reflect.Slice:
		all = listChanges(t, v)
	case reflect.Map:
		all = tableChanges(t, v)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%v.%s is zero: give it a value, so that its changes are tested", v.Type(), v.Type().Field(i).Name)
			}
			for _, c := range changes(t, v.Field(i)) {
				if !c.value.Type().AssignableTo(v.Field(i).Type()) {
					continue // it has one type only
				}
				s := reflect.New(v.Type()).Elem()
				s.Set(v)
				s.Field(i).Set(c.value)
				all = append(all, change{"." + v.Type().Field(i).Name + c.what, s})
			}
		}
	default:
		t.Fatalf("a field of type %v: say here how to change it", v.Type())
	}
	return all
}

func listChanges(t *testing.T, v reflect.Value) []change {
	t.Helper()
	all := []change{{" without its last", v.Slice(0, v.Len()-1)}}
	all = append(all, change{" and one more", reflect.Append(v.Slice3(0, v.Len(), v.Len()), v.Index(0))})
	for i := range v.Len() {
		for _, c := range changes(t, v.Index(i)) {
			l := reflect.AppendSlice(reflect.MakeSlice(v.Type(), 0, v.Len()), v)
			l.Index(i).Set(c.value)
			all = append(all, change{fmt.Sprintf("[%d]%s", i, c.what), l})
		}
	}
	if v.Len() > 1 {
		l := reflect.AppendSlice(v.Slice3(1, v.Len(), v.Len()), v.Slice(0, 1))
		all = append(all, change{" in another order", l})
	}
	return all
}

func tableChanges(t *testing.T, v reflect.Value) []change {
	t.Helper()
	clone := func() reflect.Value {
		m := reflect.MakeMap(v.Type())
		for _, k := range v.MapKeys() {
			m.SetMapIndex(k, v.MapIndex(k))
		}
		return m
	}
	var all []change
	for _, k := range v.MapKeys() {
		without := clone()
		without.SetMapIndex(k, reflect.Value{})
		renamed := clone()
		renamed.SetMapIndex(k, reflect.Value{})
		renamed.SetMapIndex(reflect.ValueOf(k.String()+"x"), v.MapIndex(k))
		all = append(all, change{" without " + k.String(), without}, change{" with another name for " + k.String(), renamed})
		for _, c := range changes(t, v.MapIndex(k)) {
			m := clone()
			m.SetMapIndex(k, c.value)
			all = append(all, change{"." + k.String() + c.what, m})
		}
	}
	return all
}

// Every field of a derivation is in its reference, and is read back.
func TestDerivationCoversEveryField(t *testing.T) {
	full := fullDerivation(t)
	seen := map[DRef]string{}
	check := func(what string, d Derivation) {
		t.Helper()
		ref, data, err := d.Ref()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if other, ok := seen[ref]; ok {
			t.Errorf("%q and %q have one reference", what, other)
		}
		seen[ref] = what
		back, err := ParseDerivation(data)
		if err != nil || !reflect.DeepEqual(back, d) {
			t.Errorf("%s: ParseDerivation: %v\ngot  %#v\nwant %#v", what, err, back, d)
		}
	}
	check("nothing", full)
	for _, c := range changes(t, reflect.ValueOf(full)) {
		d := c.value.Interface().(Derivation)
		for v, i := reflect.ValueOf(&d).Elem(), 0; i < v.NumField(); i++ { // as it is read back
			if f := v.Field(i); (f.Kind() == reflect.Map || f.Kind() == reflect.Slice) && f.Len() == 0 {
				f.SetZero()
			}
		}
		check(c.what, d)
	}
	if len(seen) < 70 {
		t.Errorf("only %d changes", len(seen))
	}
}

// The same for the action key.
func TestActionCoversEveryField(t *testing.T) {
	full := Action{
		Kind: ActionRun, Script: "x", Shell: []string{"sh"}, Argv: []string{"a", "b"}, Source: HashOf(nil), Fetch: &fullFetch().Fetched,
		Config: map[string]any{"n": int64(1)}, Env: map[string]string{"A": "1"},
		Tools: map[string]Digest{"sort": DigestOf([]byte("sort"))},
		Inputs: map[string]ActionInput{"i": {List: true, File: "f", Items: []ActionItem{
			{Tree: HashOf(nil), Outputs: map[string]string{"o": "p", "q": "r"}}, {Tree: HashOf([]byte("2")), Outputs: map[string]string{"o": ""}},
		}}},
		Outputs: map[string]string{"o": "path"}, Platform: "linux/amd64", Path: "/bin", Network: true, Sandbox: Sandbox{Off: true, Paths: []string{"/a", "/b"}},
	}
	seen := map[Hash]string{}
	for _, c := range append(changes(t, reflect.ValueOf(full)), change{"nothing", reflect.ValueOf(full)}) {
		key, err := c.value.Interface().(Action).Key()
		if err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		if other, ok := seen[key]; ok {
			t.Errorf("%q and %q have one action key", c.what, other)
		}
		seen[key] = c.what
	}
}

// A derivation, an action and a realization that have the same fields have
// different hashes: each text begins with what it is.
func TestFormatsAreDistinct(t *testing.T) {
	d, err := Derivation{Name: "a", Kind: ActionRun}.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	a, err := Action{Kind: ActionRun}.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{derivationFormat, actionFormat, realizationFormat, scoreFormat} {
		if n := bytes.Count(append(d, a...), []byte(format)); n > 1 {
			t.Errorf("%q stands %d times", format, n)
		}
	}
	if _, err := ParseDerivation(a); err == nil {
		t.Error("an action is taken for a derivation")
	}
}

func TestParseDerivationRefuses(t *testing.T) {
	data, err := os.ReadFile("testdata/vectors/run.derivation")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	if _, err := ParseDerivation(data); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{
		{`"check":`, `"chock":`},
		{`"check":`, `"aaa":"unknown","check":`},
		{`"file":true`, `"file":false`},
		{`"file":true`, `"file":"true"`},
		{`"optional":true`, `"opt":true`},
		{`"from":["dref:`, `"from":["rref:`},
		{`"from":[`, `"from":[{"$int":"1"},`},
		{`plx derivation 1`, `plx derivation 2`},
		{`"name":"anneal"`, `"name":"an neal"`},
		{`"name":"anneal"`, `"name":{"$int":"1"}`},
		{`"source":"`, `"source":"x`},
		{`"kind":"file"`, `"kind":"any"`},
		{`"metrics":["result"]`, `"metrics":[]`},
		{`"metrics":["result"]`, `"metrics":"result"`},
		{`"OMP_NUM_THREADS":"1"`, `"OMP_NUM_THREADS":{"$int":"1"}`},
	} {
		changed := strings.Replace(text, c[0], c[1], 1)
		if changed == text {
			t.Fatalf("no %q in %s", c[0], text)
		}
		if d, err := ParseDerivation([]byte(changed)); err == nil {
			t.Errorf("%s for %s: got %v, want an error", c[1], c[0], d)
		}
	}
	for _, bad := range []string{"", "true", "[]", "{}", `{"format":"plx derivation 1"}`, text + "\n", text[:len(text)-1]} {
		if d, err := ParseDerivation([]byte(bad)); err == nil {
			t.Errorf("%q: got %v, want an error", bad, d)
		}
	}
}

func TestDerivationNeedsAName(t *testing.T) {
	for _, name := range []string{"", "a b", "a.b", "../a", strings.Repeat("x", 129)} {
		if ref, _, err := (Derivation{Name: name, Kind: ActionRun}).Ref(); err == nil {
			t.Errorf("%q: got %v, want an error", name, ref)
		}
	}
}

func TestDerivationQueries(t *testing.T) {
	a, b := mustDRef(t, "dref:"+hashA+"-a"), mustDRef(t, "dref:"+hashB+"-b")
	d := Derivation{
		Inputs:  map[string]Input{"x": {From: []DRef{b, a}}, "y": {From: []DRef{b}}},
		Outputs: map[string]Output{"1": {Path: "z", Volatile: true}, "2": {Path: "y"}, "3": {Path: "a", Volatile: true}},
	}
	if got := d.Dependencies(); !slices.Equal(got, []DRef{a, b}) {
		t.Errorf("Dependencies: got %v", got)
	}
	if got := d.VolatilePaths(); !slices.Equal(got, []string{"a", "z"}) {
		t.Errorf("VolatilePaths: got %v", got)
	}
}

func FuzzParseDerivation(f *testing.F) {
	for _, name := range []string{"run.derivation", "import.derivation", "run.action"} {
		data, err := os.ReadFile("testdata/vectors/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	_, data, err := fullDerivation(f).Ref()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := ParseDerivation(data)
		if err != nil {
			return
		}
		again, err := d.Canonical()
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("got %s, %v, want %s", again, err, data)
		}
	})
}

// The order in which maps are walked makes no difference.
func TestDerivationIsStable(t *testing.T) {
	want, _, err := fullDerivation(t).Ref()
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		d := fullDerivation(t)
		d.Config = maps.Clone(d.Config)
		if got, _, err := d.Ref(); err != nil || got != want {
			t.Fatalf("got %v, %v, want %v", got, err, want)
		}
	}
}
