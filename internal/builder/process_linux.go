package builder

import (
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"plx/internal/builder/host"
)

// process is described in process.go.
type process struct {
	pid    int
	marker string
	exited chan struct{} // closed when it is a zombie
	guest  *guest        // if it is in a cell; then nothing else is here but exited
	held   bool          // the thread that started it is held

	reaper  *reaper
	strayed bool // it has ended, and there may be an orphan of it that could also be another's
}

// start starts the command, in a cell or behind a fence if it is to be.
func (b build) start(c command) (*process, error) {
	if b.walls.namespaces {
		return b.startInCell(c)
	}
	var f *fence
	if b.walls.landlock {
		f = b.machineFence(c.search)
	}
	b.sandbox.cells.reaper.prepare()
	p, err := b.sandbox.cells.start(c, f)
	if err != nil {
		return nil, c.explain(err)
	}
	return p, nil
}

// start starts the command from the thread that it is called on, which is
// plx's alone until [process.release]. As long as a command lives, so must the
// thread: then it can be told to die with it. Were it one of Go's shared threads,
// the death signal could come as soon as Go has no more use for that thread. So
// a plx that is killed takes its commands along, if not what these have started
// in turn.
//
// If the thread has to be changed for it, the command gets one of its own: for
// another umask, or for a fence.
func (cs *cells) start(c command, f *fence) (*process, error) {
	p := &process{marker: c.marker, exited: make(chan struct{}), reaper: &cs.reaper}
	if f == nil && cs.isPlain() {
		runtime.LockOSThread()
		if err := p.spawn(c); err != nil {
			runtime.UnlockOSThread()
			return nil, err
		}
		p.held = true
		return p, nil
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: what is changed ends with the thread
		err := p.spawnChanged(c, f, cs.landlock)
		started <- err
		if err == nil {
			p.wait()
		}
	}()
	return p, <-started
}

// endsSoon waits for the process, no longer than so long, and reports whether
// it has ended. Most commands that end soon are waited for here, without the
// help of another thread.
func (p *process) endsSoon(within time.Duration) bool {
	if !p.held {
		return false
	}
	if fd, err := unix.PidfdOpen(p.pid, 0); err == nil {
		defer unix.Close(fd)
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(within.Milliseconds()))
		if err == nil && ready > 0 {
			close(p.exited)
			return true
		}
	}
	go p.wait()
	return false
}

// release gives back the thread that started the process, which has ended.
func (p *process) release() {
	if p.held {
		runtime.UnlockOSThread()
	}
}

// spawnChanged changes the thread, and starts the process.
func (p *process) spawnChanged(c command, f *fence, landlock int) error {
	if err := unix.Unshare(unix.CLONE_FS); err == nil {
		unix.Umask(umask)
	} else if !hasUmask() { // a container may forbid to set it for the thread
		c = c.underShell()
	}
	if f != nil {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return os.NewSyscallError("no_new_privs", err)
		}
		if err := f.restrict(landlock); err != nil {
			return err
		}
	}
	return p.spawn(c)
}

// spawn starts the process as leader of a new session, so that it has no
// terminal to ask questions on or to be stopped by.
func (p *process) spawn(c command) error {
	closeOnExec()
	var err error
	p.pid, err = p.reaper.start(p, func() (int, error) {
		return syscall.ForkExec(c.path, c.argv, &syscall.ProcAttr{
			Dir:   c.dir,
			Env:   c.env,
			Files: c.files,
			Sys:   &syscall.SysProcAttr{Setsid: true, Setctty: c.tty, Pdeathsig: syscall.SIGKILL, UseCgroupFD: c.cgroup > 0, CgroupFD: c.cgroup},
		})
	})
	return err
}

// isPlain reports whether a thread of plx has the umask of builds by itself.
func (cs *cells) isPlain() bool {
	cs.once.Do(func() { cs.plain = hasUmask() })
	return cs.plain
}

// hasUmask reports whether the umask is that of builds already.
func hasUmask() bool {
	mask, err := strconv.ParseUint(field("thread-self", "Umask"), 8, 32)
	return err == nil && mask == umask
}

// closeOnExec marks the descriptors that plx itself was started with, say by
// a shell's 3>file. All others are marked when they are opened.
func closeOnExec() {
	if unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) == nil {
		return
	}
	entries, _ := os.ReadDir("/proc/self/fd") // Linux before 5.11
	for _, entry := range entries {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
}

// wait returns when the process is a zombie.
func (p *process) wait() {
	defer close(p.exited)
	for unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
}

// reap waits for the process and returns what its end means.
func (p *process) reap(u *Usage) error {
	if p.guest != nil {
		return p.guest.reap(u)
	}
	var status syscall.WaitStatus
	var took syscall.Rusage
	for {
		_, err := syscall.Wait4(p.pid, &status, 0, &took)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return os.NewSyscallError("wait4", err)
		}
		p.reaper.forget(p.pid, p)
		u.User, u.System = time.Duration(took.Utime.Nano()), time.Duration(took.Stime.Nano())
		u.MaxRSS = host.PeakMemory(&took)
		return exitError(status)
	}
}

// targets returns what must be signalled to reach every live process of the
// command, in the form of kill(2): the group, if any of it is alive, and the
// processes that have left it. The latter are those of the same session, as
// of timeout(1) or of a shell with job control, and those that still have the
// marker in the environment that they were started with, as of setsid(1). A
// daemon that has also dropped its environment is found only when the command
// has ended ([process.left]), and nothing is where /proc is not this system's.
func (p *process) targets() []int {
	if p.guest != nil {
		return p.guest.targets()
	}
	if self, err := os.Readlink("/proc/self"); err != nil || self != strconv.Itoa(os.Getpid()) {
		return p.groupAlone()
	}
	var targets []int
	group := false
	for _, pid := range p.candidates() {
		stat, ok := readStat(pid)
		switch {
		case !ok || stat.state == 'Z' || stat.state == 'X':
		case stat.group == p.pid:
			group = true
		case stat.session == p.pid || p.marks(environment(pid)):
			targets = append(targets, threadGroup(pid))
		}
	}
	if group {
		targets = append(targets, -p.pid)
	}
	slices.Sort(targets)
	return slices.Compact(targets)
}

// signal sends the signal to all live processes of the command.
func (p *process) signal(s syscall.Signal) {
	if p.guest != nil {
		p.guest.signal(s)
		return
	}
	signalAll(p.targets(), s)
}

// left returns what is to be killed, now that the command is to be no more.
func (p *process) left() []int {
	if p.guest != nil || !p.reaper.sure {
		return p.targets()
	}
	select {
	case <-p.exited:
		return p.reaper.left(p)
	default:
		return []int{-p.pid}
	}
}

// kill kills what is left.
func (p *process) kill(left []int) {
	if p.guest != nil {
		p.guest.signal(syscall.SIGKILL)
		return
	}
	signalAll(left, syscall.SIGKILL)
}

// isOver reports whether it is sure that nothing is left of the command, which
// has been reaped.
func (p *process) isOver() bool {
	if p.guest != nil {
		return true
	}
	p.reaper.mu.Lock()
	defer p.reaper.mu.Unlock()
	return p.reaper.sure && !(p.strayed && p.reaper.strayed)
}

// tidy is for what a command leaves behind while it runs.
func (p *process) tidy() {
	if p.guest == nil && p.reaper.sure {
		p.reaper.tidy()
	}
}

// killFirst kills the whole group at once, so that none can fork out of it.
func (p *process) killFirst() {
	if p.guest != nil {
		p.guest.signal(syscall.SIGKILL)
		return
	}
	syscall.Kill(-p.pid, syscall.SIGKILL)
}

// nap waits, but no longer than there is something to wait for, if it is told,
// or until hurry is closed.
func (p *process) nap(d time.Duration, hurry <-chan struct{}) {
	var gone chan struct{}
	if p.guest != nil {
		gone = p.guest.gone
	}
	select {
	case <-gone:
	case <-hurry:
	case <-time.After(d):
	}
}

// groupAlone is for want of /proc: as long as the process has not exited, its
// group is alive.
func (p *process) groupAlone() []int {
	select {
	case <-p.exited:
		return nil
	default:
		return []int{-p.pid}
	}
}

// candidates returns the numbers that processes of the command may have.
// Numbers are given in order, so that right after a short command these are
// few.
func (p *process) candidates() []int {
	pids := numbers(p.pid-1, p.reaper.load.newestPID())
	if len(pids) == 0 || pids[0] != p.pid {
		return pids
	}
	select {
	case <-p.exited: // that is not yet reaped
		pids = pids[1:]
	default:
	}
	return pids
}

// marks reports whether the environment has the marker.
func (p *process) marks(env string) bool { return strings.Contains(env, "\x00"+p.marker+"\x00") }
