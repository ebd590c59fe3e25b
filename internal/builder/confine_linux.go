package builder

import (
	"os"

	"golang.org/x/sys/unix"
)

// confine takes from the thread, and so from what it starts, what is left
// after the mounts: capabilities, the way back to them, system calls that
// reach what no namespace covers; and it puts up the second wall.
//
// What the thread may still do is for one purpose: to become the command's
// user. It is gone with the exec, since that user is not root and none of the
// capabilities is ambient.
func (w *warden) confine(o order) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("no_new_privs", err)
	}
	if err := unix.Prctl(unix.PR_SET_SECUREBITS, secureBits, 0, 0, 0); err != nil {
		return os.NewSyscallError("securebits", err)
	}
	if err := dropCapabilities(); err != nil {
		return err
	}
	if o.Landlock > 0 {
		if err := cellFence(o).restrict(o.Landlock); err != nil {
			return err
		}
	}
	return filterCalls(o.Network)
}

// secureBits: root has no capabilities for being root, none become ambient,
// and both for good.
const secureBits = 1<<0 | 1<<1 | 1<<6 | 1<<7

// dropCapabilities empties all sets but those that are empty after an exec.
func dropCapabilities() error {
	for c := uintptr(0); ; c++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if err == unix.EINVAL { // the kernel knows no more
			break
		}
		if err != nil {
			return os.NewSyscallError("drop capabilities", err)
		}
	}
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&head, &data[0]); err != nil {
		return os.NewSyscallError("capget", err)
	}
	data[0].Inheritable, data[1].Inheritable = 0, 0 // and with it the ambient ones
	return os.NewSyscallError("capset", unix.Capset(&head, &data[0]))
}
