package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"plx/internal/builder"
)

func TestMain(m *testing.M) {
	builder.Warden()
	testscript.Main(m, map[string]func(){"plx": main})
}

// TestScripts runs the scripts of testdata/scripts, whose README says what
// they can use.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/scripts",
		Setup:               setupScript,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition:           scriptCondition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": scriptStatus,
			"lines":  scriptLines,
			"let":    scriptLet,
			"serve":  scriptServe,
			"listen": scriptListen,
		},
	})
}

// setupScript gives each script a store and a home of its own.
func setupScript(env *testscript.Env) error {
	root, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	env.Setenv("CHECKOUT", root)
	env.Setenv("STORE", env.WorkDir+"/.store")
	env.Setenv("PLX_STORE", env.WorkDir+"/.store")
	env.Setenv("COUNT", env.WorkDir+"/.count")
	env.Setenv("CACHE", cacheDir())
	env.Setenv("GORACE", os.Getenv("GORACE")) // how a program built with -race behaves
	return nil
}

// cacheDir returns where downloads are kept from one run to the next: outside
// of the checkout, and each user's own.
func cacheDir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("plx-test-%d", os.Getuid()))
}

// haveHello gets the tarball of examples/hello into the cache, if it is not
// there, and reports whether it is there now.
func haveHello() bool {
	if err := os.MkdirAll(cacheDir(), 0o777); err != nil {
		return false
	}
	return exec.Command("sh", "../../examples/hello/get-source.sh", cacheDir()).Run() == nil
}

// scriptCondition knows [hello], [landlock], [mount], [python3], [root] and
// [sandbox].
func scriptCondition(cond string) (bool, error) {
	switch cond {
	case "hello":
		return haveHello(), nil
	case "landlock":
		box := &builder.Sandbox{}
		defer box.Close()
		have, _ := box.Probe(os.TempDir())
		return strings.Contains(have, "landlock"), nil
	case "mount":
		return exec.Command("unshare", "--mount", "true").Run() == nil, nil
	case "python3":
		_, err := exec.LookPath("python3")
		return err == nil, nil
	case "sandbox":
		return haveSandbox()
	case "root":
		return os.Geteuid() == 0, nil
	}
	return false, fmt.Errorf("unknown condition %q on %s", cond, runtime.GOOS)
}

// scriptStatus runs a command and checks its exit status.
func scriptStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command [arg…]")
	}
	want, err := strconv.Atoi(args[0])
	if err != nil {
		ts.Fatalf("status %q: want a number", args[0])
	}
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := err.(*exec.ExitError); ok {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// scriptLines checks how many lines a file has. One that doesn't exist has
// none.
func scriptLines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: lines N file")
	}
	text := ""
	if _, err := os.Stat(ts.MkAbs(args[1])); err == nil || args[1] == "stdout" || args[1] == "stderr" {
		text = ts.ReadFile(args[1])
	}
	if got := strconv.Itoa(strings.Count(text, "\n")); got != args[0] {
		ts.Fatalf("%s has %s lines, want %s:\n%s", args[1], got, args[0], text)
	}
}

// scriptLet puts the first line of stdout into an environment variable.
func scriptLet(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: let VARIABLE")
	}
	line, _, _ := strings.Cut(ts.ReadFile("stdout"), "\n")
	ts.Setenv(args[0], line)
}

// scriptServe serves a directory over HTTP until the script ends, puts the
// server's URL into $URL, and notes the path of each request in requests.
func scriptServe(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: serve DIR")
	}
	log, err := os.OpenFile(ts.MkAbs("requests"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	ts.Check(err)
	files := http.FileServer(http.Dir(ts.MkAbs(args[0])))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(log, r.URL.Path)
		files.ServeHTTP(w, r)
	}))
	ts.Defer(func() {
		s.Close()
		log.Close()
	})
	ts.Setenv("URL", s.URL)
}

// haveSandbox reports whether commands can be isolated here. A test for that
// is not passed over in silence.
func haveSandbox() (bool, error) {
	s := &builder.Sandbox{Mode: builder.Strict}
	defer s.Close()
	dir, err := os.MkdirTemp("", "plx-sandbox-*")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	_, err = s.Run(context.Background(), builder.Action{Dir: dir + "/build", Argv: []string{"true"}})
	if err != nil {
		fmt.Fprintln(os.Stderr, "commands can't be isolated here, so that some scripts are passed over:", err)
	}
	return err == nil, nil
}

// scriptListen listens until the script ends: at the Unix socket $SOCKET, at
// the abstract one of that name, and at the UDP port $UDP of this machine,
// from which it notes what it hears in heard.
func scriptListen(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: listen")
	}
	dir, err := os.MkdirTemp("", "plx") // the path of a socket must be short
	ts.Check(err)
	ts.Check(os.Chmod(dir, 0o755))
	var open []io.Closer
	for _, name := range []string{dir + "/socket", "@" + dir + "/socket"} {
		l, err := net.Listen("unix", name)
		ts.Check(err)
		open = append(open, l)
	}
	ts.Check(os.Chmod(dir+"/socket", 0o777))
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	ts.Check(err)
	log, err := os.Create(ts.MkAbs("heard"))
	ts.Check(err)
	go func() {
		b := make([]byte, 100)
		for {
			n, _, err := udp.ReadFrom(b)
			if err != nil {
				return
			}
			log.Write(b[:n])
		}
	}()
	ts.Defer(func() {
		for _, c := range append(open, udp, log) {
			c.Close()
		}
		os.RemoveAll(dir)
	})
	ts.Setenv("SOCKET", dir+"/socket")
	ts.Setenv("UDP", strconv.Itoa(udp.LocalAddr().(*net.UDPAddr).Port))
}
