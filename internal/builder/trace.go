package builder

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// This file tells which directories a command has left as they were laid, so
// that they need not be read and laid again. The rules are:
//
//   - Whatever is changed of a directory, or in it, gives it another ctime, which
//     no program can set. But only where the kernel counts finely enough: since
//     Linux 6.13 it does once somebody has looked. Before, and on other file
//     systems, two changes within some milliseconds look the same. So that is
//     tried out first, and without it nothing is believed.
//
//   - To be read changes only its atime, if anything. So that must be the same, too.
//
//   - Files are not believed: what is written through memory doesn't show in the
//     times of each file system.

// Traces are what a build directory was like when it was laid last. They are
// those of one directory. The zero Traces know nothing.
type Traces struct {
	tried, fine bool // the file system was tried; its ctimes tell
	dirs        map[string]trace
}

// An ending is what a directory is like when all is laid.
type ending struct {
	mode   fs.FileMode
	sealed bool // it has the time that files have
}

// A trace is a directory as it was left.
type trace struct {
	ending
	names        []string // what was laid in it, in order
	device       uint64
	inode        uint64
	atime, ctime unix.Timespec
}

// mostTraces is of how many directories traces are kept: to have them of a
// source that is larger would cost memory.
const mostTraces = 1000

// look sets what tells whether it is the same directory.
func (t *trace) look(dir string) bool {
	var st unix.Stat_t
	if unix.Lstat(dir, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return false
	}
	t.device, t.inode, t.atime, t.ctime = uint64(st.Dev), st.Ino, st.Atim, st.Ctim
	return true
}

// isKept reports whether the directory is as an earlier run has laid it, with
// these names in it, and is to end so again. Then there is nothing to do.
func (c *copier) isKept(dir string, end ending, names []string) bool {
	if !c.reuse || c.traces == nil {
		return false
	}
	was, known := c.traces.dirs[dir]
	if !known || was.ending != end || !slices.Equal(was.names, slices.Sorted(slices.Values(names))) {
		return false
	}
	is := was
	if !is.look(dir) || is.device != was.device || is.inode != was.inode || is.atime != was.atime || is.ctime != was.ctime {
		return false
	}
	c.kept[dir] = true
	return true
}

// begin notes that the directory is laid.
func (c *copier) begin(dir string, end ending, names []string) {
	if c.traces != nil {
		c.laid[dir] = trace{ending: end, names: slices.Sorted(slices.Values(names))}
	}
}

// disturb is to be called before something is made or removed under the name: so
// the directory where that is isn't kept.
func (c *copier) disturb(name string) error {
	dir := path.Dir(name)
	if !c.kept[dir] {
		return nil
	}
	delete(c.kept, dir)
	c.laid[dir] = c.traces.dirs[dir]
	if !c.laid[dir].sealed {
		return nil
	}
	return os.Chmod(dir, 0o700)
}

// leaveTraces takes down what the directories are like that were laid.
func (c *copier) leaveTraces(top string) error {
	ts := c.traces
	if ts == nil {
		return nil
	}
	if !ts.tried {
		var err error
		if ts.fine, err = countsFinely(top); err != nil {
			return err
		}
		ts.tried = true
	}
	if !ts.fine || len(c.laid)+len(c.kept) > mostTraces {
		ts.dirs = nil
		return nil
	}
	if ts.dirs == nil {
		ts.dirs = make(map[string]trace)
	}
	maps.DeleteFunc(ts.dirs, func(dir string, _ trace) bool { return !c.kept[dir] })
	for dir, t := range c.laid {
		if t.look(dir) {
			ts.dirs[dir] = t
		}
	}
	return nil
}

// coarsest is less than the ticks of any kernel that counts times in ticks.
const coarsest = 500 * time.Microsecond

// countsFinely reports whether of two changes of the directory each gives it
// another ctime, however close they are: whether three do within less time than
// there is between two ticks.
func countsFinely(dir string) (bool, error) {
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return false, &fs.PathError{Op: "stat", Path: dir, Err: err}
	}
	for range 5 { // it may have to wait for a processor
		begun := time.Now()
		for range 3 {
			was := st.Ctim
			if err := unix.Chmod(dir, uint32(st.Mode)&0o7777); err != nil {
				return false, &fs.PathError{Op: "chmod", Path: dir, Err: err}
			}
			if err := unix.Lstat(dir, &st); err != nil || st.Ctim == was {
				return false, err
			}
		}
		if time.Since(begun) < coarsest {
			return true, nil
		}
	}
	return false, nil
}
