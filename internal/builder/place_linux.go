package builder

import (
	"errors"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// A kind is what the place of a command depends on, but for the build directory
// and sandbox.paths. What all of a kind have in common is made once by each
// warden, and then copied, which is far less work.
type kind struct {
	network bool
	program string
}

// enter makes the place for the order, and moves the thread into it.
func (w *warden) enter(o order, mounts []int) error {
	built, err := buildMount(o.Dir, mounts)
	if err != nil {
		return err
	}
	defer unix.Close(built)
	k := kind{o.Network, o.Program}
	own := len(o.Open) > 0 // points to show these at are made where all copies would have them
	if !own {
		if err := w.enterCommon(k); err != nil {
			return err
		}
	}
	if err := isolate(); err != nil {
		return err
	}
	if own {
		if err := w.furnish(k); err != nil {
			return err
		}
	}
	if err := errors.Join(showBuild(built), showMemory()); err != nil {
		return err
	}
	if own {
		if err := errors.Join(showAll(o.Open), leaveMachine()); err != nil {
			return err
		}
	}
	if !o.Network {
		if err := w.enterNetwork(); err != nil {
			return err
		}
	}
	return setNames()
}

// isolate gives the thread namespaces that no command was in.
func isolate() error {
	return os.NewSyscallError("unshare", unix.Unshare(unix.CLONE_NEWNS|unix.CLONE_NEWIPC|unix.CLONE_NEWUTS))
}

// enterCommon moves the thread into the place that commands of the kind have
// in common, which is for being copied.
func (w *warden) enterCommon(k kind) error {
	ns, err := w.common(k)
	if err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	return os.NewSyscallError("setns", unix.Setns(ns, unix.CLONE_NEWNS))
}

// common returns its namespace, which it makes if there is none yet.
func (w *warden) common(k kind) (ns int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ns, ok := w.places[k]
	if !ok {
		if ns, err = w.makeCommon(k); err == nil {
			w.places[k] = ns
		}
	}
	return ns, err
}

// makeCommon makes it, on a thread of its own, and returns its namespace.
func (w *warden) makeCommon(k kind) (ns int, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked
		if err = os.NewSyscallError("unshare", unix.Unshare(unix.CLONE_NEWNS)); err != nil {
			return
		}
		if err = w.furnish(k); err != nil {
			return
		}
		if err = leaveMachine(); err != nil {
			return
		}
		ns, err = open("/proc/thread-self/ns/mnt", unix.O_RDONLY, 0)
	}()
	<-done
	return ns, err
}

// furnish makes a new root, and in it what all commands of the kind have. The
// machine's root stays in it.
func (w *warden) furnish(k kind) error {
	for _, step := range []func() error{
		newRoot,
		w.showSystem,
		func() error { return fixNames(k.network) },
		showDevices,
		makePoints,
		func() error { return showProgram(k.program) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// hostName is what the machine is called in each cell.
const hostName = "localhost"

// setNames names the machine.
func setNames() error {
	if err := unix.Sethostname([]byte(hostName)); err != nil {
		return os.NewSyscallError("sethostname", err)
	}
	unix.Setdomainname([]byte("(none)"))
	return nil
}
