package builder

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Relay is a terminal of a session's own, and what connects it with that of
// plx: so ^C and ^Z are for what runs there, and a shell can control its jobs.
type Relay struct {
	inner, outer *os.File // the session's end, and plx's
	in, out      *os.File // plx's own terminal
	before       *unix.Termios
	wake         [2]int // a pipe: closed at one end when no more is to be read
	resized      chan os.Signal
	printed      chan struct{}
	once         sync.Once
}

// OpenRelay returns a relay with the terminal that in and out are, nil if they
// are none.
func OpenRelay(in, out *os.File) (*Relay, error) {
	before, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS)
	if err != nil {
		return nil, nil // it is no terminal
	}
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open a terminal: %w", err)
	}
	r := &Relay{outer: os.NewFile(uintptr(fd), "/dev/ptmx"), in: in, out: out, before: before}
	if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err == nil {
		var number int
		if number, err = unix.IoctlGetInt(fd, unix.TIOCGPTN); err == nil {
			r.inner, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
		}
	}
	if err != nil {
		r.outer.Close()
		return nil, fmt.Errorf("open a terminal: %w", err)
	}
	return r, nil
}

// Inner returns the session's end.
func (r *Relay) Inner() *os.File { return r.inner }

// Begin connects the terminals.
func (r *Relay) Begin() error {
	r.resized, r.printed = make(chan os.Signal, 1), make(chan struct{})
	if err := unix.Pipe2(r.wake[:], unix.O_CLOEXEC); err != nil {
		return os.NewSyscallError("pipe", err)
	}
	raw := *r.before
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	raw.Oflag &^= unix.OPOST
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(int(r.in.Fd()), unix.TCSETS, &raw); err != nil {
		return os.NewSyscallError("tcsetattr", err)
	}
	signal.Notify(r.resized, syscall.SIGWINCH)
	r.resize()
	go func() {
		for range r.resized {
			r.resize()
		}
	}()
	go r.typed()
	go func() {
		io.Copy(r.out, r.outer) // it ends with EIO when the last end of the session's is closed
		close(r.printed)
	}()
	return nil
}

// resize gives the session's terminal the size of plx's own.
func (r *Relay) resize() {
	if size, err := unix.IoctlGetWinsize(int(r.in.Fd()), unix.TIOCGWINSZ); err == nil {
		unix.IoctlSetWinsize(int(r.outer.Fd()), unix.TIOCSWINSZ, size)
	}
}

// typed hands on what is typed. It reads nothing that comes after End.
func (r *Relay) typed() {
	data := make([]byte, 1024)
	for {
		fds := []unix.PollFd{{Fd: int32(r.in.Fd()), Events: unix.POLLIN}, {Fd: int32(r.wake[0]), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err == unix.EINTR {
			continue
		} else if err != nil || fds[1].Revents != 0 {
			return
		}
		n, err := r.in.Read(data)
		if err != nil {
			return
		}
		if _, err := r.outer.Write(data[:n]); err != nil {
			return
		}
	}
}

// End disconnects the terminals when all that was printed is on the screen, and
// sets plx's own as it was. The session must have ended.
func (r *Relay) End() {
	r.once.Do(func() {
		r.inner.Close()
		if r.printed != nil {
			unix.Close(r.wake[1])
			<-r.printed
			signal.Stop(r.resized)
			unix.IoctlSetTermios(int(r.in.Fd()), unix.TCSETS, r.before)
		}
		r.outer.Close()
	})
}
