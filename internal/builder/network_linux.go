package builder

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// This file gives a command a network that has only itself to talk to. To make
// one and to take it down is the dearest part of isolation, and hardly any
// command uses it. So it is kept for the next command if it is as it was when
// it was made: if nothing was ever sent, and no socket is left.
//
// Commands have no capabilities, so that interfaces, addresses, routes and
// settings are always as they were. What remains of a connection when its
// processes are gone, such as a port that is not free yet, comes of packets:
// these are counted.

// A network is a network namespace.
type network struct {
	ns    int
	files []int // those of traces, as the network shows them
	clean string
}

// traces are files of /proc/net that tell if a network was used: packets that
// went through an interface, those that were refused, sockets that are left,
// labels of flows that are reserved for a while.
var traces = []string{"dev", "snmp", "snmp6", "sockstat", "ip6_flowlabel"}

// enterNetwork moves the thread into a network that is like a new one.
func (w *warden) enterNetwork() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := w.network; n != nil {
		if found, err := n.traces(); err == nil && found == n.clean {
			return os.NewSyscallError("setns", unix.Setns(n.ns, unix.CLONE_NEWNET))
		}
		n.close()
		w.network = nil
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	if err := raiseLoopback(); err != nil {
		return err
	}
	var err error
	w.network, err = ownNetwork()
	return err
}

// ownNetwork returns the network of the thread, which was just made.
func ownNetwork() (*network, error) {
	ns, err := open("/proc/thread-self/ns/net", unix.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	n := &network{ns: ns}
	for _, name := range traces {
		fd, err := open("/proc/thread-self/net/"+name, unix.O_RDONLY, 0)
		if errors.Is(err, fs.ErrNotExist) { // the kernel has no IPv6
			continue
		}
		if err != nil {
			n.close()
			return nil, err
		}
		n.files = append(n.files, fd)
	}
	if n.clean, err = n.traces(); err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

func (n *network) close() {
	for _, fd := range append(n.files, n.ns) {
		unix.Close(fd)
	}
}

// traces returns what the files say.
func (n *network) traces() (string, error) {
	var text strings.Builder
	buf := make([]byte, 16<<10) // four times what the longest has
	for _, fd := range n.files {
		got, err := again(func() (int, error) { return unix.Pread(fd, buf, 0) })
		if err != nil {
			return "", os.NewSyscallError("read traces of the network", err)
		}
		said := string(buf[:got])
		if sockets, _, _ := strings.Cut(said, "\n"); strings.HasPrefix(sockets, "sockets: ") {
			said = sockets // what follows is also of the machine
		}
		text.WriteString(said)
	}
	return text.String(), nil
}

// raiseLoopback turns on the interface lo.
func raiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil // the kernel has no internet protocol, and so no loopback
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return os.NewSyscallError("raise lo", unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo))
}
