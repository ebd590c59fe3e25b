package ui

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"plx/internal/builder/host"
)

// A tty is a terminal, as far as a screen needs one. Its keys are read as they
// are typed, and not shown; those that are signals stay signals.
type tty struct {
	out, in *os.File
	keys    bool
	before  *unix.Termios
	active  atomic.Bool // the terminal is in the mode for keys
	reads   bool        // a reader was asked for
	wake    [2]*os.File // a pipe: closed at one end when no more is to be read
	once    sync.Once
}

func newTTY(out, in *os.File, keys bool) *tty {
	t := &tty{out: out, in: in}
	if !keys {
		return t
	}
	var err error
	if t.before, err = unix.IoctlGetTermios(int(in.Fd()), host.GetTermios); err != nil {
		return t
	}
	if t.wake[0], t.wake[1], err = os.Pipe(); err == nil {
		t.keys = true
	}
	return t
}

// size returns the size of the terminal, in cells. One that doesn't know is as
// they all were.
func (t *tty) size() (columns, rows int) {
	size, err := unix.IoctlGetWinsize(int(t.out.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 || size.Row == 0 {
		return 80, 24
	}
	return int(size.Col), int(size.Row)
}

// foreground reports whether the terminal is this process's to draw on. One
// that controls no process is.
func (t *tty) foreground() bool {
	group, err := unix.IoctlGetInt(int(t.out.Fd()), unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp()
}

// begin sets the mode for keys. It reports whether a reader is to be started.
func (t *tty) begin() bool {
	if !t.keys || t.active.Load() {
		return false
	}
	mode := *t.before
	mode.Lflag &^= unix.ICANON | unix.ECHO
	mode.Cc[unix.VMIN], mode.Cc[unix.VTIME] = 1, 0
	if unix.IoctlSetTermios(int(t.in.Fd()), host.SetTermios, &mode) != nil {
		return false
	}
	t.active.Store(true)
	first := !t.reads
	t.reads = true
	return first
}

// end sets the mode that was before.
func (t *tty) end() {
	if t.active.CompareAndSwap(true, false) && t.foreground() {
		unix.IoctlSetTermios(int(t.in.Fd()), host.SetTermios, t.before)
	}
}

const escape = 0x1b

// idleTime is how often, in milliseconds, a reader that may not read looks
// whether it may.
const idleTime = 200

// read returns the next keys that are typed, and false when there are none any
// more. Of a key that sends several bytes it is the last: an arrow's letter.
func (t *tty) read() (keys []byte, ok bool) {
	var data [16]byte
	wake := unix.PollFd{Fd: int32(t.wake[0].Fd()), Events: unix.POLLIN}
	for {
		fds, pause := []unix.PollFd{wake}, idleTime
		if may := t.active.Load() && t.foreground(); may {
			fds, pause = append(fds, unix.PollFd{Fd: int32(t.in.Fd()), Events: unix.POLLIN}), -1
		}
		_, err := unix.Poll(fds, pause)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil || fds[0].Revents != 0:
			return nil, false
		case len(fds) == 1 || fds[1].Revents == 0 || !t.active.Load() || !t.foreground():
			continue
		}
		n, err := t.in.Read(data[:])
		if err != nil || n == 0 {
			return nil, false
		}
		return typed(data[:n]), true
	}
}

// typed returns the keys of what a terminal sends.
func typed(data []byte) (keys []byte) {
	for len(data) > 0 {
		key := data[0]
		if data = data[1:]; key == escape && len(data) > 1 && (data[0] == '[' || data[0] == 'O') {
			end := 1
			for end < len(data)-1 && (data[end] < '@' || data[end] > '~') {
				end++
			}
			key, data = data[end], data[end+1:]
		}
		keys = append(keys, key)
	}
	return keys
}

// close ends a read.
func (t *tty) close() {
	t.once.Do(func() {
		if t.wake[1] != nil {
			t.wake[1].Close()
		}
	})
}
