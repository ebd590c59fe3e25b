package builder

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// FindTool returns where the program of the name is that a command would find
// on the search path, or, of an absolute path, that itself; through links. What
// a search path says relative to src is passed over.
func FindTool(name, search string) (string, error) {
	program, err := locateTool(name, search)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(program)
}

// locateTool is [FindTool] without following links.
func locateTool(name, search string) (string, error) {
	if filepath.IsAbs(name) {
		return name, checkProgram(name)
	}
	if strings.Contains(name, "/") {
		return "", errors.New("it is neither a name nor an absolute path")
	}
	for dir := range strings.SplitSeq(search, ":") {
		program := filepath.Join(dir, name)
		if filepath.IsAbs(program) && checkProgram(program) == nil {
			return program, nil
		}
	}
	return "", fmt.Errorf("not found on PATH, which is %s", search)
}
