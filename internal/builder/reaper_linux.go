package builder

// This file finds what a command has left that had no cell, whatever that did
// to its session and environment: by its parent. The rules are:
//
//   - plx is a subreaper: what a process leaves when it ends becomes a child of
//     plx. So when a command has ended, all that is left of it are children of
//     plx that plx has not started, which are called orphans here, and what
//     lies below them.
//
//   - Numbers of processes are given in order: the orphans of a command have
//     numbers between its own and the newest. Each costs one system call, and
//     after a short command there are few. If none was given meanwhile, no
//     process can have run away from the search.
//
//   - Whose an orphan is, its session or the marker in its environment tells.
//     One that has neither is of a command that runs or has run beside it. As
//     long as another one runs, it is left alone, and nobody's directory is
//     used again of whom it could be. It ends when no command runs any more.
//
//   - Orphans that have ended are waited for one by one, and never whatever
//     has ended: others wait for their own children.

import (
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A reaper knows the processes that plx has started, and finds the others that
// have become its children. There is one in a process that starts commands.
type reaper struct {
	once     sync.Once
	sure     bool         // all that commands leave becomes a child of plx
	session  int          // plx's own
	load     loadFile     // tells the number given last
	starting sync.RWMutex // held to read while a process is started, until it is known

	mu      sync.Mutex
	own     map[int]*process // by their numbers, until they have been waited for; nil: a warden
	strayed bool             // there is an orphan that could be anybody's
}

// prepare makes plx a subreaper before it starts its first command. It isn't
// sure of its children if it has some already, as after a shell's exec, or as
// process 1 of a container.
func (r *reaper) prepare() {
	r.once.Do(func() {
		self, err := os.Readlink("/proc/self")
		if pid := os.Getpid(); err != nil || self != strconv.Itoa(pid) || pid == 1 || r.inherited() {
			return
		}
		if r.session, err = unix.Getsid(0); err == nil {
			r.sure = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == nil
		}
	})
}

// inherited reports whether there are children that plx has not started.
func (r *reaper) inherited() bool {
	if unix.Waitid(unix.P_ALL, 0, nil, anyChild, nil) == unix.ECHILD {
		return false
	}
	r.starting.Lock() // so that all that plx has started is known
	defer r.starting.Unlock()
	return slices.ContainsFunc(allPIDs(), func(pid int) bool { return isChild(pid) && !r.knows(pid) })
}

// start has spawn start a process, which is known from then on. p is nil for a
// warden.
func (r *reaper) start(p *process, spawn func() (int, error)) (int, error) {
	r.starting.RLock()
	defer r.starting.RUnlock()
	pid, err := spawn()
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.own == nil {
			r.own = make(map[int]*process)
		}
		r.own[pid] = p
	}
	return pid, err
}

// forget is for a process that has been waited for. The last command takes
// along what is nobody's.
func (r *reaper) forget(pid int, p *process) {
	r.mu.Lock()
	if r.own[pid] == p { // and not yet another with its number
		delete(r.own, pid)
	}
	over := r.strayed && !r.beside(nil)
	r.mu.Unlock()
	if over {
		r.endStrays()
	}
}

// beside reports whether a command runs, besides p. r.mu is held.
func (r *reaper) beside(p *process) bool {
	for _, other := range r.own {
		if other != nil && other != p {
			return true
		}
	}
	return false
}

func (r *reaper) knows(pid int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.own[pid]
	return ok
}

// endStrays ends all orphans, unless a command runs. None is started meanwhile.
func (r *reaper) endStrays() {
	r.starting.Lock()
	defer r.starting.Unlock()
	r.mu.Lock()
	begun, beside := time.Now(), r.beside(nil)
	r.mu.Unlock()
	for nap := time.Millisecond; !beside && time.Since(begun) < sweepTime; nap = min(2*nap, longestNap) {
		orphans := r.orphans(0)
		if len(orphans) == 0 {
			r.mu.Lock()
			r.strayed = false
			r.mu.Unlock()
			return
		}
		signalAll(orphans, syscall.SIGKILL)
		time.Sleep(nap)
	}
}

// left returns what is to be killed of the command, which has ended. It leaves
// an orphan that could also be another's, and then says so in p.
func (r *reaper) left(p *process) []int {
	p.strayed = false
	if len(r.strangers(p.pid)) == 0 {
		return nil
	}
	r.starting.Lock()
	defer r.starting.Unlock()
	orphans := r.orphans(p.pid)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.beside(p) {
		return orphans
	}
	return slices.DeleteFunc(orphans, func(pid int) bool {
		owner := r.owner(pid)
		if owner == nil && !hasEnded(pid) { // one that is dying tells nothing of itself
			p.strayed, r.strayed = true, true
		}
		return owner != p
	})
}

// tidy waits for orphans that have ended, so that a long build doesn't collect
// them.
func (r *reaper) tidy() {
	var info unix.Siginfo
	if unix.Waitid(unix.P_ALL, 0, &info, anyChild, nil) == nil && info.Signo != 0 {
		r.starting.Lock()
		defer r.starting.Unlock()
		r.orphans(0)
	}
}

// owner returns the command that the orphan is of, if that can be told.
func (r *reaper) owner(pid int) *process {
	session, _ := unix.Getsid(pid)
	if p := r.own[session]; p != nil {
		return p
	}
	env := environment(pid)
	for n := 0; env == "" && n < execTries && inExec(pid) && !hasEnded(pid); n++ {
		time.Sleep(time.Millisecond)
		env = environment(pid)
	}
	for _, p := range r.own {
		if p != nil && p.marks(env) {
			return p
		}
	}
	return nil
}

// execTries is how often it is looked, a millisecond apart, if a process has
// an environment again.
const execTries = 100

// inExec reports whether the process is within execve(2), where it has neither
// environment nor arguments for a moment; or dying.
func inExec(pid int) bool {
	args, err := readProc(strconv.Itoa(pid) + "/cmdline")
	return err == nil && args == ""
}

// orphans returns those with numbers after one that are alive, and waits for
// the others. r.starting is held: all that plx has started is known.
func (r *reaper) orphans(after int) []int {
	for {
		orphans := r.strangers(after)
		ended := len(orphans)
		orphans = slices.DeleteFunc(orphans, hasEnded)
		ended -= len(orphans)
		if ended == 0 || len(orphans) > 0 {
			return orphans
		}
		// What these have left may have lower numbers, after a wrap-around.
	}
}

// strangers returns the children of plx, with numbers after one, that it
// doesn't know: orphans, and what is just being started.
func (r *reaper) strangers(after int) []int {
	var found []int
	newest := r.load.newestPID()
	for {
		for _, pid := range numbers(after, newest) {
			if isChild(pid) && !r.knows(pid) && !r.isPlain(pid) {
				found = append(found, pid)
			}
		}
		newer := r.load.newestPID()
		if newer == newest {
			slices.Sort(found)
			return slices.Compact(found)
		}
		if newer > newest {
			after = newest // of those before, none can be new
		}
		newest = newer
	}
}

// isPlain reports whether a child shares plx's session: one that was started
// for something else than a command.
func (r *reaper) isPlain(pid int) bool {
	session, err := unix.Getsid(pid)
	return err == nil && session == r.session
}

// anyChild asks waitid(2) for a child without waiting for it.
const anyChild = unix.WEXITED | unix.WNOHANG | unix.WNOWAIT | unix.WALL

func isChild(pid int) bool {
	return unix.Waitid(unix.P_PID, pid, nil, anyChild, nil) == nil
}

// hasEnded waits for a child if that has ended, and reports whether it has.
func hasEnded(pid int) bool {
	n, err := syscall.Wait4(pid, nil, unix.WNOHANG|unix.WALL, nil)
	return n == pid || err == syscall.ECHILD
}
