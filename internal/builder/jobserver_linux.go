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
	far   [2]int   // the other ends of these, until it has begun
	jobs  *os.File // from then on: the other end of read
	ended *os.File // and of write
	again *os.File // read once more, once something is lent: it doesn't block
	start *time.Timer
	stop  context.CancelFunc
	work  sync.WaitGroup

	own    int // slots that are the command's own, besides its first
	mu     sync.Mutex
	lent   int // slots that are borrowed
	closed bool
}

// NewJobserver returns a jobserver with so many jobs of the command's own. One
// that has none does nothing, and costs nothing but its pipes, before it is time
// to borrow: until then there is no job that could be given back.
func NewJobserver(from Lender, own int) (*Jobserver, error) {
	j := &Jobserver{slots: from, own: own}
	err := j.open()
	if err != nil {
		return nil, fmt.Errorf("jobserver: %w", err)
	}
	if own == 0 {
		j.start = time.AfterFunc(jobserverDelay, func() { j.begin(0) })
		return j, nil
	}
	if err = j.begin(jobserverDelay); err != nil {
		j.Close()
		return nil, fmt.Errorf("jobserver: %w", err)
	}
	return j, nil
}

// open makes the pipes. The ends that the command gets block, as programs
// expect.
func (j *Jobserver) open() error {
	var down, up [2]int
	if err := unix.Pipe2(down[:], unix.O_CLOEXEC); err != nil {
		return err
	}
	if err := unix.Pipe2(up[:], unix.O_CLOEXEC); err != nil {
		unix.Close(down[0])
		unix.Close(down[1])
		return err
	}
	j.read, j.write = os.NewFile(uintptr(down[0]), "jobs"), os.NewFile(uintptr(up[1]), "ended jobs")
	j.far = [2]int{down[1], up[0]}
	return nil
}

// begin begins to take jobs back, and, after the delay, to borrow them. The ends
// that stay here don't block.
func (j *Jobserver) begin(delay time.Duration) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	for _, fd := range j.far {
		unix.SetNonblock(fd, true)
	}
	if _, err := unix.FcntlInt(uintptr(j.far[0]), unix.F_SETPIPE_SZ, os.Getpagesize()); err != nil {
		return err
	}
	if j.own == 0 {
		drain(j.far[1])
	}
	j.jobs, j.ended = os.NewFile(uintptr(j.far[0]), "jobs"), os.NewFile(uintptr(j.far[1]), "ended jobs")
	for range j.own {
		if err := j.put(); err != nil {
			return err
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	j.stop = stop
	j.work.Go(func() { j.feed(ctx, delay) })
	j.work.Go(j.collect)
	return nil
}

// drain takes out of a pipe what is in it: jobs that were given back before there
// were any.
func drain(fd int) {
	var buf [256]byte
	for {
		n, err := unix.Read(fd, buf[:])
		if n <= 0 && err != unix.EINTR {
			return
		}
	}
}

func (j *Jobserver) closeFiles() {
	j.read.Close()
	j.write.Close()
	if j.jobs == nil {
		unix.Close(j.far[0])
		unix.Close(j.far[1])
		return
	}
	j.jobs.Close()
	j.ended.Close()
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
func (j *Jobserver) feed(ctx context.Context, delay time.Duration) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(delay):
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
	j.mu.Lock()
	j.closed = true // from now on it doesn't begin
	j.mu.Unlock()
	if j.start != nil {
		j.start.Stop()
	}
	j.closeFiles()
	if j.stop == nil {
		return
	}
	j.stop()
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
