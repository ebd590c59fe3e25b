//go:build unix && !linux

package builder

import (
	"os"
	"strconv"
	"syscall"
	"time"

	"plx/internal/builder/host"
)

// process is described in process.go. Here it is reaped as soon as it exits.
type process struct {
	pid    int
	exited chan struct{} // closed when the fields below are set
	status syscall.WaitStatus
	took   syscall.Rusage
	err    error
}

// start starts the command as leader of a new session.
func (b build) start(c command) (*process, error) {
	p, err := start(c.underShell())
	if err != nil {
		return nil, c.explain(err)
	}
	return p, nil
}

func start(c command) (*process, error) {
	closeOnExec()
	pid, err := syscall.ForkExec(c.path, c.argv, &syscall.ProcAttr{
		Dir:   c.dir,
		Env:   c.env,
		Files: c.files,
		Sys:   &syscall.SysProcAttr{Setsid: true, Setctty: c.tty},
	})
	if err != nil {
		return nil, err
	}
	p := &process{pid: pid, exited: make(chan struct{})}
	go func() {
		defer close(p.exited)
		for {
			_, p.err = syscall.Wait4(pid, &p.status, 0, &p.took)
			if p.err != syscall.EINTR {
				return
			}
		}
	}()
	return p, nil
}

// endsSoon reports that the process must be waited for.
func (p *process) endsSoon(time.Duration) bool { return false }

func (p *process) release() {}

// closeOnExec marks the descriptors that plx itself was started with.
func closeOnExec() {
	entries, _ := os.ReadDir("/dev/fd")
	for _, entry := range entries {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}

// reap returns what the end of the process means.
func (p *process) reap(u *Usage) error {
	<-p.exited
	if p.err != nil {
		return os.NewSyscallError("wait4", p.err)
	}
	u.User, u.System = time.Duration(p.took.Utime.Nano()), time.Duration(p.took.Stime.Nano())
	u.MaxRSS = host.PeakMemory(&p.took)
	return exitError(p.status)
}

// signal sends the signal to the group.
func (p *process) signal(s syscall.Signal) { signalAll(p.targets(), s) }

// killFirst kills the whole group at once, so that none can fork out of it.
func (p *process) killFirst() { syscall.Kill(-p.pid, syscall.SIGKILL) }

// left returns what is to be killed. What has left the group is not found.
func (p *process) left() []int { return p.targets() }

func (p *process) kill(left []int) { signalAll(left, syscall.SIGKILL) }

// isOver says that it is not sure.
func (p *process) isOver() bool { return false }

func (p *process) tidy() {}

func (p *process) nap(d time.Duration, hurry <-chan struct{}) {
	select {
	case <-hurry:
	case <-time.After(d):
	}
}

// targets returns the group, if any of it is alive. What has left the group is
// not found.
func (p *process) targets() []int {
	if syscall.Kill(-p.pid, 0) != nil {
		return nil
	}
	return []int{-p.pid}
}
