package builder

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// cells are the cells of a sandbox, and what they are made with.
type cells struct {
	reaper   reaper
	mu       sync.Mutex
	idle     []*cell
	landlock int // its version, if it can be used
	once     sync.Once
	plain    bool // plx's own umask is that of builds; to be asked by isPlain
	nobody   int  // a user namespace by which what is plx's appears as [nobodyID]'s; 0: commands are plx's own user
}

// A cell is the end of a warden's socket, and its process.
type cell struct {
	socket int
	pid    int
	ended  chan struct{} // closed when the warden has been waited for
}

// nobodyID is the user and the group that commands are on the machine if plx
// is root: those that stand for nobody, and own nothing.
const nobodyID = 65534

// namespaces are those of a cell. Each command has another mount, ipc, uts and
// network namespace besides.
const namespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP

// detect finds out what there is, by trying it. dir is a directory like those
// in which builds are made.
func (s *Sandbox) detect(dir string) (walls, error) {
	var w walls
	if v := landlockVersion(); v >= minLandlock {
		s.cells.landlock, w.landlock = v, true
	}
	if os.Geteuid() == 0 {
		s.cells.nobody = nobodyNamespace(&s.cells.reaper, dir)
	}
	c, err := s.cells.take()
	if err == nil {
		if err = c.try(order{Dir: dir, Program: s.Program, Landlock: s.cells.landlock, Trial: true}); err != nil {
			c.close()
		}
	}
	if err != nil {
		return w, s.missing(err, w)
	}
	s.cells.put(c)
	w.namespaces = true
	return w, nil
}

// take returns a cell that is free, or a new one.
func (cs *cells) take() (*cell, error) {
	cs.mu.Lock()
	if n := len(cs.idle); n > 0 {
		c := cs.idle[n-1]
		cs.idle = cs.idle[:n-1]
		cs.mu.Unlock()
		return c, nil
	}
	cs.mu.Unlock()
	return newCell(&cs.reaper, cs.nobody > 0)
}

func (cs *cells) put(c *cell) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.idle = append(cs.idle, c)
}

// Close ends the cells. No command may be running.
func (s *Sandbox) Close() error {
	s.cells.mu.Lock()
	defer s.cells.mu.Unlock()
	for _, c := range s.cells.idle {
		c.close()
	}
	s.cells.idle = nil
	s.cells.reaper.load.close()
	if s.cells.nobody > 0 {
		unix.Close(s.cells.nobody)
	}
	return nil
}

// close ends the warden, and with it all that is in the cell.
func (c *cell) close() {
	unix.Close(c.socket)
	syscall.Kill(c.pid, syscall.SIGKILL)
	<-c.ended
}

// newCell starts a warden and waits until it is ready.
func newCell(r *reaper, nobody bool) (*cell, error) {
	attr := &syscall.SysProcAttr{
		Cloneflags: namespaces,
		// It keeps over the exec what it needs: to mount, to change roots, to set up the network,
		// to give up capabilities, to forbid user namespaces.
		AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SYS_CHROOT, unix.CAP_NET_ADMIN, unix.CAP_SETPCAP, unix.CAP_SYS_RESOURCE},
		UidMappings: []syscall.SysProcIDMap{{ContainerID: insideID, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: insideID, HostID: os.Getegid(), Size: 1}},
	}
	if nobody { // the warden is root in it, and the command isn't
		root := syscall.SysProcIDMap{ContainerID: 0, HostID: 0, Size: 1}
		other := syscall.SysProcIDMap{ContainerID: insideID, HostID: nobodyID, Size: 1}
		attr.UidMappings = []syscall.SysProcIDMap{root, other}
		attr.GidMappings = attr.UidMappings
		attr.GidMappingsEnableSetgroups = true
		attr.AmbientCaps = nil
	}
	c, err := startWarden(r, attr)
	if err != nil {
		return nil, err
	}
	if err := c.ready(); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// ready waits until the warden says that it is, or why not.
func (c *cell) ready() error {
	var r reply
	if _, err := receive(c.socket, &r); err != nil || r.Kind != "failed" {
		return err
	}
	if r.Errno == 0 {
		return errors.New(r.Text)
	}
	return fmt.Errorf("%s%w", r.Text[:len(r.Text)-len(r.Errno.Error())], r.Errno)
}

// try makes a place for a command as it would be, and starts none: so it is
// found out what the system lets be done. Most of it is kept for the first.
func (c *cell) try(o order) error {
	if err := send(c.socket, request{Order: &o}); err != nil {
		return err
	}
	return c.ready()
}

// startWarden starts this very program as a warden, on a thread that waits for
// it: as in [start], so that it is killed if plx is.
func startWarden(r *reaper, attr *syscall.SysProcAttr, args ...string) (*cell, error) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	defer unix.Close(ends[1])
	null, err := open(os.DevNull, unix.O_RDWR, 0)
	if err != nil {
		unix.Close(ends[0])
		return nil, err
	}
	defer unix.Close(null)
	attr.Setsid, attr.Pdeathsig = true, syscall.SIGKILL
	c := &cell{socket: ends[0], ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked
		var err error
		closeOnExec()
		c.pid, err = r.start(nil, func() (int, error) {
			return syscall.ForkExec("/proc/self/exe", append([]string{wardenName}, args...), &syscall.ProcAttr{
				Env:   []string{"GOMAXPROCS=1"},
				Files: []uintptr{uintptr(null), uintptr(null), 2, uintptr(ends[1])},
				Sys:   attr,
			})
		})
		started <- err
		if err == nil {
			wait4(c.pid)
			r.forget(c.pid, nil)
			close(c.ended)
		}
	}()
	if err := <-started; err != nil {
		unix.Close(ends[0])
		return nil, fmt.Errorf("make namespaces: %w", err)
	}
	return c, nil
}

func wait4(pid int) {
	for {
		if _, err := syscall.Wait4(pid, nil, 0, nil); err != syscall.EINTR {
			return
		}
	}
}

// nobodyNamespace returns a user namespace by which files of root appear as
// nobody's, or 0 if there is none that the file system of dir can be shown by.
func nobodyNamespace(r *reaper, dir string) int {
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: nobodyID, Size: 1}}
	c, err := startWarden(r, &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids}, "wait")
	if err != nil {
		return 0
	}
	defer c.close()
	fd, err := open(fmt.Sprintf("/proc/%d/ns/user", c.pid), unix.O_RDONLY, 0)
	if err != nil {
		return 0
	}
	mount, err := mountFor(dir, fd)
	if err != nil {
		unix.Close(fd)
		return 0
	}
	unix.Close(mount)
	return fd
}

// mountFor returns a mount of the directory, attached nowhere, that shows
// files as the user namespace maps their users.
func mountFor(dir string, userns int) (int, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, dir, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return -1, os.NewSyscallError("open_tree", err)
	}
	attr := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(userns)}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, attr); err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("mount_setattr", err)
	}
	return fd, nil
}

// A guest is a command that runs in a cell.
type guest struct {
	*cell
	mu   sync.Mutex    // held while gone is closed, and while signals are sent
	gone chan struct{} // closed when no process of it is left
	last reply         // once exited is closed: the end of the command
	err  error         // once gone is closed: what happened to the warden
}

// startInCell starts the command in a cell.
func (b build) startInCell(c command) (*process, error) {
	in, err := b.sandbox.cells.take()
	if err != nil {
		return nil, &SandboxError{err}
	}
	g := &guest{cell: in, gone: make(chan struct{})}
	p := &process{guest: g, exited: make(chan struct{})}
	r, err := g.request(b, c)
	switch {
	case err != nil:
		in.close()
		return nil, fmt.Errorf("%w: %v", errWarden, err)
	case r.Kind == "started":
		go g.follow(p.exited, &b.sandbox.cells)
		return p, nil
	}
	b.sandbox.cells.put(in)
	if r.Path == "" {
		return nil, errors.New(r.Text)
	}
	c.path = r.Path
	return nil, c.explain(r.Errno)
}

// request sends the order and returns the answer.
func (g *guest) request(b build, c command) (r reply, err error) {
	o := order{
		Dir: b.Dir, Argv: joinList(c.argv), Env: joinList(c.env), Search: c.search, Program: b.sandbox.Program,
		Open: b.open(c.search), Network: b.Network, Landlock: b.sandbox.cells.landlock,
	}
	fds := []int{int(c.files[1])}
	if o.Streams, o.Terminal = b.Streams[0] != nil, c.tty; o.Streams {
		fds = []int{int(c.files[0]), int(c.files[1]), int(c.files[2])}
	}
	for _, f := range c.files[3:] {
		fds = append(fds, int(f))
	}
	o.Jobs = len(c.files) - 3
	if c.cgroup > 0 {
		fds, o.Cgroup = append(fds, c.cgroup), true
	}
	if b.Bin == "" {
		o.Program = ""
	}
	if userns := b.sandbox.cells.nobody; userns > 0 {
		mount, err := mountFor(b.Dir, userns)
		if err != nil {
			return r, err
		}
		defer unix.Close(mount)
		fds = append(fds, mount)
	}
	if err := send(g.socket, request{Order: &o}, fds...); err != nil {
		return r, err
	}
	_, err = receive(g.socket, &r)
	return r, err
}

// follow waits for the ends of the command and of all its processes, and gives
// the cell back.
func (g *guest) follow(exited chan struct{}, cs *cells) {
	for {
		var r reply
		_, g.err = receive(g.socket, &r)
		if g.err == nil && r.Kind == "exited" {
			g.last = r
			close(exited)
			continue
		}
		g.mu.Lock()
		close(g.gone)
		g.mu.Unlock()
		if g.err == nil {
			cs.put(g.cell)
			return
		}
		g.close()
		if g.last.Kind == "" {
			close(exited)
		}
		return
	}
}

// signal sends the signal to all processes of the command. The cell may soon
// be another's.
func (g *guest) signal(s syscall.Signal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.left() {
		send(g.socket, request{Signal: s})
	}
}

// left reports whether there is any.
func (g *guest) left() bool {
	select {
	case <-g.gone:
		return false
	default:
		return true
	}
}

// targets returns the number of the warden for all of them together: signals
// go through it.
func (g *guest) targets() []int {
	if g.left() {
		return []int{g.pid}
	}
	return nil
}

// reap returns what the end of the command means.
func (g *guest) reap(u *Usage) error {
	<-g.gone
	if g.err != nil {
		return fmt.Errorf("%w: %v", errWarden, g.err)
	}
	u.User, u.System, u.MaxRSS = g.last.User, g.last.System, g.last.MaxRSS
	return exitError(g.last.Status)
}

// errWarden is what is left to say when a warden is gone.
var errWarden = errors.New("the process that keeps the command apart has ended, and all of the command with it: was memory short?")
