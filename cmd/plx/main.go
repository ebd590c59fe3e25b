// Command plx keeps the results of long computations: it turns a stage file
// into derivations, realizes them, and keeps each result in a store.
package main

import "os"

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
