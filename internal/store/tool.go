package store

import (
	"context"
	"fmt"
	"os"
)

// toolsFile remembers what programs contain that stages name, in the form of
// seen.go: a program of 50 MB must not be read in each run.
const toolsFile = "tools"

// Tool returns what the program at the path contains. It is read only if it
// has changed since a process that writes to the store has read it.
func (s *Store) Tool(ctx context.Context, path string) (Tool, error) {
	t, err := s.tool(ctx, path)
	if err != nil {
		return t, fmt.Errorf("tool %s: %w", path, err)
	}
	return t, nil
}

func (s *Store) tool(ctx context.Context, path string) (Tool, error) {
	known := s.knownTools()
	noted := s.witness.clock()
	_, st, err := statFile(path)
	if err != nil {
		return Tool{}, err
	}
	if was, ok := known.find(path, st); ok {
		s.witness.note(clue{aspectContent, path, st, was.digest}, noted)
		return Tool{path, was.digest}, nil
	}
	opened := known.clock()
	f, err := os.Open(path)
	if err != nil {
		return Tool{}, err
	}
	defer f.Close()
	now := sight{}
	if now.stamp, err = fstatFile(f); err != nil {
		return Tool{}, err
	}
	var size int64
	if now.digest, _, size, err = newIntake(ctx, s, false).hash(f, noFile(), false); err != nil {
		return Tool{}, err
	}
	if size == now.size {
		known.add(path, now, opened)
		s.witness.note(clue{aspectContent, path, now.stamp, now.digest}, opened)
	} else {
		s.witness.Spoil()
	}
	return Tool{path, now.digest}, nil
}

// knownTools reads what is remembered of programs, the first time.
func (s *Store) knownTools() *seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tools == nil {
		s.tools = openSeen(s.join(toolsFile))
	}
	return s.tools
}

// keepTools writes what is remembered of programs, if this process may write.
func (s *Store) keepTools() error {
	if s.tools == nil || !s.isReady() || s.ReadOnly() {
		return nil // it is a cache
	}
	return s.tools.keep()
}
