package host

import (
	"os"

	"golang.org/x/sys/unix"
)

// BootID returns what tells this boot of the machine from others. Where it
// can't be known all boots are one.
func BootID() string {
	id, _ := unix.Sysctl("kern.bootsessionuuid")
	return id
}

// SyncFS writes all file systems to the disk: there is no syncfs(2).
func SyncFS(*os.File) error { return unix.Sync() }

// BeginWriting would have the disk begin with a part of an open file. Nothing
// does that here.
func BeginWriting(fd int, from, n int64) {}
