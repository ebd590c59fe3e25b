package store

import (
	"slices"
	"strings"
	"testing"
)

const (
	hashA = "d86kb016rmmuh2e4fuvc9ranp7lcu5h4"
	hashB = "skn0ebau8v9dda5r2r2ra3ggubu0ibv8"
)

func TestParseHash(t *testing.T) {
	h, err := ParseHash(hashA)
	if err != nil || h.String() != hashA || h.IsZero() {
		t.Errorf("got %v, %v", h, err)
	}
	if h := HashOf([]byte("plx tree 1\n")); h.String() != hashA {
		t.Errorf("HashOf: got %v, want %s", h, hashA)
	}
	for _, bad := range []string{"", hashA[1:], hashA + "0", strings.ToUpper(hashA), "w" + hashA[1:], " " + hashA[1:], "\n" + hashA[1:], hashA[:31] + "=", hashA[:16] + "\r\n" + hashA[18:]} {
		if h, err := ParseHash(bad); err == nil {
			t.Errorf("ParseHash(%q): got %v, want an error", bad, h)
		}
	}
}

func TestParseDigest(t *testing.T) {
	const empty = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
	if d, err := ParseDigest(empty); err != nil || d != DigestOf(nil) || d.String() != empty {
		t.Errorf("got %v, %v", d, err)
	}
	for _, bad := range []string{"", empty[1:], empty + "0", strings.ToUpper(empty), "g" + empty[1:]} {
		if d, err := ParseDigest(bad); err == nil {
			t.Errorf("ParseDigest(%q): got %v, want an error", bad, d)
		}
	}
}

func TestParseReferences(t *testing.T) {
	long := strings.Repeat("n", 128)
	for _, name := range []string{"a", "-", "_", "0", "Train_2-x", long} {
		d, err := ParseDRef("dref:" + hashA + "-" + name)
		if err != nil || d.Name() != name || d.Hash().String() != hashA || d.String() != "dref:"+hashA+"-"+name {
			t.Errorf("%s: got %v, %v", name, d, err)
		}
		r, err := ParseRRef("rref:" + hashB + "-" + hashA + "-" + name)
		if err != nil || r.DRef() != d || r.Hash().String() != hashB || r.Name() != name || r.String() != "rref:"+hashB+"-"+hashA+"-"+name {
			t.Errorf("%s: got %v, %v", name, r, err)
		}
	}
	for _, bad := range []string{
		"", "dref:", hashA + "-a", "dref:" + hashA, "dref:" + hashA + "-", "dref:" + hashA + "_a", "dref:" + hashA[1:] + "-a", "Dref:" + hashA + "-a",
		"dref:" + hashA + "-a.b", "dref:" + hashA + "-a/b", "dref:" + hashA + "-é", "dref:" + hashA + "-a\n", "dref:" + hashA + "-" + long + "n", "rref:" + hashA + "-a",
	} {
		if d, err := ParseDRef(bad); err == nil {
			t.Errorf("ParseDRef(%q): got %v, want an error", bad, d)
		}
	}
	for _, bad := range []string{"", "rref:", "rref:" + hashA + "-a", "rref:" + hashA + "-" + hashB, "rref:" + hashA + "-" + hashB + "-", "rref:" + hashA + hashB + "-a", "dref:" + hashA + "-" + hashB + "-a"} {
		if r, err := ParseRRef(bad); err == nil {
			t.Errorf("ParseRRef(%q): got %v, want an error", bad, r)
		}
	}
}

// A derivation may be named like a hash and a name: neither is taken for the
// other.
func TestReferencesAreUnambiguous(t *testing.T) {
	d, err := ParseDRef("dref:" + hashB + "-" + hashA + "-name")
	if err != nil || d.Name() != hashA+"-name" {
		t.Errorf("got %v, %v", d, err)
	}
}

func TestReferencesSortAsTheirTexts(t *testing.T) {
	var drefs []DRef
	var texts []string
	for _, text := range []string{hashB + "-a", hashA + "-b", hashA + "-a", hashA + "-B"} {
		d, err := ParseDRef("dref:" + text)
		if err != nil {
			t.Fatal(err)
		}
		drefs, texts = append(drefs, d), append(texts, d.String())
	}
	slices.SortFunc(drefs, DRef.Compare)
	slices.Sort(texts)
	for i := range texts {
		if drefs[i].String() != texts[i] {
			t.Errorf("%d: got %v, want %s", i, drefs[i], texts[i])
		}
	}
}

func FuzzReferences(f *testing.F) {
	f.Add("dref:" + hashA + "-name")
	f.Add("rref:" + hashB + "-" + hashA + "-name")
	f.Add(hashA)
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := ParseDRef(text); err == nil && (d.String() != text || d.IsZero()) {
			t.Errorf("ParseDRef(%q): got %v", text, d)
		}
		if r, err := ParseRRef(text); err == nil && (r.String() != text || r.IsZero()) {
			t.Errorf("ParseRRef(%q): got %v", text, r)
		}
		if h, err := ParseHash(text); err == nil && h.String() != text {
			t.Errorf("ParseHash(%q): got %v", text, h)
		}
	})
}
