package host

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// BootID returns what tells this boot of the machine from others: see
// random(4), boot_id. Where it can't be known all boots are one.
func BootID() string {
	data, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(data))
}

// SyncFS writes all of the file system that f is on to the disk: see
// syncfs(2). It returns an error that there was since f was opened.
func SyncFS(f *os.File) error {
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return fmt.Errorf("syncfs %s: %w", f.Name(), err)
	}
	return nil
}

// BeginWriting has the disk begin with a part of an open file, which is synced
// later, and doesn't wait for it. Whether it does is no matter.
func BeginWriting(fd int, from, n int64) {
	unix.SyncFileRange(fd, from, n, unix.SYNC_FILE_RANGE_WRITE)
}
