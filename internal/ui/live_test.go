package ui

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"plx/internal/plan"
	"plx/internal/realize"
)

// newTestLive returns the view of no stages, with a clock that is set by hand.
func newTestLive(t *testing.T) (l *Live, clock *time.Time) {
	t.Helper()
	t.Setenv("LC_ALL", "C.UTF-8")
	l = NewLive(&plan.Closure{}, 2, nil, true)
	now := time.Unix(1e9, 0)
	l.now = func() time.Time { return now }
	return l, &now
}

// plainLines returns what is drawn, without colours.
func plainLines(l *Live, columns, rows int) string {
	lines, _ := l.Lines(columns, rows)
	for i, line := range lines {
		lines[i] = strings.TrimRight(Clean(line), " ")
	}
	return strings.Join(lines, "\n")
}

func writeLog(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestLiveShows: a line for each run with its time and the last line of its
// log, and one that counts.
func TestLiveShows(t *testing.T) {
	l, now := newTestLive(t)
	train := &plan.Stage{Name: "train[lr=0.1]", Runs: 10}
	log := writeLog(t, "epoch 1\n\x1b[31mepoch\x1b[0m 2\t10%\r 50%\n\n")
	l.Observe(realize.Event{Kind: realize.Building, Stage: train, Run: 3, Log: log})
	*now = now.Add(62 * time.Second)
	l.Observe(realize.Event{Kind: realize.Building, Stage: train, Run: 12})
	l.Observe(realize.Event{Kind: realize.Waiting, Stage: &plan.Stage{Name: "prep"}, Because: "process 7"})
	l.Observe(realize.Event{Kind: realize.Reused, Stage: &plan.Stage{Name: "data"}})
	want := `  train[lr=0.1] 3/10     1:02           50%
  train[lr=0.1] run 12   0:00
  prep                   0:00           waiting for process 7
0/0 done · 3 running · 1 reused                                         v: logs`
	if got := plainLines(l, 79, 23); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	l.Observe(realize.Event{Kind: realize.Built, Stage: train, Run: 3, Elapsed: time.Minute})
	l.Observe(realize.Event{Kind: realize.Failed, Stage: train, Run: 12, Err: errors.New("no")})
	l.Observe(realize.Event{Kind: realize.Done, Stage: &plan.Stage{Name: "prep"}})
	if got := plainLines(l, 79, 23); !strings.HasPrefix(got, "  prep") {
		t.Errorf("a stage of the same name is another: got\n%s", got)
	}
}

// TestLiveFollows: v shows the log of a run, n and p those of others, q none;
// the log of one that has ended stays until then.
func TestLiveFollows(t *testing.T) {
	l, _ := newTestLive(t)
	var stages []*plan.Stage
	for _, name := range []string{"one", "two"} {
		s := &plan.Stage{Name: name, Runs: 1}
		stages = append(stages, s)
		l.Observe(realize.Event{Kind: realize.Building, Stage: s, Run: 1, Log: writeLog(t, "first of "+name+"\nsecond of "+name+"\n")})
	}
	for _, step := range []struct {
		key  byte
		want string
	}{
		{'n', "0/0 done"}, {'v', "one · 0:00"}, {'n', "two · 0:00"}, {'n', "one · 0:00"}, {'p', "two · 0:00"}, {'q', "0/0 done"}, {'v', "one · 0:00"},
	} {
		l.Key(step.key)
		if got := plainLines(l, 79, 23); !strings.Contains(got, step.want) {
			t.Errorf("after %c: got\n%s\nwant %s", step.key, got, step.want)
		}
	}
	l.Observe(realize.Event{Kind: realize.Built, Stage: stages[0], Run: 1, Elapsed: 5 * time.Second})
	want := "one · built after 0:05 ─────────────────────────── n next · p previous · q back\nfirst of one\nsecond of one"
	if got := plainLines(l, 79, 23); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := plainLines(l, 79, 2); strings.Contains(got, "first") || !strings.Contains(got, "second") {
		t.Errorf("on a short terminal: got\n%s", got)
	}
	l.End()
	if _, whole := l.Lines(79, 23); whole {
		t.Error("after the end a log is followed")
	}
}

// TestLiveFits: no line is wider than the terminal, and there are no more than
// it has rows, whatever the names, the logs and the size.
func TestLiveFits(t *testing.T) {
	l, now := newTestLive(t)
	for i := range 7 {
		s := &plan.Stage{Name: strings.Repeat("漢字e\u0301👩‍👩‍👧", i) + "x", Runs: 1 + i%3}
		log := writeLog(t, strings.Repeat("漢\x1b[1m字\x1b[0m\x1b]0;title\x07\ta\u0301\xff", 10*i))
		l.Observe(realize.Event{Kind: realize.Building, Stage: s, Run: 1 + 5*i, Log: log})
	}
	*now = now.Add(100 * time.Hour)
	for _, follow := range []bool{false, true} {
		if follow {
			l.Key('v')
			l.Key('p')
		}
		for columns := 1; columns < 120; columns++ {
			for rows := 1; rows < 12; rows++ {
				lines, _ := l.Lines(columns, rows)
				if len(lines) > rows || len(lines) == 0 {
					t.Fatalf("%d lines on %d rows", len(lines), rows)
				}
				if wide := slices.IndexFunc(lines, func(s string) bool { return Width(s) > columns }); wide >= 0 {
					t.Fatalf("on %d columns a line of %d: %q", columns, Width(lines[wide]), lines[wide])
				}
			}
		}
	}
}

// TestForecast: what is left takes as long as its longest path, or as all of it
// does on so many processors.
func TestForecastRest(t *testing.T) {
	for _, c := range []struct {
		runs         int
		begun        []time.Duration
		all, longest time.Duration
	}{
		{runs: 1, all: 10, longest: 10},
		{runs: 1, begun: []time.Duration{4}, all: 6, longest: 6},
		{runs: 1, begun: []time.Duration{14}},
		{runs: 3, begun: []time.Duration{4, 9}, all: 17, longest: 10},
	} {
		if all, longest := rest(10, c.runs, c.begun); all != c.all || longest != c.longest {
			t.Errorf("%+v: got %v, %v", c, all, longest)
		}
	}
}

func TestMeter(t *testing.T) {
	t.Setenv("LC_ALL", "C.UTF-8")
	m := NewMeter()
	now := time.Unix(1e9, 0)
	m.now = func() time.Time { return now }
	count := func(n int64) string { return fmt.Sprint(n, " files") }
	m.Tell("verify", 1, 10, count)
	if lines, _ := m.Lines(79, 23); lines != nil {
		t.Errorf("it shows %q at once", lines)
	}
	now = now.Add(2 * time.Second)
	m.Tell("verify", 5, 10, count)
	lines, _ := m.Lines(79, 23)
	if want := "verify  0:02  50 %  5 files of 10 files · ~0:02 left"; len(lines) != 1 || Clean(lines[0]) != want {
		t.Errorf("got %q, want %q", lines, want)
	}
	if lines, _ := m.Lines(9, 23); Width(lines[0]) > 9 {
		t.Errorf("too wide: %q", lines)
	}
	m.Tell("gc", 0, 0, count)
	if lines, _ := m.Lines(79, 23); lines != nil {
		t.Errorf("something else begins, and it shows %q", lines)
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                "plain",
		"\x1b[1;31mred\x1b[0m": "red",
		"\x1b]0;title\x07text": "text",
		"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\": "link",
		"10%\r50%\r":          "50%",
		"up\x1b[2Adown\x1b[K": "updown",
		"bell\x07":            "bell\uFFFD",
		"\x1b(Bascii":         "ascii",
		"lone\x1b":            "lone\uFFFD",
		"tab\there":           "tab\there",
	} {
		if got := Clean(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// FuzzClean: nothing is left that does something to a terminal.
func FuzzClean(f *testing.F) {
	f.Add("\x1b[31mred\x1b[0m\r\x1b]0;\x07 \u009b1m")
	f.Fuzz(func(t *testing.T, line string) {
		for _, r := range Clean(line) {
			if r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 {
				t.Fatalf("%q: %q is left", line, r)
			}
		}
	})
}

func TestTyped(t *testing.T) {
	for in, want := range map[string]string{"v": "v", "vn": "vn", "\x1b": "\x1b", "\x1b[A": "A", "\x1b[1;5Cq": "Cq", "\x1bOBn": "Bn", "\x1b[": "\x1b["} {
		if got := string(typed([]byte(in))); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// BenchmarkFrame is what a frame costs with four runs.
func BenchmarkFrame(b *testing.B) {
	l := NewLive(&plan.Closure{}, 4, nil, true)
	for i := range 4 {
		l.Observe(realize.Event{Kind: realize.Building, Stage: &plan.Stage{Name: fmt.Sprintf("stage%d", i)}, Run: 1})
	}
	s := &Screen{out: discard{}, tty: newTTY(os.Stderr, nil, false), view: l}
	at := time.Unix(0, 0)
	l.now = func() time.Time { at = at.Add(time.Second); return at }
	for b.Loop() {
		fmt.Fprintln(s, "stage: built in 0.01 s")
		s.frame()
	}
}

// BenchmarkObserve is what the events of a stage cost.
func BenchmarkObserve(b *testing.B) {
	l := NewLive(&plan.Closure{}, 4, nil, true)
	s := &plan.Stage{Name: "stage"}
	for b.Loop() {
		l.Observe(realize.Event{Kind: realize.Building, Stage: s, Run: 1})
		l.Observe(realize.Event{Kind: realize.Built, Stage: s, Run: 1})
		l.Observe(realize.Event{Kind: realize.Done, Stage: s})
	}
}

type discard struct{}

func (discard) Write(data []byte) (int, error) { return len(data), nil }
