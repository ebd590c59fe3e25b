package builder

// This file is the jobserver of a command: the other ends of the two pipes by
// which make, and whoever knows its protocol, asks for leave to run one more
// job. The rules are:
//
//   - A byte that is read from the first pipe is a job; it is written to the
//     second when the job has ended. Each command has pipes of its own: what it
//     doesn't give back comes back when it ends, and what it gives back without
//     having had it counts for nothing.
//
//   - The jobs are slots of a [Lender]. Those that the command has taken besides
//     its first lie in the pipe from the beginning. One more is borrowed and put
//     there whenever the pipe is empty. As long as nobody has read it, the lender
//     can have it back.
//
//   - That the pipe is empty is what the kernel tells a writer: a pipe of one
//     page has room for one write, and is full until that is read.
//
// Most commands never look at it, so nothing is borrowed before jobserverDelay.

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// jobserverDelay is how long a command must have run before something is
// borrowed for it: most end before that.
const jobserverDelay = 50 * time.Millisecond

// A Jobserver hands slots to one command.
type Jobserver struct {
	slots Lender
	read  *os.File // the command's end of the pipe with jobs
	write *os.File // the command's end of the pipe with jobs that have ended
	jobs  *os.File // the other end of read
	ended *os.File // the other end of write
	again *os.File // read once more, once something is lent: it doesn't block
	stop  context.CancelFunc
	work  sync.WaitGroup

	own  int // slots that are the command's own, besides its first
	mu   sync.Mutex
	lent int // slots that are borrowed
}

// NewJobserver returns a jobserver with so many jobs of the command's own.
func NewJobserver(from Lender, own int) (*Jobserver, error) {
	j := &Jobserver{slots: from, own: own}
	if err := j.open(); err != nil {
		j.closeFiles()
		return nil, fmt.Errorf("jobserver: %w", err)
	}
	for range own {
		if err := j.put(); err != nil {
			j.closeFiles()
			return nil, fmt.Errorf("jobserver: %w", err)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	j.stop = stop
	j.work.Go(func() { j.feed(ctx) })
	j.work.Go(j.collect)
	return j, nil
}

// open makes the pipes. The ends that the command gets block, as programs
// expect; those that stay here don't.
func (j *Jobserver) open() error {
	var down, up [2]int
	if err := unix.Pipe2(down[:], unix.O_CLOEXEC); err != nil {
		return err
	}
	j.read = os.NewFile(uintptr(down[0]), "jobs")
	unix.SetNonblock(down[1], true)
	j.jobs = os.NewFile(uintptr(down[1]), "jobs")
	if err := unix.Pipe2(up[:], unix.O_CLOEXEC); err != nil {
		return err
	}
	unix.SetNonblock(up[0], true)
	j.ended = os.NewFile(uintptr(up[0]), "ended jobs")
	j.write = os.NewFile(uintptr(up[1]), "ended jobs")
	if _, err := unix.FcntlInt(uintptr(down[1]), unix.F_SETPIPE_SZ, os.Getpagesize()); err != nil {
		return err
	}
	return nil
}

func (j *Jobserver) closeFiles() {
	for _, f := range []*os.File{j.read, j.write, j.jobs, j.ended} {
		if f != nil {
			f.Close()
		}
	}
}

// openAgain opens the pipe with jobs once more.
func (j *Jobserver) openAgain() (err error) {
	raw, err := j.read.SyscallConn()
	if err != nil {
		return err
	}
	control := raw.Control(func(fd uintptr) {
		var again int
		again, err = unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err == nil {
			j.again = os.NewFile(uintptr(again), "jobs")
		}
	})
	if control != nil {
		return control
	}
	return err
}

// Ends returns what the command is given: where it reads jobs, and where it
// gives them back.
func (j *Jobserver) Ends() [2]*os.File { return [2]*os.File{j.read, j.write} }

// put makes one more job to be had.
func (j *Jobserver) put() error {
	_, err := j.jobs.Write([]byte{'+'})
	return err
}

// feed borrows a slot whenever there is no job to be had.
func (j *Jobserver) feed(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(jobserverDelay):
	}
	j.mu.Lock()
	err := j.openAgain()
	j.mu.Unlock()
	if err != nil {
		return
	}
	for j.awaitEmpty() == nil && j.slots.Borrow(ctx, j) {
		j.mu.Lock()
		j.lent++
		err := j.put()
		j.mu.Unlock()
		if err != nil {
			return
		}
		j.slots.Settle() // somebody may have asked for it before it was there
	}
}

// awaitEmpty waits until all jobs have been read. The error says that the
// jobserver is closed.
func (j *Jobserver) awaitEmpty() error {
	raw, err := j.jobs.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Write(func(fd uintptr) bool {
		n, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ)
		return err != nil || n == 0
	})
}

// collect takes back what the command has no more use for.
func (j *Jobserver) collect() {
	buf := make([]byte, 256)
	for {
		n, err := j.ended.Read(buf)
		for range n {
			j.takeBack()
		}
		if err != nil {
			return
		}
	}
}

// takeBack is for one job that has ended: what was borrowed goes first. A
// command that gives back more than it had is not believed.
func (j *Jobserver) takeBack() {
	j.mu.Lock()
	switch {
	case j.own+j.lent <= j.unread():
	case j.lent == 0:
		j.put()
	default:
		j.lent--
		defer j.slots.Repay(j) // which may call Recall
	}
	j.mu.Unlock()
}

// unread returns how many jobs are to be had.
func (j *Jobserver) unread() (n int) {
	raw, err := j.jobs.SyscallConn()
	if err != nil {
		return 0
	}
	raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	return n
}

// Recall implements [Borrower].
func (j *Jobserver) Recall() bool {
	j.mu.Lock()
	if j.lent == 0 || !j.takeUnread() {
		j.mu.Unlock()
		return false
	}
	j.lent--
	j.mu.Unlock()
	j.slots.Repay(j)
	return true
}

// takeUnread takes a job that nobody has read out of the pipe.
func (j *Jobserver) takeUnread() bool {
	raw, err := j.again.SyscallConn()
	if err != nil {
		return false
	}
	taken := false
	err = raw.Control(func(fd uintptr) {
		n, err := unix.Read(int(fd), make([]byte, 1))
		taken = n == 1 && err == nil
	})
	return taken && err == nil
}

// Close gives all back that was borrowed. The command has ended.
func (j *Jobserver) Close() {
	j.stop()
	j.closeFiles()
	j.work.Wait()
	if j.again != nil {
		j.again.Close()
	}
	j.mu.Lock()
	lent := j.lent
	j.lent = 0
	j.mu.Unlock()
	for range lent {
		j.slots.Repay(j)
	}
}
