package host

import "golang.org/x/sys/unix"

// Clone makes dst share the blocks of src: FICLONE of ioctl_ficlone(2).
func Clone(dst, src int) error {
	return unix.IoctlFileClone(dst, src)
}
