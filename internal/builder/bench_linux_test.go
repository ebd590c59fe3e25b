package builder

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// BenchmarkSandbox runs a trivial command isolated and not, and reports the
// CPU time of all that takes, commands and wardens included.
func BenchmarkSandbox(b *testing.B) {
	for _, mode := range []Mode{Off, Strict} {
		b.Run(string(mode), func(b *testing.B) {
			s := &Sandbox{Mode: mode}
			dir := b.TempDir()
			before := cpuTime(b)
			for i := 0; b.Loop(); i++ {
				a := Action{Dir: fmt.Sprintf("%s/%d", dir, i), Argv: []string{"sh", "-c", `echo x > "$out/x"`}, Run: 1}
				if _, err := s.Run(b.Context(), a); err != nil {
					b.Fatal(err)
				}
				if err := Remove(a.Dir); err != nil {
					b.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

// cpuTime returns what this process and all that it has waited for have taken.
func cpuTime(b *testing.B) time.Duration {
	var total time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var r syscall.Rusage
		if err := syscall.Getrusage(who, &r); err != nil {
			b.Fatal(err)
		}
		total += time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	return total
}
