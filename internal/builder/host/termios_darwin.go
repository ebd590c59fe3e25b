package host

import "golang.org/x/sys/unix"

// The requests for the mode of a terminal.
const (
	GetTermios = unix.TIOCGETA
	SetTermios = unix.TIOCSETA
)
