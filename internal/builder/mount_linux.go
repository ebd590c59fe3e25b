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
	fd, _, err := openThere(target)
	if err != nil {
		return nil
	}
	unix.Close(fd)
	return show(target, target)
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
	return nil
}

// showMemory mounts what commands write to that is no file: nothing of it
// outlives them.
func showMemory() error {
	if err := unix.Mount("devpts", "/dev/pts", "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620"); err != nil {
		return os.NewSyscallError("mount /dev/pts", err)
	}
	err := unix.Mount("shm", "/dev/shm", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777")
	return os.NewSyscallError("mount /dev/shm", err)
}

// buildMount returns a mount of the build directory, attached nowhere: the one
// that came with the order, if one did.
func buildMount(dir string, mounts []int) (fd int, err error) {
	if len(mounts) > 0 {
		fd, err = unix.FcntlInt(uintptr(mounts[0]), unix.F_DUPFD_CLOEXEC, 0)
		return fd, os.NewSyscallError("fcntl", err)
	}
	fd, err = unix.OpenTree(unix.AT_FDCWD, dir, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return -1, &fs.PathError{Op: "open_tree", Path: dir, Err: err}
	}
	return fd, nil
}

// makePoints makes what the build directory is shown at, and the links into it.
func makePoints() error {
	for _, dir := range []string{string(cellDir), "/var"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	return errors.Join(os.Symlink(cellDir.tmp(), "/tmp"), os.Symlink("/tmp", "/var/tmp"))
}

// showBuild shows the build directory.
func showBuild(mount int) error {
	attributes := &unix.MountAttr{Attr_set: given}
	if err := unix.MountSetattr(mount, "", unix.AT_EMPTY_PATH, attributes); err != nil {
		return os.NewSyscallError("mount_setattr", err)
	}
	err := unix.MoveMount(mount, "", unix.AT_FDCWD, string(cellDir), unix.MOVE_MOUNT_F_EMPTY_PATH)
	if err != nil {
		return &fs.PathError{Op: "move_mount", Path: string(cellDir), Err: err}
	}
	return nil
}

// showAll shows what the stage has asked for. A device is of no use without
// being one.
func showAll(paths []string) error {
	for _, p := range paths {
		if err := show(p, p); err != nil {
			return fmt.Errorf("sandbox path %w", err)
		}
	}
	return nil
}

// show shows a file or directory of the machine, read-only.
func show(from, to string) error {
	fd, dir, err := openThere(from)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	defer unix.Close(fd)
	attributes := uint64(shown)
	if strings.HasPrefix(to, "/dev/") {
		attributes &^= unix.MOUNT_ATTR_NODEV
	}
	if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
		if err := makePoint(to, dir); err != nil {
			return err
		}
	}
	return bind(fmt.Sprintf("/proc/self/fd/%d", fd), to, attributes)
}

// openThere opens what has the path on the machine, where links lead as they do
// there, and reports whether it is a directory.
func openThere(path string) (fd int, dir bool, err error) {
	root, err := unix.Open(machine, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, false, err
	}
	defer unix.Close(root)
	fd, err = unix.Openat2(root, path, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT})
	if err != nil {
		return -1, false, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return -1, false, err
	}
	return fd, st.Mode&unix.S_IFMT == unix.S_IFDIR, nil
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
	return show(program, cellBin+"/plx")
}
