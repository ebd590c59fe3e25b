package builder

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// newAction returns an action that runs a script in a directory of the test.
func newAction(t *testing.T, script string) Action {
	t.Helper()
	top := t.TempDir()
	t.Cleanup(func() {
		if err := Remove(top + "/build"); err != nil {
			t.Error(err)
		}
	})
	log, err := os.Create(top + "/log")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return Action{Dir: top + "/build", Argv: []string{"sh", "-eu", "-c", script}, Run: 1, Log: log}
}

// mustRun runs the action and returns what it printed.
func mustRun(t *testing.T, a Action) string {
	t.Helper()
	_, err := Run(t.Context(), a)
	if err != nil {
		t.Fatalf("Run: %v\n%s", err, readFile(t, a.Log.Name()))
	}
	return readFile(t, a.Log.Name())
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// makeTree writes files, by their paths; a path that ends in / is a directory,
// a text that begins with -> a symlink, and one with #! is executable.
func makeTree(t *testing.T, files map[string]string) string {
	t.Helper()
	top := t.TempDir()
	for name, text := range files {
		p := filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		target, isLink := strings.CutPrefix(text, "->")
		var err error
		switch {
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(p, 0o755)
		case isLink:
			err = os.Symlink(target, p)
		case strings.HasPrefix(text, "#!"):
			err = os.WriteFile(p, []byte(text), 0o555)
		default:
			err = os.WriteFile(p, []byte(text), 0o444)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return top
}

// listTree returns "mode path" for all that lies below dir, with the targets
// of links.
func listTree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		if target, err := os.Readlink(p); err == nil {
			b.WriteString("link " + rel + " -> " + target + "\n")
			return nil
		}
		b.WriteString(info.Mode().String() + " " + rel + "\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRunTrivial(t *testing.T) {
	a := newAction(t, `echo one; echo two >&2; echo three; cat; pwd; echo x > "$out/x"`)
	if got, want := mustRun(t, a), "one\ntwo\nthree\n"+a.Dir+"/src\n"; got != want {
		t.Errorf("log is %q, want %q", got, want)
	}
	got := listTree(t, a.Dir)
	want := `-r--r--r-- build.json
drwxr-xr-x carry
drwxr-xr-x out
-rw-r--r-- out/x
drwxr-xr-x src
drwxr-xr-x tmp
`
	if got != want {
		t.Errorf("the build directory has\n%swant\n%s", got, want)
	}
}

func TestRunUsage(t *testing.T) {
	a := newAction(t, `i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done`)
	u, err := Run(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	if u.Stopped.Before(u.Started) || u.User+u.System <= 0 || u.MaxRSS < 100<<10 {
		t.Errorf("usage is %+v", u)
	}
}

func TestRunEnds(t *testing.T) {
	for _, test := range []struct {
		script string
		status int
		signal syscall.Signal
		text   string
	}{
		{`exit 7`, 7, 0, "command exited with status 7"},
		{`false; exit 0`, 1, 0, "command exited with status 1"},
		{`kill -KILL $$`, 0, syscall.SIGKILL, "command was ended by signal killed"},
		{`kill -SEGV $$`, 0, syscall.SIGSEGV, "command was ended by signal segmentation fault"},
	} {
		_, err := Run(t.Context(), newAction(t, test.script))
		var exit *ExitError
		if !errors.As(err, &exit) || exit.Status != test.status || exit.Signal != test.signal || err.Error() != test.text {
			t.Errorf("%s: got %v, want %s", test.script, err, test.text)
		}
	}
}

func TestRunWithoutLog(t *testing.T) {
	a := newAction(t, `echo hello; echo hello >&2`)
	a.Log = nil
	if _, err := Run(t.Context(), a); err != nil {
		t.Error(err)
	}
}

func TestRunNeedsEmptyDirectory(t *testing.T) {
	a := newAction(t, `:`)
	if err := os.Mkdir(a.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	mustRun(t, a)
	_, err := Run(t.Context(), a)
	if err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("a second run in one directory: %v", err)
	}
}

func TestRunFindsProgram(t *testing.T) {
	source := makeTree(t, map[string]string{
		"bin/mine": "#!/bin/sh\necho mine\n",
		"plain":    "echo plain\n",
		"lost":     "#!/no/such/interpreter\n",
		"bare":     "#!/bin/sh\n",
	})
	if err := os.Chmod(source+"/bare", 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(source+"/unmarked", []byte("echo\n"), 0o555); err != nil {
		t.Fatal(err)
	}
	bin := makeTree(t, map[string]string{"extra": "#!/bin/sh\necho extra $1\n", "sh": "#!/bin/sh\necho wrong\n"})
	for _, test := range []struct {
		argv []string
		path string
		log  string
		err  string
	}{
		{argv: []string{"./bin/mine"}, log: "mine\n"},
		{argv: []string{"mine"}, path: "bin:/usr/bin:/bin", log: "mine\n"},
		{argv: []string{"extra", "1"}, log: "extra 1\n"},
		{argv: []string{"sh", "-c", "echo right"}, log: "right\n"},
		{argv: []string{"mine"}, err: `command "mine": not found on PATH, which is ` + DefaultPath + ":" + bin},
		{argv: []string{"no-such"}, path: "/bin", err: `command "no-such": not found on PATH, which is /bin:` + bin},
		{argv: []string{"./none"}, err: `command "./none": there is no such file`},
		{argv: []string{"./plain"}, err: `command "./plain": it is not executable`},
		{argv: []string{"./bin"}, err: `command "./bin": it is a directory`},
		{argv: []string{"./unmarked"}, err: "a script must begin with #!"},
		{argv: []string{"./lost"}, err: "not the interpreter that it names"},
		{argv: nil, err: "it has no words"},
	} {
		a := newAction(t, "")
		a.Argv, a.Source, a.Bin = test.argv, source, bin
		if test.path != "" {
			a.Env = map[string]string{"PATH": test.path}
		}
		_, err := Run(t.Context(), a)
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%q: got %v, want %s", test.argv, err, test.err)
			}
			continue
		}
		if got := readFile(t, a.Log.Name()); err != nil || got != test.log {
			t.Errorf("%q: got %q, %v", test.argv, got, err)
		}
	}
}

func TestRunTooLarge(t *testing.T) {
	long := strings.Repeat("x", 200<<10)
	inputs := make(map[string]string)
	for i := range 100 {
		inputs["v"+strings.Repeat("y", i)] = long[:100<<10]
	}
	for _, test := range []struct {
		change func(*Action)
		want   string
	}{
		{func(a *Action) { a.Argv = []string{"sh", "-c", "# " + long} }, "an argument has 204802 bytes"},
		{func(a *Action) { a.Config = map[string]any{"big": long} }, "the variable big has 204804 bytes"},
		{func(a *Action) { a.Env = inputs }, "the environment has 110 variables"},
	} {
		a := newAction(t, `:`)
		test.change(&a)
		_, err := Run(t.Context(), a)
		if !errors.Is(err, syscall.E2BIG) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}

func TestRunUmask(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	a := newAction(t, `umask; ls -l | sed 1d | cut -c1-10; : > "$out/x"; mkdir "$out/d"`)
	a.Source = makeTree(t, map[string]string{"f": "text", "x": "#!/bin/sh\n", "d/": ""})
	if got, want := mustRun(t, a), "0022\ndrwxr-xr-x\n-rw-r--r--\n-rwxr-xr-x\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := listTree(t, a.Dir+"/out"), "drwxr-xr-x d\n-rw-r--r-- x\n"; got != want {
		t.Errorf("out has %q, want %q", got, want)
	}
	if now := syscall.Umask(0o077); now != 0o077 {
		t.Errorf("the umask of the caller has become %03o", now)
	}
}

func TestUnderShell(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	a := newAction(t, "")
	c := command{
		path:  "/bin/sh",
		argv:  []string{"sh", "-c", `umask; for a; do echo "[$a]"; done; exit 3`, "x", "a b", "", `"'$c`},
		dir:   t.TempDir(),
		files: []uintptr{a.Log.Fd(), a.Log.Fd(), a.Log.Fd()},
	}.underShell()
	pid, err := syscall.ForkExec(c.path, c.argv, &syscall.ProcAttr{Files: c.files[:]})
	if err != nil {
		t.Fatal(err)
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil || status.ExitStatus() != 3 {
		t.Errorf("status %v, %v", status, err)
	}
	if got, want := readFile(t, a.Log.Name()), "0022\n[a b]\n[]\n[\"'$c]\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRunLeaksNoDescriptor(t *testing.T) {
	a := newAction(t, `ls /dev/fd`)
	inherited, err := syscall.Dup(int(a.Log.Fd())) // not marked close-on-exec
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(inherited)
	if got, want := mustRun(t, a), "0\n1\n2\n3\n"; got != want { // 3 is what ls reads
		t.Errorf("open are %q, want %q", got, want)
	}
}

func TestRunContextDone(t *testing.T) {
	cause := errors.New("^C")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	a := newAction(t, `:`)
	a.Source = makeTree(t, map[string]string{"f": ""})
	_, err := Run(ctx, a)
	if !errors.Is(err, context.Canceled) || !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Lstat(a.Dir + "/build.json"); err == nil {
		t.Error("it was laid to the end")
	}
}

func TestRunTimeout(t *testing.T) {
	a := newAction(t, `echo before; sleep 1000; echo after`)
	a.Timeout = 50 * time.Millisecond
	u, err := Run(t.Context(), a)
	var timeout *TimeoutError
	if !errors.As(err, &timeout) || timeout.After != a.Timeout || err.Error() != "command timed out after 50ms" {
		t.Errorf("got %v", err)
	}
	if u.Started.IsZero() || u.Stopped.IsZero() {
		t.Errorf("usage is %+v", u)
	}
	if got := readFile(t, a.Log.Name()); strings.Contains(got, "after") {
		t.Errorf("log is %q", got)
	}
}
