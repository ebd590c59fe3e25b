package builder

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestOwnCgroup(t *testing.T) {
	const (
		hybrid = "9:name=systemd:/\n4:memory:/x\n0::/a/b\n"
		mounts = "30 23 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n31 30 0:27 / /sys/fs/cgroup/unified rw,nosuid - cgroup2 cgroup2 rw\n"
	)
	if dir, err := ownCgroup(hybrid, mounts); err != nil || dir != "/sys/fs/cgroup/unified/a/b" {
		t.Errorf("got %s, %v", dir, err)
	}
	if _, err := ownCgroup("4:memory:/x\n", mounts); err == nil {
		t.Error("no error without version 2")
	}
	if _, err := ownCgroup(hybrid, ""); err == nil {
		t.Error("no error without a mount")
	}
}

// TestDivide uses a directory like that of a cgroup: what is written to its
// files stays there.
func TestDivide(t *testing.T) {
	for _, tt := range []struct{ controllers, subtree, procs, err string }{
		{"cpu memory pids\n", "memory pids\n", "1\n2\n", ""},
		{"cpu memory pids\n", "", "77\n", ""},
		{"cpu memory pids\n", "", "77\n78\n", "plx is not alone in it"},
		{"cpu\n", "", "77\n", "no controllers for memory and pids"},
		{"", "", "77\n", "no controllers for memory and pids"},
	} {
		dir := makeTree(t, map[string]string{"cgroup.controllers": tt.controllers, "cgroup.subtree_control": tt.subtree, "cgroup.procs": tt.procs})
		if err := os.Chmod(dir+"/cgroup.subtree_control", 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := divide(dir, 77)
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%+v: %v", tt, err)
		}
		if err == nil && tt.subtree == "" && (readFile(t, dir+"/plx/cgroup.procs") != "77" || readFile(t, dir+"/cgroup.subtree_control") != "+memory +pids") {
			t.Errorf("%+v: it was not divided", tt)
		}
	}
}

func TestCgroupBounds(t *testing.T) {
	c := &Cgroups{dir: t.TempDir()}
	if g, err := c.enter(Limits{}); g != nil || err != nil || g.fd() != 0 || g.leave() != nil {
		t.Errorf("without bounds: %v, %v", g, err)
	}
	g, err := c.enter(Limits{Memory: 1000, PIDs: 7})
	if err != nil || g.fd() == 0 {
		t.Fatal(err)
	}
	dir := c.dir + "/plx-" + strconv.Itoa(os.Getpid()) + "-1"
	for file, want := range map[string]string{"memory.max": "1000", "memory.swap.max": "0", "memory.oom.group": "1", "pids.max": "7"} {
		if got := readFile(t, dir+"/"+file); got != want {
			t.Errorf("%s is %q, want %q", file, got, want)
		}
		if err := os.Remove(dir + "/" + file); err != nil { // the kernel does
			t.Fatal(err)
		}
	}
	if err := g.leave(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the cgroup is left")
	}
}

func TestCgroupOutOfMemory(t *testing.T) {
	dir := makeTree(t, map[string]string{"memory.events": "low 0\noom 1\noom_kill 2\n"})
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var limit *LimitError
	if err := (&cgroup{f, 1000}).leave(); !errors.As(err, &limit) || err.Error() != "command wanted more than its memory of 1000 bytes" {
		t.Errorf("got %v", err)
	}
}

// TestCgroupsForReal holds a command to its bounds where that can be done.
func TestCgroupsForReal(t *testing.T) {
	c, err := OpenCgroups()
	if err != nil {
		t.Skip(err)
	}
	a := newAction(t, `head -c 100M /dev/zero | tail -c 90M > /dev/null`)
	a.Cgroups, a.Memory, a.PIDs = c, 20<<20, 20
	var limit *LimitError
	if _, err := Run(t.Context(), a); !errors.As(err, &limit) {
		t.Errorf("got %v", err)
	}
}
