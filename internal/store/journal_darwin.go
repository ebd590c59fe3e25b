package store

import (
	"os"

	"golang.org/x/sys/unix"
)

// bootID returns what tells this boot of the machine from others. Where it
// can't be known all boots are one.
func bootID() string {
	id, _ := unix.Sysctl("kern.bootsessionuuid")
	return id
}

// syncFS writes all file systems to the disk: there is no syncfs(2).
func syncFS(*os.File) error { return unix.Sync() }
