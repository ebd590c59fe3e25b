package builder

import (
	"fmt"
	"testing"
)

func BenchmarkRunTrivial(b *testing.B) {
	dir := b.TempDir()
	for i := 0; b.Loop(); i++ {
		a := Action{Dir: fmt.Sprintf("%s/%d", dir, i), Argv: []string{"sh", "-c", `echo x > "$out/x"`}, Run: 1}
		if _, err := Run(b.Context(), a); err != nil {
			b.Fatal(err)
		}
		if err := Remove(a.Dir); err != nil {
			b.Fatal(err)
		}
	}
}
