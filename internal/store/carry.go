package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// carryName is how the directories begin that hold what attempts at a run left
// for the next: carry-<action key>-<run>.
const carryName = "carry-"

// A Carried is what attempts at one run of an action left for the next. It is
// this process's until it is released.
type Carried struct {
	store *Store
	f     *os.File // the directory, locked
}

// Carry locks what attempts at the run of the action left. What is in there is
// no result: nobody has looked at it.
func (s *Store) Carry(ctx context.Context, key Hash, run int) (*Carried, error) {
	s.mustHold()
	f, err := s.lockWork(ctx, carryName+key.String()+"-"+strconv.Itoa(run), nil)
	if err != nil {
		return nil, fmt.Errorf("carry: %w", err)
	}
	return &Carried{s, f}, nil
}

// Dir returns the directory with what was left, or nothing if there is none.
func (c *Carried) Dir() string {
	if names, err := dirNames(c.f.Name()); err != nil || len(names) == 0 {
		return ""
	}
	return c.f.Name()
}

// Keep takes what the staged build has left at the paths below out. What was
// left at other paths stays. The error is a [TreeError] if there is something
// that can't be handed on; the rest is.
func (c *Carried) Keep(st *Staging, paths []string) error {
	var errs []error
	for _, p := range paths {
		if err := c.keep(st, p); err != nil {
			errs = append(errs, fmt.Errorf("carry: %w", err))
		}
	}
	return errors.Join(errs...)
}

func (c *Carried) keep(st *Staging, p string) error {
	if !st.store.exists(st.Out()) {
		return nil
	}
	there, err := st.movable(p)
	if err != nil || !there {
		return err
	}
	if err := readable(st.Out(), p); err != nil {
		return err
	}
	to := c.f.Name() + "/" + p
	if err := c.store.drop(to); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	return os.Rename(st.Out()+"/"+p, to)
}

// readable sees to it that what lies at the path below top can be copied. It
// must be files, directories and symlinks.
func readable(top, p string) error {
	return filepath.WalkDir(top+"/"+p, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch d.Type() {
		case fs.ModeSymlink:
			return nil
		case fs.ModeDir:
			return allow(name, info, 0o700)
		case 0:
			return allow(name, info, 0o400)
		}
		return &TreeError{name[len(top)+1:], errors.New("is neither a file nor a directory nor a symlink")}
	})
}

// allow adds permissions that are missing.
func allow(name string, info fs.FileInfo, mode fs.FileMode) error {
	if info.Mode()&mode == mode {
		return nil
	}
	return os.Chmod(name, info.Mode().Perm()|mode)
}

// Release lets others have what was left. With done, it is removed: the run
// has come to its end.
func (c *Carried) Release(done bool) error {
	var err error
	if done || c.Dir() == "" {
		err = removeAll(c.f.Name())
	}
	return errors.Join(err, c.f.Close())
}
