package builder

import (
	"os"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A refusal says which system calls the programs of one architecture may not
// make.
type refusal struct {
	arch    uint32
	calls   []uint32
	socket  uint32
	ioctl   uint32
	prlimit uint32
	highest uint32 // larger numbers are of another interface; 0: there is none
}

// refusals has what is refused on each machine that plx knows, also in the
// 32-bit programs that it runs: what uses keys, which no namespace covers
// (keyctl, add_key, request_key), and calls that builds don't need and that
// the kernel had many of its holes in (bpf, perf_event_open, userfaultfd,
// io_uring).
var refusals = map[string][]refusal{
	"amd64": {
		{arch: unix.AUDIT_ARCH_X86_64, calls: []uint32{250, 248, 249, 321, 298, 323, 425, 426, 427}, socket: 41, ioctl: 16, prlimit: 302, highest: 1<<30 - 1},
		{arch: unix.AUDIT_ARCH_I386, calls: []uint32{288, 286, 287, 357, 336, 374, 425, 426, 427, 102}, socket: 359, ioctl: 54, prlimit: 340},
	},
	"arm64": {
		{arch: unix.AUDIT_ARCH_AARCH64, calls: []uint32{219, 217, 218, 280, 241, 282, 425, 426, 427}, socket: 198, ioctl: 29, prlimit: 261},
		{arch: unix.AUDIT_ARCH_ARM, calls: []uint32{311, 309, 310, 386, 364, 388, 425, 426, 427, 102}, socket: 281, ioctl: 54, prlimit: 369},
	},
}

// families are the kinds of sockets that a namespace covers. Others lead to
// virtual machines, to Bluetooth devices and so on.
var families = []uint32{unix.AF_UNIX, unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK}

// typing is how characters get into the input of a terminal.
var typing = []uint32{unix.TIOCSTI, unix.TIOCLINUX}

// wardenNumber is the number of the warden, for commands. They may not set its
// limits, which the next command would have: of all that one can do to a process
// of its own user, only this asks for no capability.
const wardenNumber = 1

// filterCalls makes the kernel refuse system calls to this thread and to what
// it starts. On a machine that [refusals] doesn't have, it does nothing.
func filterCalls(network bool) error {
	program := filter(refusals[runtime.GOARCH], network)
	if program == nil {
		return nil
	}
	p := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := unix.Syscall(unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&p)))
	if errno != 0 {
		return os.NewSyscallError("seccomp", errno)
	}
	return nil
}

// Where a filter finds what it looks at: offsets in struct seccomp_data, of
// arguments the lower half.
const (
	atNumber = 0
	atArch   = 4
	atFirst  = 16
	atSecond = 24
)

// filter returns the program that decides. What it doesn't refuse is allowed,
// but nothing is to an architecture that it doesn't know.
func filter(machine []refusal, network bool) []unix.SockFilter {
	if machine == nil {
		return nil
	}
	program := []unix.SockFilter{load(atArch)}
	for _, r := range machine {
		part := r.filter(network)
		program = append(program, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: r.arch, Jf: uint8(len(part))})
		program = append(program, part...)
	}
	return append(program, refuse(unix.EPERM))
}

func (r refusal) filter(network bool) []unix.SockFilter {
	program := []unix.SockFilter{load(atNumber)}
	if r.highest > 0 {
		program = append(program, when(unix.BPF_JGT, r.highest, refuse(unix.ENOSYS))...)
	}
	for _, call := range r.calls {
		program = append(program, when(unix.BPF_JEQ, call, refuse(unix.EPERM))...)
	}
	if !network {
		var part []unix.SockFilter
		for _, f := range families {
			part = append(part, when(unix.BPF_JEQ, f, allow())...)
		}
		part = slices.Concat([]unix.SockFilter{load(atFirst)}, part, []unix.SockFilter{refuse(unix.EAFNOSUPPORT)})
		program = append(program, when(unix.BPF_JEQ, r.socket, part...)...)
	}
	program = append(program, when(unix.BPF_JEQ, r.prlimit, slices.Concat([]unix.SockFilter{load(atFirst)},
		when(unix.BPF_JEQ, wardenNumber, refuse(unix.EPERM)), []unix.SockFilter{allow()})...)...)
	part := []unix.SockFilter{load(atSecond)}
	for _, command := range typing {
		part = append(part, when(unix.BPF_JEQ, command, refuse(unix.EPERM))...)
	}
	part = append(part, allow())
	program = append(program, when(unix.BPF_JEQ, r.ioctl, part...)...)
	return append(program, allow())
}

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

// when returns the part, passed over if the comparison with k fails.
func when(comparison uint16, k uint32, part ...unix.SockFilter) []unix.SockFilter {
	jump := unix.SockFilter{Code: unix.BPF_JMP | comparison | unix.BPF_K, K: k, Jf: uint8(len(part))}
	return append([]unix.SockFilter{jump}, part...)
}

func refuse(errno unix.Errno) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)}
}

func allow() unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}
}
