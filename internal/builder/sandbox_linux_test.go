package builder

import (
	"os"
	"strings"
	"testing"
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

func TestSandboxLooks(t *testing.T) {
	s := newSandbox(t)
	for range 2 {
		a := newAction(t, `pwd; id; hostname; echo $$; ls -la / /dev /build /tmp/; cat /proc/self/mountinfo; cat /proc/self/status; env; ls /proc; echo x > /dev/stdout; echo x > "$out/x"; ls -l $out; ls -l /proc/self/fd; cat /proc/self/uid_map; cat /proc/net/dev; ps aux`)
		a.Argv[1] = "-u"
		u, err := s.Run(t.Context(), a)
		t.Log(mustText(a), u, err)
		t.Log(listTree(t, a.Dir))
	}
}

func mustText(a Action) string {
	d, _ := os.ReadFile(a.Log.Name())
	return strings.ReplaceAll(string(d), "\n", "\n\t")
}
