package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets a test start this binary again as another process that uses a
// store: PLX_STORE_ROLE says what that does.
func TestMain(m *testing.M) {
	role, dir := os.Getenv("PLX_STORE_ROLE"), os.Getenv("PLX_STORE_DIR")
	if role == "" {
		os.Exit(m.Run())
	}
	if err := roles[role](dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// roles are what other processes do. They print a line when they are ready.
var roles = map[string]func(dir string) error{
	"hold":   holdRole,
	"action": actionRole,
	"work":   workRole,
	"change": changeRole,
	"commit": commitRole,
	"fuse":   fuseRole,
	"unpack": unpackRole,
}

func holdRole(dir string) error {
	s, err := Open(dir)
	if err != nil {
		return err
	}
	if err := s.Hold(context.Background(), nil); err != nil {
		return err
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	return s.Close()
}

func actionRole(dir string) error {
	s, err := Open(dir)
	if err != nil {
		return err
	}
	if err := s.Hold(context.Background(), nil); err != nil {
		return err
	}
	release, err := s.LockAction(context.Background(), HashOf([]byte("action")), "theirs", nil)
	if err := errors.Join(err, s.Release()); err != nil {
		return err
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	release()
	return s.Close()
}

// workRole has a directory in tmp.
func workRole(dir string) error {
	s, err := Open(dir)
	if err != nil {
		return err
	}
	if err := s.Hold(context.Background(), nil); err != nil {
		return err
	}
	st, err := s.Stage()
	if err != nil {
		return err
	}
	fmt.Println(st.Dir())
	io.Copy(io.Discard, os.Stdin)
	return s.Close()
}

// commitRole commits what [committed] returns.
func commitRole(dir string) error {
	s, err := Open(dir)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := committed(s); err != nil {
		return err
	}
	return s.Close()
}

// fuseRole does the same, and kills itself on the way: PLX_STORE_FUSE says how
// far it gets, as part of the time that it takes elsewhere.
func fuseRole(dir string) error {
	var part float64
	if _, err := fmt.Sscan(os.Getenv("PLX_STORE_FUSE"), &part); err != nil {
		return err
	}
	began := time.Now()
	if err := commitRole(dir + "-trial"); err != nil {
		return err
	}
	time.AfterFunc(time.Duration(float64(time.Since(began))*part), func() { syscall.Kill(os.Getpid(), syscall.SIGKILL) })
	return commitRole(dir)
}

// committed does what a short run of plx does: a source, a derivation, its
// result with a log and volatile outputs, an import, an adoption.
func committed(s *Store) (refs []RRef, err error) {
	ctx := context.Background()
	if err := s.Hold(ctx, nil); err != nil {
		return nil, err
	}
	source, err := s.AddFiles(ctx, []SourceFile{{Path: "sub/a.txt", Text: "a"}, {Path: "b.txt", Text: "b"}})
	if err != nil {
		return nil, err
	}
	leaf, err := addDerivation(s, Derivation{Name: "leaf", Kind: ActionImport, Source: source})
	if err != nil {
		return nil, err
	}
	in, err := s.Import(leaf, nil, source, Origin{Action: HashOf([]byte("import"))})
	if err != nil {
		return nil, err
	}
	made, err := built(s, Derivation{Name: "run", Kind: ActionRun, Script: "x", Inputs: map[string]Input{"in": {From: []DRef{leaf}}}}, Context{"in": {in.Ref}})
	if err != nil {
		return nil, err
	}
	other, err := addDerivation(s, Derivation{Name: "other", Kind: ActionRun, Script: "x"})
	if err != nil {
		return nil, err
	}
	adopted, err := s.Adopt(made, other, nil)
	return []RRef{in.Ref, made.Ref, adopted.Ref}, err
}

func addDerivation(s *Store, d Derivation) (DRef, error) {
	ref, _, err := d.Ref()
	if err != nil {
		return DRef{}, err
	}
	return ref, s.AddDerivations(maps.All(map[DRef]Derivation{ref: d}))
}

func built(s *Store, d Derivation, c Context) (Realization, error) {
	dref, err := addDerivation(s, d)
	if err != nil {
		return Realization{}, err
	}
	st, err := s.Stage()
	if err != nil {
		return Realization{}, err
	}
	defer st.Abort()
	if err := os.MkdirAll(st.Out()+"/dir/deep", 0o777); err != nil {
		return Realization{}, err
	}
	for name, text := range map[string]string{"/out/dir/deep/file": "content", "/out/empty": "", "/out/log.txt": "today", ".log": "hello\n"} {
		if err := os.WriteFile(st.Dir()+name, []byte(text), 0o666); err != nil {
			return Realization{}, err
		}
	}
	if _, err := st.Freeze([]string{"log.txt"}); err != nil {
		return Realization{}, err
	}
	r, _, err := st.Commit(dref, c, Origin{Action: HashOf([]byte("built")), Run: 1})
	return r, err
}

// A process is another process that uses a store.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	said  string // its first line
}

func start(t *testing.T, role, dir string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PLX_STORE_ROLE="+role, "PLX_STORE_DIR="+dir)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("%s: %v", role, err)
	}
	return &process{cmd, stdin, strings.TrimSpace(line)}
}

func (p *process) end(t *testing.T) {
	t.Helper()
	p.stdin.Close()
	if err := p.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func (p *process) kill() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

// tempDir is t.TempDir for what may be read-only.
func tempDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() {
		if err := removeAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// open opens the store at dir, and closes it with the test.
func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// held returns a new store, ready to be written to.
func held(t *testing.T) *Store {
	t.Helper()
	s := open(t, filepath.Join(tempDir(t), "store"))
	hold(t, s)
	return s
}

func hold(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Hold(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
}

// write makes the files below dir: a name that ends in / is a directory, a
// text that begins with -> a symlink, one that begins with #! an executable.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path, text := filepath.Join(dir, name), files[name]
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		var err error
		target, link := strings.CutPrefix(text, "->")
		switch {
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o777)
		case link:
			err = os.Symlink(target, path)
		case strings.HasPrefix(text, "#!"):
			err = os.WriteFile(path, []byte(text), 0o777)
		default:
			err = os.WriteFile(path, []byte(text), 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// stage returns a staging whose result has the files.
func stage(t *testing.T, s *Store, files map[string]string) *Staging {
	t.Helper()
	st, err := s.Stage()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(st.Out(), 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, st.Out(), files)
	return st
}

func freeze(t *testing.T, st *Staging, volatile ...string) Manifest {
	t.Helper()
	m, err := st.Freeze(volatile)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// derive adds a derivation with a name of its own.
func derive(t *testing.T, s *Store, d Derivation) DRef {
	t.Helper()
	if d.Kind == "" {
		d.Kind = ActionRun
	}
	ref, err := addDerivation(s, d)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// result commits a result with one file.
func result(t *testing.T, s *Store, dref DRef, c Context, text string) Realization {
	t.Helper()
	st := stage(t, s, map[string]string{"file": text})
	freeze(t, st)
	r, _, err := st.Commit(dref, c, Origin{Action: HashOf([]byte("action of " + dref.String())), Run: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Abort(); err != nil {
		t.Fatal(err)
	}
	return r
}

// files returns the paths below dir with their modes, sizes and link targets.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := info.Mode().String()
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += " " + HashOf(data).String()
		}
		if target, err := os.Readlink(path); err == nil {
			text += " " + target
		}
		rel, err := filepath.Rel(dir, path)
		all[rel] = text
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
