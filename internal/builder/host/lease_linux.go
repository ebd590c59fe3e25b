package host

import (
	"os"

	"golang.org/x/sys/unix"
)

// IsUnused reports whether an open file is empty and has no other name, and no
// process has it open but this one.
func IsUnused(f *os.File) bool {
	fd := f.Fd()
	var st unix.Stat_t
	if unix.Fstat(int(fd), &st) != nil || st.Size > 0 || st.Nlink != 1 {
		return false
	}
	if _, err := unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		return false // somebody has, or the file system can't tell
	}
	_, err := unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_UNLCK)
	return err == nil
}
