package realize

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/diff"

	"plx/internal/plan"
	"plx/internal/store"
)

// A NothingRunError says that a stage has no command that could be run.
type NothingRunError struct{ Stage string }

func (e *NothingRunError) Error() string {
	return fmt.Sprintf("stage %s: no command makes it, so that there is nothing to run: name a stage with run", e.Stage)
}

// HasCommand returns a [NothingRunError] if no command makes the stage.
func HasCommand(s *plan.Stage) error {
	if s.Derivation.Kind == store.ActionRun {
		return nil
	}
	return &NothingRunError{s.Name}
}

// Check makes the realization again: from the same, in the same way, with the
// number of the run that it had, so many times. The closure has the stage. If
// the result is another the error is an [UnlikeError]; if there is none, a
// [BuildError]. Nothing of what is made enters the store. Volatile outputs are
// not compared.
func (z *Realizer) Check(ctx context.Context, c *plan.Closure, ref store.RRef, rounds int) error {
	r, err := z.Store.Realization(ref)
	if err != nil {
		return err
	}
	t, err := z.remaking(ctx, c, r)
	if err != nil {
		return fmt.Errorf("check %v: %w", ref, err)
	}
	if err := HasCommand(t.stage); err != nil {
		return err
	}
	if r.Hand {
		return fmt.Errorf("check %v: it was made by hand; plx realize --rebuild %s makes one by command", ref, t.stage.Name)
	}
	if !r.Answers(t.key) {
		return fmt.Errorf("check %v: the command that there is now did not make it; plx realize --rebuild %s makes another", ref, t.stage.Name)
	}
	release, err := t.lock(ctx)
	if err != nil {
		return err
	}
	defer release()
	for range rounds {
		if err := t.checkOnce(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// checkOnce makes r again, and compares.
func (t *task) checkOnce(ctx context.Context, r store.Realization) error {
	l, err := t.acquire(ctx)
	if err != nil {
		return err
	}
	defer l.release()
	st, err := t.g.Store.Stage()
	if err != nil {
		return err
	}
	defer st.Abort()
	e := Event{Stage: t.stage, Run: t.runOf(r)}
	try := &try{task: t, st: st, lease: l, run: e.Run, against: &r}
	if err := try.begin(); err != nil {
		return err
	}
	started := time.Now()
	_, _, err = try.attempts(ctx)
	e.Elapsed = time.Since(started)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case isFailure(err):
		return t.failed(e.Run, try.attempt, st, err)
	case err == nil:
		e.Kind, e.Refs = Checked, []store.RRef{r.Ref}
		t.g.observe(e)
	}
	return err
}

// compare returns an [UnlikeError] if the frozen result, which contains m, is
// not that which it is made to be compared with.
func (t *try) compare(m store.Manifest) error {
	have := t.against
	if m.Hash() == have.Tree {
		return nil
	}
	e := &UnlikeError{Have: have.Ref, Run: t.run}
	for _, how := range store.Differing(have.Manifest, m) {
		d := Difference{Difference: how}
		if isFile(have.Manifest, d.Path) && isFile(m, d.Path) {
			first, second := t.g.Store.TreePath(have.Tree)+"/"+d.Path, t.st.Out()+"/"+d.Path
			if err := d.look("first", first, "second", second); err != nil {
				return err
			}
		}
		e.Files = append(e.Files, d)
	}
	return e
}

func isFile(m store.Manifest, path string) bool {
	e, ok := m.Find(path)
	return ok && (e.Kind == store.KindFile || e.Kind == store.KindExecutable)
}

// A Difference is a path at which a result that was made again differs.
type Difference struct {
	store.Difference
	Differs bool   // two files are there, and don't hold the same
	Offset  int64  // where they begin to differ, in bytes
	Diff    string // of texts: the lines that differ, as diff -u prints them
}

func (d Difference) String() string {
	text := d.Path + ": " + d.How
	if d.Differs {
		text += fmt.Sprintf(", from byte %d on", d.Offset)
	}
	return text
}

// What is shown of texts: those of more than maxText bytes are not compared by
// lines, and of more than maxLines lines the rest is left out.
const (
	maxText  = 1 << 20
	maxLines = 40
)

// verb says what has become of a file.
func (d Difference) verb() string {
	switch d.How {
	case store.OnlyFirst:
		return "removed"
	case store.OnlySecond:
		return "added"
	}
	return "changed"
}

// look compares two files, which the names stand for.
func (d *Difference) look(nameA, first, nameB, second string) error {
	a, err := os.Open(first)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := os.Open(second)
	if err != nil {
		return err
	}
	defer b.Close()
	if d.Offset, d.Differs, err = firstDifference(bufio.NewReader(a), bufio.NewReader(b)); err != nil || !d.Differs {
		return err
	}
	textA, okA, errA := text(a)
	textB, okB, errB := text(b)
	if okA && okB {
		d.Diff = unified(nameA, textA, nameB, textB)
	}
	return errors.Join(errA, errB)
}

// firstDifference returns where two files begin to differ, if they do.
func firstDifference(a, b io.ByteReader) (offset int64, differ bool, err error) {
	for ; ; offset++ {
		x, errA := a.ReadByte()
		y, errB := b.ReadByte()
		for _, err := range []error{errA, errB} {
			if err != nil && !errors.Is(err, io.EOF) {
				return 0, false, err
			}
		}
		switch {
		case errA != nil && errB != nil:
			return 0, false, nil
		case errA != nil || errB != nil || x != y:
			return offset, true, nil
		}
	}
}

// text returns what a file holds, if that is text, and not too much.
func text(f *os.File) (data []byte, ok bool, err error) {
	if data, err = io.ReadAll(io.NewSectionReader(f, 0, maxText+1)); err != nil {
		return nil, false, err
	}
	return data, isText(data), nil
}

func isText(data []byte) bool {
	return len(data) <= maxText && utf8.Valid(data) && !bytes.ContainsRune(data, 0)
}

// unified returns how two texts differ.
func unified(nameA string, a []byte, nameB string, b []byte) string {
	if bytes.Equal(a, b) {
		return ""
	}
	lines := strings.SplitAfter(string(diff.Diff(nameA, a, nameB, b)), "\n")[1:] // but for the command
	lines = lines[:len(lines)-1]                                                 // what is after the last end of a line
	if len(lines) > maxLines {
		lines = append(lines[:maxLines], fmt.Sprintf("… and %d lines more\n", len(lines)-maxLines))
	}
	return strings.Join(lines, "")
}
