// Command plx keeps the results of long computations: it turns a stage file
// into derivations, realizes them, and keeps each result in a store.
package main

import (
	"os"

	"plx/internal/builder"
)

func main() {
	builder.Warden() // doesn't return in a process that keeps commands apart
	spareCollections()
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
