package builder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// This file makes the place that a command is in:
//
//	/usr /bin /lib /etc …   those of the machine, read-only, without set-id bits and devices
//	/etc/passwd group hosts the same everywhere
//	/build                  the build directory
//	/tmp /var/tmp           links to /build/tmp
//	/proc                   of the cell, read-only
//	/dev                    null zero full random urandom tty ptmx pts shm
//	/plx/bin/plx            plx
//
// and what the stage asks for. The root itself is read-only.

// machine is where the machine's own root is while a place is made.
const machine = "/machine"

// How what is the machine's is mounted, and what is the command's.
const (
	shown = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
	given = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
)

// systemDirs returns the directories that each command sees, of those that the
// machine has. /nix/store and /gnu/store are the /usr of NixOS and Guix.
func systemDirs() []string {
	var dirs []string
	for _, dir := range []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/nix/store", "/gnu/store"} {
		if _, err := os.Lstat(dir); err == nil {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// enter makes the place for the order, and moves the thread into it.
func (w *warden) enter(o order, mounts []int) error {
	flags := unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS
	if !o.Network {
		flags |= unix.CLONE_NEWNET
	}
	if err := unix.Unshare(flags); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	for _, step := range []func() error{
		newRoot,
		w.showSystem,
		func() error { return fixNames(o.Network) },
		showDevices,
		func() error { return showBuild(o.Dir, mounts) },
		func() error { return showAll(o.Open) },
		func() error { return showProgram(o.Program) },
		leaveMachine,
		func() error { return setNames(o.Network) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// newRoot makes an empty root, and the machine's own one a directory of it.
func newRoot() error {
	const at = "/proc" // any directory that is surely there
	if err := unix.Mount("root", at, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755,size=1m"); err != nil {
		return os.NewSyscallError("mount root", err)
	}
	if err := unix.Mkdir(at+machine, 0o700); err != nil {
		return os.NewSyscallError("mkdir", err)
	}
	if err := unix.PivotRoot(at, at+machine); err != nil {
		return os.NewSyscallError("pivot_root", err)
	}
	return os.NewSyscallError("chdir", unix.Chdir("/"))
}

// leaveMachine takes away the machine's root, and closes the new one.
func leaveMachine() error {
	if err := unix.Unmount(machine, unix.MNT_DETACH); err != nil {
		return os.NewSyscallError("unmount", err)
	}
	if err := unix.Rmdir(machine); err != nil {
		return os.NewSyscallError("rmdir", err)
	}
	return setMount("/", 0, shown)
}

// setMount gives a mount the attributes, in addition.
func setMount(path string, flags uint, attributes uint64) error {
	err := unix.MountSetattr(unix.AT_FDCWD, path, flags, &unix.MountAttr{Attr_set: attributes})
	if err != nil {
		return &fs.PathError{Op: "mount_setattr", Path: path, Err: err}
	}
	return nil
}

// bind shows a file or directory of the machine at the path, which is there.
func bind(from, to string, attributes uint64) error {
	if err := unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return &fs.PathError{Op: "mount", Path: strings.TrimPrefix(from, machine), Err: err}
	}
	if attributes == 0 {
		return nil
	}
	return setMount(to, unix.AT_RECURSIVE, attributes)
}

// showSystem shows the directories of the system, links as links, and /proc.
func (w *warden) showSystem() error {
	for _, dir := range w.system {
		if target, err := os.Readlink(machine + dir); err == nil {
			if err := os.Symlink(target, dir); err != nil {
				return err
			}
			continue
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := bind(machine+dir, dir, shown); err != nil {
			return err
		}
	}
	if err := unix.Mkdir("/proc", 0o755); err != nil {
		return os.NewSyscallError("mkdir", err)
	}
	return bind(machine+"/proc", "/proc", unix.MOUNT_ATTR_RDONLY)
}

// Users, groups and hosts, as each command sees them.
const (
	passwdFile = "root:x:0:0:root:/:/sbin/nologin\nplx:x:1000:1000:plx:/build/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n"
	groupFile  = "root:x:0:\nplx:x:1000:\nnogroup:x:65534:\n"
	hostsFile  = "127.0.0.1 localhost\n::1 localhost\n"
)

// fixNames puts files that are the same everywhere over those of /etc. With
// the network the machine's hosts are of use, and what is needed to ask for
// others.
func fixNames(network bool) error {
	for name, text := range map[string]string{"/etc/passwd": passwdFile, "/etc/group": groupFile, "/etc/hosts": hostsFile} {
		if _, err := os.Stat(name); err != nil || network && name == "/etc/hosts" {
			continue
		}
		const file = machineFile
		if err := os.WriteFile(file, []byte(text), 0o444); err != nil {
			return err
		}
		if err := bind(file, name, shown); err != nil {
			return err
		}
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	if !network {
		return nil
	}
	return showTarget("/etc/resolv.conf")
}

// machineFile is where a file is made before it is shown elsewhere.
const machineFile = "/file"

// showTarget shows what a symlink of the system leads to, if that isn't there.
func showTarget(link string) error {
	if _, err := os.Stat(link); err == nil {
		return nil
	}
	target, err := os.Readlink(link)
	if err != nil {
		return nil // it has no such file
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(link), target)
	}
	if _, err := os.Stat(machine + target); err != nil {
		return nil
	}
	return show(machine+target, target)
}

// showDevices makes /dev.
func showDevices() error {
	for _, dir := range []string{"/dev", "/dev/pts", "/dev/shm"} {
		if err := unix.Mkdir(dir, 0o755); err != nil {
			return os.NewSyscallError("mkdir", err)
		}
	}
	for _, name := range []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"} {
		if err := writeFile(name, nil, 0o666); err != nil {
			return err
		}
		if err := bind(machine+name, name, 0); err != nil {
			return err
		}
	}
	for name, target := range map[string]string{
		"/dev/ptmx": "pts/ptmx", "/dev/fd": "/proc/self/fd",
		"/dev/stdin": "/proc/self/fd/0", "/dev/stdout": "/proc/self/fd/1", "/dev/stderr": "/proc/self/fd/2",
	} {
		if err := unix.Symlink(target, name); err != nil {
			return os.NewSyscallError("symlink", err)
		}
	}
	if err := unix.Mount("devpts", "/dev/pts", "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620"); err != nil {
		return os.NewSyscallError("mount /dev/pts", err)
	}
	err := unix.Mount("shm", "/dev/shm", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777")
	return os.NewSyscallError("mount /dev/shm", err)
}

// showBuild shows the build directory, which is in the machine's root or comes
// as a mount.
func showBuild(dir string, mounts []int) error {
	if err := os.Mkdir(string(cellDir), 0o755); err != nil {
		return err
	}
	if len(mounts) > 0 {
		err := unix.MoveMount(mounts[0], "", unix.AT_FDCWD, string(cellDir), unix.MOVE_MOUNT_F_EMPTY_PATH)
		if err != nil {
			return &fs.PathError{Op: "move_mount", Path: string(cellDir), Err: err}
		}
	} else if err := unix.Mount(machine+dir, string(cellDir), "", unix.MS_BIND, ""); err != nil {
		return &fs.PathError{Op: "mount", Path: dir, Err: err}
	}
	if err := setMount(string(cellDir), 0, given); err != nil {
		return err
	}
	if err := os.MkdirAll("/var", 0o755); err != nil {
		return err
	}
	return errors.Join(os.Symlink(cellDir.tmp(), "/tmp"), os.Symlink("/tmp", "/var/tmp"))
}

// showAll shows what the stage has asked for. A device is of no use without
// being one.
func showAll(paths []string) error {
	for _, p := range paths {
		if err := show(machine+p, p); err != nil {
			return fmt.Errorf("sandbox path %w", err)
		}
	}
	return nil
}

// show shows a file or directory of the machine, read-only.
func show(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return errors.New(strings.TrimPrefix(from, machine) + ": " + errors.Unwrap(err).Error())
	}
	attributes := uint64(shown)
	if strings.HasPrefix(to, "/dev/") {
		attributes &^= unix.MOUNT_ATTR_NODEV
	}
	if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
		if err := makePoint(to, info.IsDir()); err != nil {
			return err
		}
	}
	return bind(from, to, attributes)
}

// makePoint makes what a mount is to cover: below /tmp as the command's user,
// for there nobody else is known.
func makePoint(to string, dir bool) error {
	if strings.HasPrefix(to, "/tmp/") || strings.HasPrefix(to, "/var/tmp/") {
		uid, _ := unix.SetfsuidRetUid(insideID)
		gid, _ := unix.SetfsgidRetGid(insideID)
		defer unix.Setfsuid(uid)
		defer unix.Setfsgid(gid)
	}
	if dir {
		return os.MkdirAll(to, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return writeFile(to, nil, 0o644)
}

// showProgram shows plx itself.
func showProgram(program string) error {
	if program == "" {
		return nil
	}
	return show(machine+program, cellBin+"/plx")
}

// hostName is what the machine is called in each cell.
const hostName = "localhost"

// setNames names the machine, and without the network it has itself to talk to.
func setNames(network bool) error {
	if err := unix.Sethostname([]byte(hostName)); err != nil {
		return os.NewSyscallError("sethostname", err)
	}
	unix.Setdomainname([]byte("(none)"))
	if network {
		return nil
	}
	return raiseLoopback()
}

// raiseLoopback turns on the interface lo.
func raiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil // the kernel has no internet protocol, and so no loopback
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return os.NewSyscallError("raise lo", unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo))
}
