//go:build !(linux && amd64)

package main

import (
	"flag"
	"testing"
)

var _ = flag.Bool("every", false, "does nothing here")

func TestKill(t *testing.T) { t.Skip("only Linux on amd64 has a tracer of system calls here") }

func TestFault(t *testing.T) { t.Skip("only Linux on amd64 has a tracer of system calls here") }
