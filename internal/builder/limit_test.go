package builder

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

// A command that prints now and then is left alone; one that is silent is not.
func TestMaxSilent(t *testing.T) {
	a := newAction(t, `echo begun; sleep 1000`)
	a.MaxSilent = 30 * time.Millisecond
	_, err := Run(t.Context(), a)
	var timeout *TimeoutError
	if !errors.As(err, &timeout) || !timeout.Silent || err.Error() != "command printed nothing for 30ms, which is its max-silent" {
		t.Errorf("got %v", err)
	}
	a = newAction(t, `for i in 1 2 3 4 5 6; do sleep 0.2; echo $i; done`)
	a.MaxSilent = time.Minute
	mustRun(t, a)
}

// What a command prints beyond the limit is not kept, also if it was too quick
// to be ended; what follows in the log stands right behind.
func TestMaxLog(t *testing.T) {
	for _, script := range []string{`while :; do echo 0123456789; done`, `echo 0123456789012345678901234567890123456789`, `echo 0123456789012345678901234567890123456789; exit 3`} {
		a := newAction(t, script)
		a.MaxLog = 20
		a.Log.WriteString("before\n")
		_, err := Run(t.Context(), a)
		var limit *LimitError
		if strings.HasSuffix(script, "exit 3") {
			var exit *ExitError
			if !errors.As(err, &exit) {
				t.Errorf("%s: %v", script, err)
			}
		} else if !errors.As(err, &limit) || limit.Key != "max-log" || limit.Have <= limit.Most || limit.Most != 20 {
			t.Errorf("%s: %v", script, err)
		}
		a.Log.WriteString("after\n")
		got := readFile(t, a.Log.Name())
		if len(got) != 7+20+6 || !strings.HasPrefix(got, "before\n0123") || !strings.HasSuffix(got, "after\n") {
			t.Errorf("%s: the log is %q", script, got)
		}
	}
	a := newAction(t, `echo 0123456789012345678`)
	a.MaxLog = 20
	mustRun(t, a)
}

func TestMaxOutput(t *testing.T) {
	for _, script := range []string{
		`mkdir "$out/d"; i=0; while :; do i=$((i+1)); echo 0123456789 > "$out/d/$i"; done`,
		`truncate -s 1T "$out/hole"`,
		`truncate -s 99 "$out/large"; ln -s large "$out/link"`,
	} {
		a := newAction(t, script)
		a.MaxOutput = 100
		_, err := Run(t.Context(), a)
		var limit *LimitError
		if !errors.As(err, &limit) || limit.Key != "max-output" || limit.Have <= limit.Most {
			t.Errorf("%s: %v", script, err)
		}
	}
	a := newAction(t, `truncate -s 100 "$out/x"; truncate -s 1000 y "$TMPDIR/z"`)
	a.MaxOutput = 100
	mustRun(t, a)
}

// What fills the disk elsewhere is ended, too; holes and what was laid there
// don't.
func TestMaxOutputBeside(t *testing.T) {
	for _, dir := range []string{"$TMPDIR", ".", "..", "../new"} {
		a := newAction(t, `mkdir -p `+dir+`; while :; do head -c 20000 /dev/zero >> `+dir+`/x; sleep 0.01; done`)
		a.MaxOutput = 100_000
		_, err := Run(t.Context(), a)
		var limit *LimitError
		if !errors.As(err, &limit) || limit.Key != maxBeside || limit.Have <= limit.Most {
			t.Errorf("%s: %v", dir, err)
		}
	}
	a := newAction(t, `truncate -s 1T "$TMPDIR/hole"; sleep 0.7`)
	a.Source = makeTree(t, map[string]string{"f": strings.Repeat("x", 200_000)})
	a.MaxOutput = 100_000
	mustRun(t, a)
}

// A result that is given to a check is not the check's.
func TestMaxOutputOfCheck(t *testing.T) {
	a := newAction(t, `:`)
	a.Result = makeTree(t, map[string]string{"f": strings.Repeat("x", 100)})
	a.MaxOutput = 10
	mustRun(t, a)
}

func TestSizeBelow(t *testing.T) {
	dir := makeTree(t, map[string]string{"a": "12345", "d/b": "123"})
	if err := os.Symlink("abc", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	if got := sizeBelow(dir, 1000); got != 11 {
		t.Errorf("got %d, want 11", got)
	}
	if got := sizeBelow(dir+"/none", 1000); got != 0 {
		t.Errorf("got %d for nothing", got)
	}
}
