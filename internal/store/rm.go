package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

// removedSuffix ends the name of the file that says that a realization was
// removed although something was built from it.
const removedSuffix = ".removed"

// RemoveOptions say what [Store.Remove] does.
type RemoveOptions struct {
	Force   bool   // remove what is in use, too
	Waiting func() // called if other processes must be waited for
}

// Remove removes realizations from the store. Their trees stay until gc. What
// is built from one of them and not removed with it, or a root that names it,
// is an [InUseError], and nothing is removed. So is a running process that may
// build on one, even with Force.
func (s *Store) Remove(ctx context.Context, refs []RRef, o RemoveOptions) error {
	if err := s.holdAlone(ctx, o.Waiting); err != nil {
		return fmt.Errorf("rm: %w", err)
	}
	if err := s.remove(ctx, refs, o.Force); err != nil {
		return fmt.Errorf("rm: %w", err)
	}
	return nil
}

func (s *Store) remove(ctx context.Context, refs []RRef, force bool) error {
	g, err := s.readGraph(ctx)
	if err != nil {
		return err
	}
	users, err := g.users()
	if err != nil {
		return err
	}
	running, err := s.running()
	if err != nil {
		return err
	}
	for _, ref := range refs {
		_, err := os.Lstat(s.recordPath(ref))
		if errors.Is(err, fs.ErrNotExist) {
			err = ErrNotExist
		}
		if err != nil {
			return fmt.Errorf("%v: %w", ref, err)
		}
		by := slices.Concat(running[ref.String()], running[ref.dref.String()])
		if slices.Sort(by); by != nil {
			by = slices.Compact(by)
			return &InUseError{Ref: ref, By: by, Running: true}
		}
		by = slices.DeleteFunc(users[ref], func(user string) bool {
			return slices.ContainsFunc(refs, func(r RRef) bool { return r.String() == user })
		})
		users[ref] = by
		if len(by) > 0 && !force {
			return &InUseError{Ref: ref, By: by}
		}
	}
	done, err := s.changing()
	if err != nil {
		return err
	}
	defer done()
	for _, ref := range g.dependentsFirst(refs) {
		if g.nodes[ref] != nil {
			if err := s.markGone(ref); err != nil {
				return err
			}
		}
		if len(users[ref]) > 0 {
			if err := s.place(s.OutPath(ref)+removedSuffix, nil, time.Time{}); err != nil {
				return err
			}
		}
		if err := s.dropRealization(ref); err != nil {
			return err
		}
	}
	return nil
}

// users returns, by realization, what is built from it and the roots that name
// it, or its derivation. A project is none: its plans name derivations, of which
// a person may remove results.
func (g *graph) users() (map[RRef][]string, error) {
	users := make(map[RRef][]string)
	for user, n := range g.nodes {
		for _, ref := range n.context {
			users[ref] = append(users[ref], user.String())
		}
	}
	roots, err := g.store.Roots()
	if err != nil {
		return nil, err
	}
	for _, root := range roots {
		refs := root.RRefs
		if len(root.DRefs) == 1 && root.Target == root.DRefs[0].String() {
			refs = g.of[root.DRefs[0]]
		}
		for _, ref := range refs {
			users[ref] = append(users[ref], "root "+root.Name)
		}
	}
	for _, by := range users {
		slices.Sort(by)
	}
	return users, nil
}

// running returns, by the text of a reference, the processes that refer to it.
func (s *Store) running() (map[string][]string, error) {
	ws, err := s.workers()
	if err != nil {
		return nil, err
	}
	by := make(map[string][]string)
	for _, w := range ws {
		for _, note := range w.notes {
			by[note] = append(by[note], "process "+w.pid())
		}
	}
	return by, nil
}

// dependentsFirst orders refs so that none loses its context before itself.
func (g *graph) dependentsFirst(refs []RRef) []RRef {
	var order []RRef
	for _, ref := range newMarks(g, false).deadOrder() {
		if slices.Contains(refs, ref) {
			order = append(order, ref)
		}
	}
	for _, ref := range refs {
		if g.nodes[ref] == nil {
			order = append(order, ref)
		}
	}
	return order
}

// An InUseError says why a realization can't be removed.
type InUseError struct {
	Ref RRef
	By  []string // realizations that are built from it, or roots that name it

	Running bool // By are processes, which will end
}

func (e *InUseError) Error() string {
	return fmt.Sprintf("%v is in use by %s", e.Ref, strings.Join(e.By, ", "))
}
