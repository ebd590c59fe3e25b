package builder

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	Warden()
	os.Exit(m.Run())
}

// newSandbox returns one in which commands are in cells, or skips the test.
func newSandbox(t testing.TB) *Sandbox {
	t.Helper()
	s := &Sandbox{Mode: Auto, Missing: func(err error) { t.Skip(err) }}
	t.Cleanup(func() { s.Close() })
	return s
}

// mustRunIn runs the action in the sandbox and returns what it printed.
func mustRunIn(t *testing.T, s *Sandbox, a Action) string {
	t.Helper()
	_, err := s.Run(t.Context(), a)
	if err != nil {
		t.Fatalf("Run: %v\n%s", err, readFile(t, a.Log.Name()))
	}
	return readFile(t, a.Log.Name())
}

func TestSandboxEndsAll(t *testing.T) {
	s := newSandbox(t)
	for _, end := range []string{"exit 0", "exit 3", "kill -KILL $$"} {
		a := newAction(t, `setsid sh -c 'exec sleep 1000' & (trap "" TERM HUP; exec sleep 1000) &
until test "$(cat /proc/[0-9]*/comm 2>/dev/null | grep -c sleep)" -eq 2; do sleep 0.01; done; `+end)
		u, err := s.Run(t.Context(), a)
		if (err == nil) != (end == "exit 0") || !strings.HasPrefix(u.Sandbox, "namespaces") {
			t.Errorf("%s: %v, %v", end, u.Sandbox, err)
		}
	}
	a := newAction(t, `ls -d /proc/[0-9]* | wc -l`) // itself, sh, and what lists, with its warden
	if got := mustRunIn(t, s, a); strings.TrimSpace(got) > "5" {
		t.Errorf("%s processes are left", strings.TrimSpace(got))
	}
}

func TestSandboxCancel(t *testing.T) {
	s := newSandbox(t)
	a := newAction(t, `sh -c 'trap "sleep 0.1; echo saved > \"$out/checkpoint\"; exit" TERM; : > ready; while :; do sleep 0.01; done'`)
	a.Grace = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := s.Run(ctx, a)
		ended <- err
	}()
	for {
		if _, err := os.Stat(a.Dir + "/src/ready"); err == nil {
			break
		}
		select {
		case err := <-ended:
			t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := readFile(t, a.Dir+"/out/checkpoint"); got != "saved\n" {
		t.Errorf("checkpoint is %q", got)
	}
}

// Without namespaces Landlock keeps a command from other files.
func TestFence(t *testing.T) {
	version := landlockVersion()
	if version < minLandlock {
		t.Skip("the kernel has no Landlock")
	}
	s := &Sandbox{Mode: Auto}
	s.found.Do(func() { s.have, s.cells.landlock = walls{landlock: true}, version })
	secret := makeTree(t, map[string]string{"secret": "s"})
	a := newAction(t, `! cat "$PLX_ARG_secret/secret"; ! touch "$PLX_ARG_secret/new"; echo x > "$out/x"; mkdir "$out/d"; mv "$out/x" "$out/d"; : > /dev/null`)
	a.Args = map[string]string{"secret": secret}
	mustRunIn(t, s, a)
	if _, err := os.Stat(secret + "/new"); err == nil {
		t.Error("it wrote where it may not")
	}
}
