package builder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A command is a process to be started, everything about it resolved.
type command struct {
	path   string // of the program
	argv   []string
	env    []string
	dir    string    // where it starts
	files  []uintptr // its standard input, output and error, then those of a jobserver
	tty    bool      // the first of them is a terminal, which becomes its controlling one
	cgroup int       // a file: the cgroup that it is started in; 0: the one that plx is in
	marker string    // an entry of env that no other build has
	search string    // in a cell: where the program is looked up
}

// run starts the command in the build directory, and returns when none of its
// processes is left.
func (b build) run(ctx context.Context, env *environ) (Usage, error) {
	null, err := open(os.DevNull, unix.O_RDWR, 0)
	if err != nil {
		return Usage{}, err
	}
	defer unix.Close(null)
	log := uintptr(null)
	if b.Log != nil {
		log = b.Log.Fd()
	}
	program, err := b.program(env)
	if err != nil {
		return Usage{}, err
	}
	if ctx.Err() != nil {
		return Usage{}, interrupted(ctx)
	}
	c := command{
		path:   program,
		argv:   b.Argv,
		env:    env.list(),
		dir:    b.src(),
		files:  append(b.standardFiles(uintptr(null), log), b.jobFiles()...),
		tty:    b.Terminal,
		marker: "PLX_BUILD=" + b.seen.description(),
		search: env.values["PATH"],
	}
	if b.logStart, err = logSize(b.Log); err != nil {
		return Usage{}, err
	}
	group, err := b.Cgroups.enter(b.Limits)
	if err != nil {
		return Usage{}, err
	}
	c.cgroup = group.fd()
	u := Usage{Started: time.Now(), Sandbox: b.walls.String()}
	p, remove, err := b.Control.start(func() (*process, error) { return b.start(c) })
	runtime.KeepAlive(b)
	if err != nil {
		group.leave()
		return Usage{}, err
	}
	defer p.release()
	early := b.supervise(ctx, p)
	err = p.sweep()
	remove()
	if err != nil {
		return u, errors.Join(early, err)
	}
	u.Stopped = time.Now()
	end := p.reap(&u)
	u.Over = p.isOver()
	if err := group.leave(); err != nil {
		end = err
	}
	if end == nil {
		end = b.final()
	}
	if err := b.cutLog(); err != nil {
		return u, errors.Join(early, end, err)
	}
	return u, cmp.Or(early, end)
}

// standardFiles returns the command's standard input, output and error.
func (b build) standardFiles(null, log uintptr) []uintptr {
	if b.Streams[0] == nil {
		return []uintptr{null, log, log}
	}
	return []uintptr{b.Streams[0].Fd(), b.Streams[1].Fd(), b.Streams[2].Fd()}
}

// jobFiles returns what the command gets of a jobserver.
func (b build) jobFiles() []uintptr {
	if b.Jobs[0] == nil {
		return nil
	}
	return []uintptr{b.Jobs[0].Fd(), b.Jobs[1].Fd()}
}

// program returns the path of the command's program. In a cell it is looked up
// there.
func (b build) program(env *environ) (string, error) {
	if b.walls.namespaces {
		return "", nil
	}
	return b.find(b.Argv[0], env.values["PATH"])
}

// find returns the path of the program that the command's first word names,
// as a shell does that is in src.
func (b build) find(name, search string) (string, error) {
	if strings.Contains(name, "/") {
		program := b.fromSource(name)
		if err := checkProgram(program); err != nil {
			return "", fmt.Errorf("command %q: %w", name, err)
		}
		return program, nil
	}
	for dir := range strings.SplitSeq(search, ":") {
		program := filepath.Join(b.fromSource(dir), name)
		if checkProgram(program) == nil {
			return program, nil
		}
	}
	return "", fmt.Errorf("command %q: not found on PATH, which is %s", name, search)
}

func (b build) fromSource(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(b.seen.src(), p)
}

func checkProgram(program string) error {
	var st unix.Stat_t
	_, err := again(func() (int, error) { return 0, unix.Stat(program, &st) })
	switch {
	case err == unix.ENOENT:
		return errNoFile
	case err != nil:
		return &fs.PathError{Op: "stat", Path: program, Err: err}
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return errors.New("it is a directory")
	case st.Mode&0o111 == 0:
		return errors.New("it is not executable")
	}
	return nil
}

var errNoFile = errors.New("there is no such file")

// underShell returns a command that does the same with the umask of builds,
// for where a process can't be started with another umask than plx's own. The
// shell may be one that exports variables of its own.
func (c command) underShell() command {
	c.argv = append([]string{"sh", "-c", fmt.Sprintf(`umask %03o && unset PWD OLDPWD SHLVL && exec "$@"`, umask), "sh", c.path}, c.argv[1:]...)
	c.path = "/bin/sh"
	return c
}

// umask is that of every command, so that the modes of what it makes don't
// depend on who runs plx.
const umask = 0o022

// explain says more about why a command was not started than errno does.
func (c command) explain(err error) error {
	switch {
	case errors.Is(err, syscall.E2BIG):
		return fmt.Errorf("command %q: %w: %s", c.argv[0], err, c.tooLarge())
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("command %q: %w: a script must begin with #! and the path of its interpreter", c.argv[0], err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("command %q: %s is there, but not the interpreter that it names", c.argv[0], c.path)
	default:
		return fmt.Errorf("command %q: %w", c.argv[0], err)
	}
}

// maxString is the size in bytes of the longest argument or variable that
// Linux hands to a program: 32 pages, with the NUL at its end.
const maxString = 128<<10 - 1

// tooLarge says what of the command is too large for execve, and how to do
// with less.
func (c command) tooLarge() string {
	for _, arg := range c.argv {
		if len(arg) > maxString {
			return fmt.Sprintf("an argument has %d bytes: put the script into a file of src", len(arg))
		}
	}
	total := 0
	for _, entry := range c.env {
		if len(entry) > maxString {
			name, _, _ := strings.Cut(entry, "=")
			return fmt.Sprintf("the variable %s has %d bytes: put a long value of config into an array, "+
				"which stands only in $PLX_BUILD, or into a file of src", name, len(entry))
		}
		total += len(entry) + 1
	}
	return fmt.Sprintf("the environment has %d variables with %d bytes together: make many inputs into one that is a list, "+
		"and read its files from its directory or from $PLX_BUILD", len(c.env), total)
}
