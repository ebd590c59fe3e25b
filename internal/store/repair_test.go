package store

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

// repaired damages a specimen and mends it, with these means.
func repaired(t *testing.T, damage func(*testing.T, *specimen), o func(*specimen, *RepairOptions)) (*specimen, []Damage, string) {
	t.Helper()
	x := newSpecimen(t)
	damage(t, x)
	if err := x.s.Close(); err != nil {
		t.Fatal(err)
	}
	s := open(t, x.s.dir)
	r, err := s.Verify(t.Context(), VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	options := RepairOptions{
		Remake:  func(context.Context, Realization) error { return errors.New("not here") },
		Sources: func(context.Context) error { return nil },
		Tell:    func(text string) { told.WriteString(text + "\n") },
	}
	if x.s = s; o != nil {
		o(x, &options)
	}
	left, err := s.Repair(t.Context(), r.Damage, options)
	if err != nil {
		t.Fatal(err)
	}
	return x, left, told.String()
}

// Much is mended from what the store has; what isn't, is reported still, and no
// longer in its place.
func TestRepair(t *testing.T) {
	for _, test := range damages {
		t.Run(test.name, func(t *testing.T) {
			x, left, told := repaired(t, test.damage, nil)
			if (len(left) == 0) != test.mends {
				t.Errorf("left: %v\n%s", left, told)
			}
			r, err := x.s.Verify(t.Context(), VerifyOptions{})
			if got, want := x.reported(r.Damage), x.reported(left); err != nil || !slices.Equal(got, want) {
				t.Errorf("then: got %q, %v, want %q", got, err, want)
			}
			for _, d := range left {
				if d.Kind == DamageContent {
					t.Errorf("still in its place: %v", d)
				}
			}
			if test.want != nil && test.mends && told == "" {
				t.Error("nothing was told")
			}
		})
	}
}

// With a command that gives the same again and the project's files, all is
// mended.
func TestRepairAll(t *testing.T) {
	for _, test := range damages {
		t.Run(test.name, func(t *testing.T) {
			x, left, told := repaired(t, test.damage, func(x *specimen, o *RepairOptions) {
				o.Remake = func(_ context.Context, r Realization) error { return remade(x.s, r, "content") }
				o.Sources = func(ctx context.Context) error {
					source, err := x.s.AddFiles(ctx, []SourceFile{{Path: "sub/a.txt", Text: "a"}, {Path: "b.txt", Text: "b"}})
					if err != nil {
						return err
					}
					_, err = addDerivation(x.s, Derivation{Name: "leaf", Kind: ActionImport, Source: source})
					return err
				}
			})
			if len(left) > 0 {
				t.Errorf("left: %v\n%s", left, told)
			}
			checkSound(t, x.s)
		})
	}
}

// remade is what [built] made, with another content perhaps.
func remade(s *Store, r Realization, content string) error {
	st, err := s.Stage()
	if err != nil {
		return err
	}
	defer st.Abort()
	if err := os.MkdirAll(st.Out()+"/dir/deep", 0o777); err != nil {
		return err
	}
	for name, text := range map[string]string{"/out/dir/deep/file": content, "/out/empty": "", "/out/log.txt": "tomorrow"} {
		if err := os.WriteFile(st.Dir()+name, []byte(text), 0o666); err != nil {
			return err
		}
	}
	if _, err := st.Freeze([]string{"log.txt"}); err != nil {
		return err
	}
	return st.Mend(r)
}

// A result that comes out different is not put in the place of the lost one,
// whose damaged files are kept.
func TestRepairDiffers(t *testing.T) {
	damage := func(t *testing.T, x *specimen) { rewrite(t, x.tree("dir/deep/file"), "CONTENT") }
	x, left, told := repaired(t, damage, func(x *specimen, o *RepairOptions) {
		o.Remake = func(_ context.Context, r Realization) error { return remade(x.s, r, "other!!") }
	})
	if got := x.reported(left); !slices.Equal(got, []string{"missing {runtree}"}) {
		t.Errorf("left: %q", got)
	}
	if !strings.Contains(told, "dir/deep/file: same size, other content") {
		t.Errorf("told: %s", told)
	}
	kept, err := os.ReadFile(x.s.join("tmp", damagedPrefix+x.run.Tree.String(), "dir", "deep", "file"))
	if string(kept) != "CONTENT" || err != nil {
		t.Errorf("kept: %q, %v", kept, err)
	}
	g := collect(t, x.s, GCOptions{})
	if !slices.Contains(g.Work, x.s.join("tmp", damagedPrefix+x.run.Tree.String())) {
		t.Errorf("gc took %v", g.Work)
	}
}

// A record of which only words that are not hashed are damaged is written
// again.
func TestRepairRecord(t *testing.T) {
	for from, to := range map[string]string{
		`"manifest": "plx tree 1`: `"manifest": "plx tree 2`,
		`"run": 1`:                `"run": "1"`,
		`"tree": "`:               `"tree": "x`,
	} {
		x, left, told := repaired(t, func(t *testing.T, x *specimen) {
			data, err := os.ReadFile(x.s.recordPath(x.run.Ref))
			if err != nil {
				t.Fatal(err)
			}
			rewrite(t, x.s.recordPath(x.run.Ref), strings.Replace(string(data), from, to, 1))
		}, nil)
		r, err := x.s.Realization(x.run.Ref)
		if err != nil || len(left) > 0 || r.Manifest.Hash() != x.run.Tree || !r.Made.Equal(x.run.Made) || r.Action != x.run.Action {
			t.Errorf("%s: got %v, %v, left %v\n%s", from, r, err, left, told)
		}
	}
}
