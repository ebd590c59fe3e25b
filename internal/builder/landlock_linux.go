package builder

import (
	"errors"
	"io/fs"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// This file is the second wall, and the only one where there are no
// namespaces: Landlock, by which a thread gives up rights to files and the
// network for itself and all that it starts.
//
// The library for it (github.com/landlock-lsm/go-landlock) restricts all
// threads of the program, and plx must stay free: so these are the system
// calls themselves.

// minLandlock is the version of Landlock from which it can be used: before it,
// a restricted process can't move a file to another directory.
const minLandlock = 2

// landlockVersion returns what the kernel has, 0 for none.
func landlockVersion() int {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(v)
}

// Rights to files. A kernel knows those up to some, by its version.
const (
	mayRead = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR | unix.LANDLOCK_ACCESS_FS_EXECUTE
	mayUse  = mayRead | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	mayAll  = unix.LANDLOCK_ACCESS_FS_IOCTL_DEV<<1 - 1
	ofFile  = mayUse &^ unix.LANDLOCK_ACCESS_FS_READ_DIR
)

// knownRights returns those that the version knows.
func knownRights(version int) uint64 {
	switch {
	case version < 3:
		return unix.LANDLOCK_ACCESS_FS_TRUNCATE - 1
	case version < 5:
		return unix.LANDLOCK_ACCESS_FS_IOCTL_DEV - 1
	default:
		return mayAll
	}
}

// A fence says what may be opened. All else may not.
type fence struct {
	rights  map[string]uint64 // by paths, to what lies there and below
	network bool
}

// cellFence returns the fence in a place that [warden.enter] has made.
func cellFence(o order) *fence {
	f := &fence{
		rights:  map[string]uint64{"/": mayRead, string(cellDir): mayAll, "/dev": mayUse, "/dev/shm": mayAll},
		network: true, // such as there is
	}
	for _, p := range o.Open {
		f.rights[p] |= mayUse // of devices; files there are read-only
	}
	return f
}

// machineFence returns the fence of a build that sees the machine as it is, and
// finds its programs on the search path.
func (b build) machineFence(search string) *fence {
	f := &fence{
		rights:  map[string]uint64{b.Dir: mayAll, "/proc": mayRead, "/dev": mayUse, "/dev/shm": mayAll},
		network: b.Network,
	}
	for _, dir := range systemDirs() {
		f.rights[dir] = mayRead
	}
	for _, p := range append(b.open(search), b.sandbox.Program) {
		f.rights[p] |= mayRead
	}
	return f
}

// restrict puts the fence around this thread and what it starts. What isn't
// there needs none.
func (f *fence) restrict(version int) error {
	attr := unix.LandlockRulesetAttr{Handled_access_fs: knownRights(version)}
	size := unsafe.Sizeof(attr.Handled_access_fs)
	if version >= 4 {
		size += unsafe.Sizeof(attr.Handled_access_net)
		if !f.network {
			attr.Handled_access_net = unix.LANDLOCK_ACCESS_NET_CONNECT_TCP | unix.LANDLOCK_ACCESS_NET_BIND_TCP
		}
	}
	if version >= 6 {
		size += unsafe.Sizeof(attr.Scoped)
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	ruleset, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return os.NewSyscallError("landlock_create_ruleset", errno)
	}
	defer unix.Close(int(ruleset))
	for p, rights := range f.rights {
		if err := addRule(ruleset, p, rights&attr.Handled_access_fs); err != nil {
			return err
		}
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0, 0); errno != 0 {
		return os.NewSyscallError("landlock_restrict_self", errno)
	}
	return nil
}

func addRule(ruleset uintptr, p string, rights uint64) error {
	fd, err := open(p, unix.O_PATH, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= ofFile
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, ruleset, unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return &fs.PathError{Op: "landlock_add_rule", Path: p, Err: errno}
	}
	return nil
}
