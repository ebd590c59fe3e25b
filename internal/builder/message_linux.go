package builder

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// This file is what plx and a warden say to each other, over a socket: frames
// of JSON, each after its length in 4 bytes. Descriptors come with the length.
//
//	plx      an order, and signals for the processes that came of it
//	warden   ready, once; then for each order started and exited and gone, or failed,
//	         and for a trial ready, or failed

// An order tells a warden to run a command. With it come the descriptors of the
// log, or of all three standard streams, of a jobserver, of a cgroup and, where the build directory is given as a
// mount, of that.
type order struct {
	Dir      string   // the build directory; empty: it is given as a mount
	Argv     []byte   // words, each with a NUL at its end, for they may be any bytes
	Env      []byte   // entries, likewise
	Search   string   // where the first word is looked up
	Program  string   // plx, for the command to use; empty: none
	Open     []string // paths of this machine that are shown
	Network  bool     // the machine's network, and not one of its own
	Landlock int      // the version of the second wall; 0: there is none
	Streams  bool     // the standard streams are given, and no log
	Terminal bool     // they are a terminal that becomes the command's own
	Jobs     int      // how many descriptors are a jobserver's
	Cgroup   bool     // one is of the cgroup in which the command is started
	Trial    bool     // the place is made, and nothing is started in it
}

// A request is what plx says: one of these.
type request struct {
	Order  *order         `json:",omitempty"`
	Signal syscall.Signal `json:",omitempty"`
}

// A reply is what a warden says.
type reply struct {
	Kind   string        // "ready", "failed", "started", "exited" or "gone"
	Text   string        `json:",omitempty"` // for failed: what
	Errno  syscall.Errno `json:",omitempty"` // for failed: why, if the system said so
	Path   string        `json:",omitempty"` // for failed: of the program, if it was found
	Status syscall.WaitStatus
	User   time.Duration
	System time.Duration
	MaxRSS int64 // in bytes
}

// send writes a frame.
func send(fd int, v any, fds ...int) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(data)))
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	_, err = again(func() (int, error) { return unix.SendmsgN(fd, head, rights, nil, unix.MSG_NOSIGNAL) })
	if err != nil {
		return err
	}
	for len(data) > 0 {
		n, err := again(func() (int, error) { return unix.SendmsgN(fd, data, nil, nil, unix.MSG_NOSIGNAL) })
		if err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// maxDescriptors is how many come with a frame at most.
const maxDescriptors = 7

// receive reads a frame. Of a peer that is gone it returns [io.EOF].
func receive(fd int, v any) (fds []int, err error) {
	var head [4]byte
	oob := make([]byte, unix.CmsgSpace(4*maxDescriptors))
	var oobn int
	n, err := again(func() (n int, err error) {
		n, oobn, _, _, err = unix.Recvmsg(fd, head[:], oob, unix.MSG_CMSG_CLOEXEC|unix.MSG_WAITALL)
		return n, err
	})
	if err != nil {
		return nil, err
	}
	if n < len(head) {
		return nil, io.EOF
	}
	if fds, err = descriptors(oob[:oobn]); err != nil {
		return nil, err
	}
	data := make([]byte, binary.LittleEndian.Uint32(head[:]))
	for read := 0; read < len(data); read += n {
		n, err = again(func() (int, error) { return unix.Read(fd, data[read:]) })
		if err != nil {
			return fds, err
		}
		if n == 0 {
			return fds, io.ErrUnexpectedEOF
		}
	}
	return fds, json.Unmarshal(data, v)
}

func descriptors(oob []byte) (fds []int, err error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("control message: %w", err)
	}
	for _, m := range messages {
		more, err := unix.ParseUnixRights(&m)
		if err != nil {
			return nil, err
		}
		fds = append(fds, more...)
	}
	return fds, nil
}
