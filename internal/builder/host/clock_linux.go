package host

import "golang.org/x/sys/unix"

// HasOwnClock reports whether what is at the path has its times from the clock
// of this machine's kernel, which stands still for a tick of 10 ms at most: on
// a disk of its own, and not on a server's.
func HasOwnClock(path string) bool {
	var fs unix.Statfs_t
	if unix.Statfs(path, &fs) != nil {
		return false
	}
	switch uint32(fs.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.TMPFS_MAGIC:
		return true
	default:
		return false
	}
}
