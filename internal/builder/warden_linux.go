package builder

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// wardenName is what a warden is called: it is how the program knows that it
// is one.
const wardenName = "plx-warden"

// wardenSocket is the descriptor that leads a warden to plx.
const wardenSocket = 3

// Warden makes this process the warden of a cell, if it was started to be one,
// and then never returns. A program that uses [Sandbox] calls it before
// anything else.
//
// A cell is a set of namespaces. Its warden is process 1 in it: it does the
// mounts, starts commands, one after another, and takes over what they leave.
// When it ends, the kernel ends all that is in the cell, and the warden ends
// when plx does.
func Warden() {
	if len(os.Args) == 0 || os.Args[0] != wardenName {
		return
	}
	runtime.LockOSThread() // the first thread can't be thrown away, so that no command is started from it
	unix.CloseOnExec(wardenSocket)
	if len(os.Args) > 1 { // it is there to hold a user namespace
		io.Copy(io.Discard, os.NewFile(wardenSocket, "socket"))
		os.Exit(0)
	}
	signal.Notify(make(chan os.Signal, 1)) // what commands send to it is for nothing
	w, err := newWarden()
	if err != nil {
		send(wardenSocket, failure(err))
		os.Exit(1)
	}
	if send(wardenSocket, reply{Kind: "ready"}) != nil {
		os.Exit(1)
	}
	w.serve()
	os.Exit(0)
}

// A warden runs the commands of one cell.
type warden struct {
	numbers int          // the file that sets the number of the next process; -1: the kernel has none
	system  []string     // directories of the system that there are
	network *network     // that of the last command that had none but its own
	places  map[kind]int // mount namespaces that are there to be copied
	identity
	mu sync.Mutex // of places and network
}

// newWarden makes of the namespaces it was started in a place to start from.
func newWarden() (*warden, error) {
	unix.Umask(umask) // whatever plx's is, others can use what is made here
	w := &warden{system: systemDirs(), places: make(map[kind]int), identity: ownIdentity()}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return nil, os.NewSyscallError("make mounts private", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return nil, os.NewSyscallError("mount /proc", err)
	}
	// No command makes user namespaces of its own: in these it would have
	// capabilities, and so more of the kernel to try its luck with.
	if err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0); err != nil {
		return nil, err
	}
	var err error
	if w.numbers, err = open("/proc/sys/kernel/ns_last_pid", unix.O_WRONLY, 0); err != nil {
		w.numbers = -1
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return nil, os.NewSyscallError("prctl", err)
	}
	return w, nil
}

// serve follows requests until plx is gone.
func (w *warden) serve() {
	for {
		var r request
		fds, err := receive(wardenSocket, &r)
		switch {
		case err != nil:
			return
		case r.Order != nil:
			go w.run(*r.Order, fds)
		default:
			syscall.Kill(-1, r.Signal) // all but this process; there may be none
		}
	}
}

// run runs a command, and reports what becomes of it. It makes its thread one
// that is in the place of this command alone; the thread ends with it.
func (w *warden) run(o order, fds []int) {
	runtime.LockOSThread() // and never unlocked
	if o.Trial {
		r := reply{Kind: "ready"}
		if err := w.prepare(o, fds); err != nil {
			r = failure(err)
		}
		send(wardenSocket, r)
		return
	}
	streams, rest, logged, err := o.streams(fds)
	if err != nil {
		send(wardenSocket, failure(err))
		return
	}
	pid, err := w.start(o, streams, rest)
	if !o.Streams {
		streams = streams[2:] // the last two are one, and the first is none
	}
	for _, fd := range append(streams, rest...) {
		unix.Close(fd)
	}
	if err != nil {
		send(wardenSocket, failure(err))
		return
	}
	if send(wardenSocket, reply{Kind: "started"}) != nil {
		return
	}
	reapAll(pid)
	<-logged
	send(wardenSocket, reply{Kind: "gone"})
}

// streams returns the standard streams of the command, and what other
// descriptors there are. The first is -1 if it is to be nothing.
func (o order) streams(fds []int) (streams, rest []int, logged chan struct{}, err error) {
	if o.Streams {
		logged = make(chan struct{})
		close(logged)
		return fds[:3:3], fds[3:], logged, nil
	}
	pipe, logged, err := logPipe(fds[0])
	return []int{-1, pipe, pipe}, fds[1:], logged, err // what is nothing is opened in the cell
}

// reapAll waits for every process of the cell, and reports the end of the one
// with the number.
func reapAll(pid int) {
	for {
		var status syscall.WaitStatus
		var took syscall.Rusage
		ended, err := syscall.Wait4(-1, &status, 0, &took)
		switch {
		case err == syscall.EINTR:
		case err != nil: // there are no more
			return
		case ended == pid:
			send(wardenSocket, reply{Kind: "exited", Status: status, User: time.Duration(took.Utime.Nano()),
				System: time.Duration(took.Stime.Nano()), MaxRSS: took.Maxrss << 10})
		}
	}
}

// A startError says why a program that was found was not started.
type startError struct {
	path  string
	errno syscall.Errno
}

func (e *startError) Error() string { return e.path + ": " + e.errno.Error() }

func failure(err error) reply {
	r := reply{Kind: "failed", Text: err.Error()}
	var start *startError
	if errors.As(err, &start) {
		r.Path = start.path
	}
	errors.As(err, &r.Errno)
	return r
}

// Unwrap returns the reason.
func (e *startError) Unwrap() error { return e.errno }

// prepare makes the place of a command that is not started.
func (w *warden) prepare(o order, mounts []int) error {
	if err := w.enter(o, mounts); err != nil {
		return err
	}
	return w.confine(o)
}

// start makes the place and starts the command there.
func (w *warden) start(o order, streams, fds []int) (pid int, err error) {
	files, rest := []uintptr{uintptr(streams[0]), uintptr(streams[1]), uintptr(streams[2])}, fds[o.Jobs:]
	for _, fd := range fds[:o.Jobs] {
		files = append(files, uintptr(fd))
	}
	attr := &syscall.SysProcAttr{Setsid: true, Setctty: o.Terminal, Credential: w.credential()}
	if o.Cgroup {
		attr.UseCgroupFD, attr.CgroupFD, rest = true, rest[0], rest[1:]
	}
	if err := w.enter(o, rest); err != nil {
		return 0, err
	}
	argv := splitList(o.Argv)
	program, err := build{seen: cellDir}.find(argv[0], o.Search)
	if err != nil {
		return 0, err
	}
	null, err := open(os.DevNull, unix.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(null)
	if err := w.confine(o); err != nil {
		return 0, err
	}
	if !o.Streams {
		files[0] = uintptr(null)
	}
	unix.Pwrite(w.numbers, []byte(firstNumber), 0) // nothing depends on it
	pid, err = syscall.ForkExec(program, argv, &syscall.ProcAttr{
		Dir:   cellDir.src(),
		Env:   splitList(o.Env),
		Files: files,
		Sys:   attr,
	})
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return 0, &startError{program, errno}
	}
	return pid, err
}

// firstNumber is the number before that of a command: more than the threads of
// the warden have, so that $$ is the same each time.
const firstNumber = "99"

// logPipe returns the end of a pipe whose other end leads to the log, and a
// channel that is closed when all is in the log. The log itself would show
// where it lies, and couldn't be opened again, as /dev/stdout, by a user that
// it doesn't belong to.
func logPipe(log int) (pipe int, done chan struct{}, err error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return -1, nil, os.NewSyscallError("pipe", err)
	}
	done = make(chan struct{})
	go func() {
		unix.SetNonblock(ends[0], true) // to wait without a thread
		from, to := os.NewFile(uintptr(ends[0]), "pipe"), os.NewFile(uintptr(log), "log")
		io.Copy(to, from)
		from.Close()
		to.Close()
		close(done)
	}()
	return ends[1], done, os.NewSyscallError("fchmod", unix.Fchmod(ends[1], 0o666))
}

func joinList(list []string) []byte {
	var b []byte
	for _, s := range list {
		b = append(append(b, s...), 0)
	}
	return b
}

func splitList(data []byte) []string {
	list := strings.Split(string(data), "\x00")
	return list[:len(list)-1]
}

// An identity says who a command is.
type identity struct {
	nobody bool // not the user that the warden is
}

// insideID is the user and the group that each command is, whoever runs plx.
const insideID = 1000

// ownIdentity finds out from the user that the warden is.
func ownIdentity() identity { return identity{nobody: os.Getuid() != insideID} }

// credential returns what makes a process this user, if it isn't.
func (id identity) credential() *syscall.Credential {
	if !id.nobody {
		return nil
	}
	return &syscall.Credential{Uid: insideID, Gid: insideID}
}
