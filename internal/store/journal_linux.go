package store

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// bootID returns what tells this boot of the machine from others: see
// random(4), boot_id. Where it can't be known all boots are one.
func bootID() string {
	data, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(data))
}

// syncFS writes all of the file system that f is on to the disk: see
// syncfs(2). It returns an error that there was since f was opened.
func syncFS(f *os.File) error {
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return fmt.Errorf("syncfs %s: %w", f.Name(), err)
	}
	return nil
}
