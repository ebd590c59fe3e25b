package builder

// This file holds commands to memory and processes by cgroups of version 2.
// That takes a cgroup that plx may divide: one that was delegated to it, as
// systemd-run --user --scope -p Delegate=yes does. plx must be alone in it: a
// cgroup with processes of its own can't be divided, so plx moves itself below.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Cgroups make a cgroup for each command that has a bound for memory or
// processes. A nil Cgroups makes none.
type Cgroups struct {
	dir  string // the cgroup that is divided
	made atomic.Int64
}

// controllers are those that hold a command to its bounds.
var controllers = []string{"memory", "pids"}

// OpenCgroups returns the cgroups of this process. The error says why there
// are none; then nothing holds commands to these bounds.
func OpenCgroups() (*Cgroups, error) {
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, fmt.Errorf("cgroups: %w", err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("cgroups: %w", err)
	}
	dir, err := ownCgroup(string(own), string(mounts))
	if err != nil {
		return nil, fmt.Errorf("cgroups: %w", err)
	}
	return divide(dir, os.Getpid())
}

// ownCgroup returns the directory of this process's cgroup of version 2.
func ownCgroup(own, mounts string) (string, error) {
	name, mount := "", ""
	for line := range strings.Lines(own) {
		if rest, ok := strings.CutPrefix(line, "0::"); ok {
			name = strings.TrimSpace(rest)
		}
	}
	for line := range strings.Lines(mounts) {
		before, after, ok := strings.Cut(line, " - ")
		f := strings.Fields(before)
		if ok && strings.HasPrefix(after, "cgroup2 ") && len(f) > 4 {
			mount = f[4]
		}
	}
	if name == "" || mount == "" {
		return "", errors.New("there is no hierarchy of version 2")
	}
	return filepath.Join(mount, name), nil
}

// divide prepares a cgroup to be divided by the process.
func divide(dir string, pid int) (*Cgroups, error) {
	c := &Cgroups{dir: dir}
	if controls(dir, "cgroup.subtree_control") {
		return c, nil
	}
	if !controls(dir, "cgroup.controllers") {
		return nil, fmt.Errorf("cgroup %s: it has no controllers for memory and pids: they are not delegated, or bound to version 1", dir)
	}
	procs, err := os.ReadFile(dir + "/cgroup.procs")
	if err != nil {
		return nil, fmt.Errorf("cgroup %s: %w", dir, err)
	}
	if all := strings.Fields(string(procs)); len(all) != 1 || all[0] != strconv.Itoa(pid) {
		return nil, fmt.Errorf("cgroup %s: plx is not alone in it: start it by systemd-run --user --scope -p Delegate=yes", dir)
	}
	below := dir + "/plx"
	if err := os.Mkdir(below, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("cgroup: %w", err)
	}
	if err := setNumber(below, "cgroup.procs", int64(pid)); err != nil {
		return nil, fmt.Errorf("cgroup: %w", err)
	}
	if err := os.WriteFile(dir+"/cgroup.subtree_control", []byte("+memory +pids"), 0o644); err != nil {
		return nil, fmt.Errorf("cgroup: %w", err)
	}
	return c, nil
}

// controls reports whether a list of controllers has those that are needed.
func controls(dir, file string) bool {
	text, err := os.ReadFile(dir + "/" + file)
	have := strings.Fields(string(text))
	return err == nil && !slices.ContainsFunc(controllers, func(name string) bool { return !slices.Contains(have, name) })
}

func setNumber(dir, file string, n int64) error {
	return os.WriteFile(dir+"/"+file, strconv.AppendInt(nil, n, 10), 0o644)
}

// A cgroup is that of one command; nil, for one without bounds.
type cgroup struct {
	f      *os.File // its directory
	memory int64
}

// enter makes the cgroup of a command.
func (c *Cgroups) enter(l Limits) (*cgroup, error) {
	if c == nil || l.Memory == 0 && l.PIDs == 0 {
		return nil, nil
	}
	dir := fmt.Sprintf("%s/plx-%d-%d", c.dir, os.Getpid(), c.made.Add(1))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	err := bound(dir, l)
	if err == nil {
		f, err := os.Open(dir)
		if err == nil {
			return &cgroup{f, l.Memory}, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("cgroup %s: %w", dir, err), os.Remove(dir))
}

func bound(dir string, l Limits) error {
	var errs []error
	if l.Memory > 0 {
		errs = append(errs, setNumber(dir, "memory.max", l.Memory), setNumber(dir, "memory.oom.group", 1))
		if err := setNumber(dir, "memory.swap.max", 0); !errors.Is(err, os.ErrPermission) { // so it is without swap
			errs = append(errs, err)
		}
	}
	if l.PIDs > 0 {
		errs = append(errs, setNumber(dir, "pids.max", l.PIDs))
	}
	return errors.Join(errs...)
}

// leave removes the cgroup, in which no process is left. The error is a
// [LimitError] if the kernel ended the command since it wanted more memory.
func (g *cgroup) leave() error {
	if g == nil {
		return nil
	}
	defer g.f.Close()
	events, _ := os.ReadFile(g.f.Name() + "/memory.events")
	err := os.Remove(g.f.Name())
	for nap := time.Millisecond; err != nil && nap < time.Second; nap *= 2 { // the last zombie may not be gone yet
		time.Sleep(nap)
		err = os.Remove(g.f.Name())
	}
	for line := range strings.Lines(string(events)) {
		if n, ok := strings.CutPrefix(line, "oom_kill "); ok && strings.TrimSpace(n) != "0" {
			return &LimitError{maxMemory, g.memory, g.memory}
		}
	}
	return err
}

// fd returns what a process is started in; 0 for none.
func (g *cgroup) fd() int {
	if g == nil {
		return 0
	}
	return int(g.f.Fd())
}
