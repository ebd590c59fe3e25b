package main

// This file runs a program under ptrace(2), so that a test can end it before a
// file system call, or make the call fail, without a hook in the program. The
// rules are:
//
//   - One thread starts the process and makes every request about it: the
//     kernel takes them from no other.
//
//   - The threads of the process are traced, and the processes that it starts
//     are not: what a build does is neither counted nor changed.
//
//   - A call is seen before it is made, and only if it is about something below
//     a directory.

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An answer is what becomes of a call. The zero answer lets it be made.
type answer struct {
	kill  bool // end the process before it is made
	errno unix.Errno
}

// errForbidden says that this machine lets nobody be traced.
var errForbidden = errors.New("ptrace is forbidden here")

// A tracer runs a program.
type tracer struct {
	below   string                // the directory that is watched
	answer  func(fileCall) answer // called before each call that is about something there
	limit   time.Duration         // then the process is killed
	pid     int
	memory  *os.File           // of the process
	faults  map[int]unix.Errno // by thread, what the call under way is to return
	threads map[int]bool       // that were seen
	late    atomic.Bool        // the limit was reached
}

// run starts the program, and returns how it ended.
func (t *tracer) run(path string, argv []string, attr *syscall.ProcAttr) (unix.WaitStatus, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	t.faults, t.threads = make(map[int]unix.Errno), make(map[int]bool)
	attr.Sys = &syscall.SysProcAttr{Ptrace: true, Setpgid: true}
	var err error
	if t.pid, err = syscall.ForkExec(path, argv, attr); errors.Is(err, unix.EPERM) {
		return 0, errForbidden
	} else if err != nil {
		return 0, fmt.Errorf("start %s: %w", path, err)
	}
	stop := time.AfterFunc(t.limit, func() { t.late.Store(true); unix.Kill(t.pid, unix.SIGKILL) })
	status, err := t.follow()
	stop.Stop()
	if err != nil {
		unix.Kill(t.pid, unix.SIGKILL)
		return 0, err
	}
	if t.late.Load() {
		return 0, fmt.Errorf("it did not end within %v", t.limit)
	}
	return status, nil
}

// follow lets the process run from stop to stop until it ends.
func (t *tracer) follow() (unix.WaitStatus, error) {
	if _, status, err := wait(t.pid); err != nil || !status.Stopped() {
		return status, err
	}
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(t.pid, options); err != nil {
		return 0, fmt.Errorf("ptrace options: %w", err)
	}
	var err error
	if t.memory, err = os.Open(fmt.Sprintf("/proc/%d/mem", t.pid)); err != nil {
		return 0, err
	}
	defer t.memory.Close()
	t.threads[t.pid] = true
	for tid := t.pid; ; {
		if err := t.resume(tid, 0); err != nil {
			return 0, err
		}
		var status unix.WaitStatus
		if tid, status, err = t.next(); err != nil || tid == t.pid && !status.Stopped() {
			return status, err
		}
	}
}

// next waits for a stop that leaves a thread to be resumed, and for nothing
// else but the end of the process.
func (t *tracer) next() (tid int, status unix.WaitStatus, err error) {
	for {
		if tid, status, err = wait(-t.pid); err != nil {
			return tid, status, err
		}
		if !status.Stopped() {
			if tid == t.pid {
				return tid, status, nil
			}
			delete(t.faults, tid)
			continue
		}
		again, err := t.stopped(tid, status.StopSignal(), status.TrapCause() > 0)
		if err != nil || again {
			return tid, status, err
		}
	}
}

// wait waits for a thread that this one traces, or for any of a process group:
// this thread may have started other processes before, which others wait for.
func wait(tid int) (int, unix.WaitStatus, error) {
	var status unix.WaitStatus
	for {
		got, err := unix.Wait4(tid, &status, unix.WALL|unix.WNOTHREAD, nil)
		if !errors.Is(err, unix.EINTR) {
			return got, status, err
		}
	}
}

// stopped does what a stop is for, and reports whether the thread is to go on
// without the signal that stopped it.
func (t *tracer) stopped(tid int, signal syscall.Signal, event bool) (bool, error) {
	known := t.threads[tid]
	t.threads[tid] = true
	switch {
	case signal == unix.SIGTRAP|0x80:
		return t.call(tid)
	case event, !known && signal == unix.SIGSTOP: // a new thread begins with it
		return true, nil
	default:
		return false, t.resume(tid, signal)
	}
}

// resume lets a thread run to its next call, or return from this one. One that
// is not there any more was killed, and is heard of by waiting.
func (t *tracer) resume(tid int, signal syscall.Signal) error {
	err := unix.PtraceSyscall(tid, int(signal))
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("resume: %w", err)
	}
	return nil
}

// A callInfo is struct ptrace_syscall_info.
type callInfo struct {
	op   uint8
	_    [3]uint8
	arch uint32
	_    [2]uint64 // where it is in the program
	nr   uint64    // on entry
	args [6]uint64 // on entry
}

// call is a stop before or after a call. It reports whether the process goes on.
func (t *tracer) call(tid int) (bool, error) {
	var info callInfo
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(tid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 {
		return true, ignoreGone(errno)
	}
	if info.op != unix.PTRACE_SYSCALL_INFO_ENTRY {
		return true, t.leave(tid)
	}
	c, ok := t.fileCall(tid, info)
	if !ok {
		return true, nil
	}
	a := t.answer(c)
	if a.kill {
		return false, unix.Kill(t.pid, unix.SIGKILL)
	}
	if a.errno == 0 {
		return true, nil
	}
	t.faults[tid] = a.errno
	return true, setRegs(tid, func(r *unix.PtraceRegs) { r.Orig_rax = ^uint64(0) }) // no call at all
}

// leave makes a call that was not made return its error.
func (t *tracer) leave(tid int) error {
	errno := t.faults[tid]
	if errno == 0 {
		return nil
	}
	delete(t.faults, tid)
	return setRegs(tid, func(r *unix.PtraceRegs) { r.Rax = -uint64(errno) })
}

func setRegs(tid int, set func(*unix.PtraceRegs)) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &regs); err != nil {
		return ignoreGone(err)
	}
	set(&regs)
	return ignoreGone(unix.PtraceSetRegs(tid, &regs))
}

// ignoreGone is for a thread that was killed meanwhile: waiting tells of it.
func ignoreGone(err error) error {
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}
