package builder

import (
	"bytes"
	"os"

	"golang.org/x/sys/unix"
)

// largestPlain is the size of a directory, in bytes, above which a new one is
// rather made: some don't shrink when what was in them is removed.
const largestPlain = 4 << 10

// plain returns what is known of an open directory or regular file, if that has
// nothing that a new one hasn't but its mode, its times and what is in it: no
// other owner, no other link, no attributes, access control lists or flags.
func plain(fd int) (st unix.Stat_t, ok bool) {
	if unix.Fstat(fd, &st) != nil || int(st.Uid) != os.Geteuid() || int(st.Gid) != os.Getegid() {
		return st, false
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		ok = st.Nlink == 1
	case unix.S_IFDIR:
		ok = st.Size <= largestPlain
	}
	return st, ok && !hasAttributes(fd) && !hasFlags(fd)
}

// hasAttributes reports whether a file has extended attributes, but for the
// label that SELinux gives to each.
func hasAttributes(fd int) bool {
	var names [64]byte
	n, err := unix.Flistxattr(fd, names[:])
	if err == unix.ENOTSUP {
		return false
	}
	return err != nil || n > 0 && !bytes.Equal(names[:n], []byte("security.selinux\x00"))
}

// givenFlags are those flags of a file that file systems set of their own
// accord: how its blocks, or its names, are found.
const givenFlags = 0x80000 | 0x1000 | 0x10000000 // extents, index, inline

// hasFlags reports whether a file has flags as chattr(1) sets them.
func hasFlags(fd int) bool {
	flags, err := unix.IoctlGetUint32(fd, unix.FS_IOC_GETFLAGS)
	if err == unix.ENOTTY || err == unix.EOPNOTSUPP {
		return false
	}
	return err != nil || flags&^givenFlags != 0
}
