package main

// Which system calls are about files, and what they do to them.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// What calls do to files.
type effect uint

const (
	reads   effect = 1 << iota
	changes        // what is on the disk
	grows          // takes space on the disk
	opens          // makes a descriptor
	locks
)

// A fileCall is a call that a traced process is about to make.
type fileCall struct {
	name    string
	paths   []string // what it is about, absolute
	effects effect
}

func (c fileCall) String() string { return c.name + " " + strings.Join(c.paths, " ") }

// A shape says which arguments of a call tell what it is about.
type shape struct {
	name    string
	args    []operand
	effects effect
}

// An operand is an argument that is a descriptor, or a path together with the
// descriptor of the directory that it starts from.
type operand struct{ fd, path int }

// none stands for an argument that a call doesn't have.
const none = -1

// fileCalls are those that Go programs make on Linux.
var fileCalls = map[uint64]shape{
	unix.SYS_OPENAT:          {"openat", []operand{{0, 1}}, opens},
	unix.SYS_READ:            {"read", []operand{{0, none}}, reads},
	unix.SYS_PREAD64:         {"pread64", []operand{{0, none}}, reads},
	unix.SYS_GETDENTS64:      {"getdents64", []operand{{0, none}}, reads},
	unix.SYS_FSTAT:           {"fstat", []operand{{0, none}}, reads},
	unix.SYS_NEWFSTATAT:      {"newfstatat", []operand{{0, 1}}, reads},
	unix.SYS_STATX:           {"statx", []operand{{0, 1}}, reads},
	unix.SYS_STAT:            {"stat", []operand{{none, 0}}, reads},
	unix.SYS_LSTAT:           {"lstat", []operand{{none, 0}}, reads},
	unix.SYS_READLINKAT:      {"readlinkat", []operand{{0, 1}}, reads},
	unix.SYS_FACCESSAT:       {"faccessat", []operand{{0, 1}}, reads},
	unix.SYS_FACCESSAT2:      {"faccessat2", []operand{{0, 1}}, reads},
	unix.SYS_WRITE:           {"write", []operand{{0, none}}, changes | grows},
	unix.SYS_PWRITE64:        {"pwrite64", []operand{{0, none}}, changes | grows},
	unix.SYS_WRITEV:          {"writev", []operand{{0, none}}, changes | grows},
	unix.SYS_COPY_FILE_RANGE: {"copy_file_range", []operand{{2, none}}, changes | grows},
	unix.SYS_SENDFILE:        {"sendfile", []operand{{0, none}}, changes | grows},
	unix.SYS_SPLICE:          {"splice", []operand{{2, none}}, changes | grows},
	unix.SYS_FALLOCATE:       {"fallocate", []operand{{0, none}}, changes | grows},
	unix.SYS_FTRUNCATE:       {"ftruncate", []operand{{0, none}}, changes},
	unix.SYS_TRUNCATE:        {"truncate", []operand{{none, 0}}, changes},
	unix.SYS_MKDIRAT:         {"mkdirat", []operand{{0, 1}}, changes | grows},
	unix.SYS_MKDIR:           {"mkdir", []operand{{none, 0}}, changes | grows},
	unix.SYS_SYMLINKAT:       {"symlinkat", []operand{{1, 2}}, changes | grows},
	unix.SYS_LINKAT:          {"linkat", []operand{{0, 1}, {2, 3}}, changes | grows},
	unix.SYS_RENAMEAT:        {"renameat", []operand{{0, 1}, {2, 3}}, changes | grows},
	unix.SYS_RENAMEAT2:       {"renameat2", []operand{{0, 1}, {2, 3}}, changes | grows},
	unix.SYS_RENAME:          {"rename", []operand{{none, 0}, {none, 1}}, changes | grows},
	unix.SYS_UNLINKAT:        {"unlinkat", []operand{{0, 1}}, changes},
	unix.SYS_UNLINK:          {"unlink", []operand{{none, 0}}, changes},
	unix.SYS_RMDIR:           {"rmdir", []operand{{none, 0}}, changes},
	unix.SYS_FCHMODAT:        {"fchmodat", []operand{{0, 1}}, changes},
	unix.SYS_FCHMODAT2:       {"fchmodat2", []operand{{0, 1}}, changes},
	unix.SYS_FCHMOD:          {"fchmod", []operand{{0, none}}, changes},
	unix.SYS_CHMOD:           {"chmod", []operand{{none, 0}}, changes},
	unix.SYS_UTIMENSAT:       {"utimensat", []operand{{0, 1}}, changes},
	unix.SYS_FSYNC:           {"fsync", []operand{{0, none}}, changes | grows},
	unix.SYS_FDATASYNC:       {"fdatasync", []operand{{0, none}}, changes | grows},
	unix.SYS_SYNCFS:          {"syncfs", []operand{{0, none}}, changes | grows},
	unix.SYS_IOCTL:           {"ioctl FICLONE", []operand{{0, none}}, changes | grows},
	unix.SYS_FLOCK:           {"flock", []operand{{0, none}}, locks},
	unix.SYS_FCNTL:           {"fcntl lock", []operand{{0, none}}, locks},
}

// fileCall returns what the call is, if it is about something that is watched.
func (t *tracer) fileCall(tid int, info callInfo) (fileCall, bool) {
	s, ok := fileCalls[info.nr]
	if !ok {
		return fileCall{}, false
	}
	switch info.nr {
	case unix.SYS_OPENAT:
		if info.args[2]&(unix.O_WRONLY|unix.O_RDWR|unix.O_CREAT|unix.O_TRUNC) != 0 {
			s.effects |= changes
		} else {
			s.effects |= reads
		}
		if info.args[2]&unix.O_CREAT != 0 {
			s.effects |= grows
		}
	case unix.SYS_IOCTL:
		ok = info.args[1] == unix.FICLONE
	case unix.SYS_FCNTL:
		ok = info.args[1] == unix.F_OFD_SETLK || info.args[1] == unix.F_OFD_SETLKW || info.args[1] == unix.F_SETLK || info.args[1] == unix.F_SETLKW
	}
	if !ok {
		return fileCall{}, false
	}
	c, watched := fileCall{name: s.name, effects: s.effects}, false
	for _, o := range s.args {
		path := t.resolve(tid, info, o)
		watched = watched || strings.HasPrefix(path+"/", t.below+"/")
		c.paths = append(c.paths, path)
	}
	return c, watched
}

// resolve returns the absolute path that an operand stands for, empty if it is
// none.
func (t *tracer) resolve(tid int, info callInfo, o operand) string {
	path := ""
	if o.path != none {
		if path = t.text(info.args[o.path]); filepath.IsAbs(path) {
			return filepath.Clean(path)
		}
	}
	from := "cwd"
	if o.fd != none && int32(info.args[o.fd]) != unix.AT_FDCWD {
		from = fmt.Sprintf("fd/%d", int32(info.args[o.fd]))
	}
	dir, err := os.Readlink(fmt.Sprintf("/proc/%d/%s", tid, from))
	if err != nil || !filepath.IsAbs(dir) { // a pipe, say
		return ""
	}
	return filepath.Join(dir, path)
}

// text reads a string of the process.
func (t *tracer) text(address uint64) string {
	data := make([]byte, unix.PathMax)
	n, _ := t.memory.ReadAt(data, int64(address))
	text, _, _ := strings.Cut(string(data[:n]), "\x00")
	return text
}
