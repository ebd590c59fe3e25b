// Package host is what operating systems give in different ways: locks that
// belong to an open file, file systems that are written to the disk, files
// that share their blocks, leases, clocks, the modes of terminals, units. It decides
// nothing, and imports nothing of plx: whoever needs one of these may use it.
//
// Every name is there for each system. Where one has not got it, the
// function says so, or is the nearest that there is.
package host
