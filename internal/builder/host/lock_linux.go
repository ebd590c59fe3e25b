package host

import "golang.org/x/sys/unix"

// LockOpenFile is the lock of fcntl(2) that belongs to an open file, not to a
// process: builds of one process exclude each other as those of two do.
const LockOpenFile = unix.F_OFD_SETLK
