package store

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/zeebo/blake3"
)

// crowd makes a store with n realizations, ten of each derivation, each built
// from one of the derivation before it and with a tree of its own. It writes
// files as they are in the end, which is faster than to commit each.
func crowd(tb testing.TB, dir string, n int) *Store {
	tb.Helper()
	s, err := Open(dir)
	if err != nil {
		tb.Fatal(err)
	}
	if err := s.Hold(tb.Context(), nil); err != nil {
		tb.Fatal(err)
	}
	const each = 10
	ds := make(map[DRef]Derivation)
	var order []DRef
	for i := range n / each {
		d := Derivation{Name: "d", Kind: ActionRun, Script: strconv.Itoa(i)}
		if i%each > 0 {
			d.Inputs = map[string]Input{"x": {From: []DRef{order[i-1]}}}
		}
		ref, _, err := d.Ref()
		if err != nil {
			tb.Fatal(err)
		}
		ds[ref], order = d, append(order, ref)
	}
	if err := s.AddDerivations(func(yield func(DRef, Derivation) bool) {
		for ref, d := range ds {
			if !yield(ref, d) {
				return
			}
		}
	}); err != nil {
		tb.Fatal(err)
	}
	var writers sync.WaitGroup
	failed := make(chan error, len(order))
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		writers.Go(func() {
			for i := range next {
				failed <- s.crowdShelf(i, order, each)
			}
		})
	}
	for i := range order {
		next <- i
	}
	close(next)
	writers.Wait()
	for range order {
		if err := <-failed; err != nil {
			tb.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
	return s
}

// crowdResult returns the k-th realization of the i-th derivation.
func crowdResult(i, k int, order []DRef, each int) (Realization, []byte, error) {
	text := fmt.Appendf(nil, "%d %d\n", i, k)
	sum := blake3.Sum256(text)
	digest, err := ParseDigest(hex.EncodeToString(sum[:]))
	if err != nil {
		return Realization{}, nil, err
	}
	m, err := NewManifest([]Entry{{Path: "file", Kind: KindFile, Size: int64(len(text)), Digest: digest}})
	if err != nil {
		return Realization{}, nil, err
	}
	r := Realization{Tree: m.Hash(), Manifest: m, Origin: Origin{Action: HashOf([]byte(strconv.Itoa(i))), Run: k + 1, Host: "lab", By: "ada"}}
	if i%each > 0 {
		before, _, err := crowdResult(i-1, k, order, each)
		if err != nil {
			return Realization{}, nil, err
		}
		r.Context = Context{"x": {before.Ref}}
	}
	r.Ref = RealizationRef(order[i], r.Context, r.Tree)
	return r, text, nil
}

func (s *Store) crowdShelf(i int, order []DRef, each int) error {
	if err := s.makeDrvDir(order[i]); err != nil {
		return err
	}
	for k := range each {
		r, text, err := crowdResult(i, k, order, each)
		if err != nil {
			return err
		}
		data, err := r.encode()
		if err != nil {
			return err
		}
		tree := s.TreePath(r.Tree)
		err = errors.Join(
			os.Mkdir(tree, 0o777), os.WriteFile(tree+"/file", text, 0o444), os.Chmod(tree, 0o555),
			os.Symlink("../../tree/"+r.Tree.String(), s.OutPath(r.Ref)),
			s.addToIndex(r.Action, indexValue(r.Ref, r.Run)),
			os.WriteFile(s.recordPath(r.Ref), data, 0o444),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkGC looks at 100,000 realizations, then collects all of them, and
// finds nothing more to do. PLX_GC_OBJECTS says another
// number.
func BenchmarkGC(b *testing.B) {
	n := 100_000
	if text := os.Getenv("PLX_GC_OBJECTS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		b.StopTimer()
		dir := b.TempDir()
		s := crowd(b, dir+"/store", n)
		b.StartTimer()
		for _, what := range []string{"dry", "all", "none"} {
			began := time.Now()
			g, err := s.GC(b.Context(), GCOptions{DryRun: what == "dry"})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(time.Since(began).Seconds(), what+"-s")
			if what == "all" && len(g.Realizations) != n {
				b.Fatalf("%d went, want %d", len(g.Realizations), n)
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		if err := removeAll(dir); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
