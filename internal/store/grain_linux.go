package store

import (
	"time"

	"golang.org/x/sys/unix"
)

// tick is longer than the kernel's clock for files on disks of this machine
// stands still: a tick of 1, 4 or 10 ms.
const tick = 50 * time.Millisecond

// clockGrain returns how long the clock may stand still from which what is at
// the path has its times.
func clockGrain(path string, st stamp) time.Duration {
	var fs unix.Statfs_t
	whole := int64(time.Second)
	if unix.Statfs(path, &fs) != nil || st.mtime%whole == 0 || st.ctime%whole == 0 { // ext4 with small inodes keeps seconds
		return seenGranularity
	}
	switch uint32(fs.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.TMPFS_MAGIC:
		return tick
	default: // a server's clock, or one that counts seconds
		return seenGranularity
	}
}
