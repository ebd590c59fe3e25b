package builder

// This file is what /proc tells of processes.

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// maxGap is how many numbers are tried one by one: to read all of /proc takes
// as long as some thousand of them.
const maxGap = 1000

// numbers returns those after one that processes may have, newest being the
// newest of all.
func numbers(after, newest int) []int {
	if newest < after || newest > after+maxGap {
		return allPIDs()
	}
	pids := make([]int, 0, newest-after)
	for pid := after + 1; pid <= newest; pid++ {
		pids = append(pids, pid)
	}
	return pids
}

// A loadFile is /proc/loadavg, opened once: it is read after each command.
type loadFile struct {
	once sync.Once
	fd   int // -1: there is none
}

// newestPID returns the number given last, 0 if it can't be known. It is the
// last word of the file.
func (l *loadFile) newestPID() int {
	l.once.Do(func() {
		fd, err := open("/proc/loadavg", unix.O_RDONLY, 0)
		if err != nil {
			fd = -1
		}
		l.fd = fd
	})
	var line [128]byte // of five words, each far shorter than 20 bytes
	n, err := again(func() (int, error) { return unix.Pread(l.fd, line[:], 0) })
	if err != nil {
		return 0
	}
	text := strings.TrimSpace(string(line[:n]))
	pid, _ := strconv.Atoi(text[strings.LastIndexByte(text, ' ')+1:])
	return pid
}

// close closes it for good.
func (l *loadFile) close() {
	l.once.Do(func() { l.fd = -1 })
	if l.fd >= 0 {
		unix.Close(l.fd)
	}
	l.fd = -1
}

func allPIDs() []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// A stat is what is read of /proc/N/stat.
type stat struct {
	state          byte
	group, session int
}

// readStat reads it: the number, the name in parentheses, which may have any
// characters in it, then state, parent, group and session.
func readStat(pid int) (stat, bool) {
	data, err := readProc(strconv.Itoa(pid) + "/stat")
	f := strings.Fields(data[strings.LastIndexByte(data, ')')+1:])
	if err != nil || len(f) < 4 {
		return stat{}, false
	}
	group, err1 := strconv.Atoi(f[2])
	session, err2 := strconv.Atoi(f[3])
	return stat{f[0][0], group, session}, err1 == nil && err2 == nil
}

// environment returns what the process was started with, between NULs.
func environment(pid int) string {
	env, err := readProc(strconv.Itoa(pid) + "/environ")
	if err != nil || env == "" {
		return ""
	}
	return "\x00" + env
}

// threadGroup returns the process that a thread belongs to.
func threadGroup(pid int) int {
	group, err := strconv.Atoi(field(strconv.Itoa(pid), "Tgid"))
	if err != nil {
		return pid
	}
	return group
}

// field returns what stands in a line of /proc/N/status, which has the form
// "key:", white space, value.
func field(pid, key string) string {
	status, _ := readProc(pid + "/status")
	_, after, _ := strings.Cut("\n"+status, "\n"+key+":")
	line, _, _ := strings.Cut(after, "\n")
	return strings.TrimSpace(line)
}

// readProc reads a file of /proc: to the end, since an environment may be long.
func readProc(name string) (string, error) {
	fd, err := open("/proc/"+name, unix.O_RDONLY, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	data := make([]byte, 0, 512)
	for {
		n, err := again(func() (int, error) { return unix.Read(fd, data[len(data):cap(data)]) })
		if err != nil || n == 0 {
			return string(data), err
		}
		if data = data[:len(data)+n]; len(data) == cap(data) {
			data = slices.Grow(data, len(data))
		}
	}
}
