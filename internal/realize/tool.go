package realize

import (
	"context"
	"errors"
	"fmt"

	"plx/internal/builder"
	"plx/internal/store"
)

// A ToolError says that a program that a stage names is not to be had.
type ToolError struct {
	Stage string
	Tool  string
	Err   error
}

func (e *ToolError) Error() string {
	return fmt.Sprintf("stage %s: tool %q: %v: install it, or set PATH in env", e.Stage, e.Tool, e.Err)
}

// A toolName is what a stage calls a program, and where it looks for it.
type toolName struct{ name, search string }

// findTools looks for the programs of all stages: one that is missing is to be
// told before anything runs.
func (g *graph) findTools(ctx context.Context) error {
	var errs []error
	for _, n := range g.order {
		_, err := g.toolsOf(ctx, n)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// toolsOf returns the programs that a stage names.
func (g *graph) toolsOf(ctx context.Context, n *node) (map[string]store.Tool, error) {
	d := n.stage.Derivation
	if len(d.Tools) == 0 {
		return nil, nil
	}
	tools := make(map[string]store.Tool, len(d.Tools))
	for _, name := range d.Tools {
		tool, err := g.tool(ctx, toolName{name, searchPath(d)})
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			return nil, &ToolError{n.stage.Name, name, err}
		}
		tools[name] = tool
	}
	return tools, nil
}

// tool finds a program, once in a run: it is the same for all stages.
func (g *graph) tool(ctx context.Context, name toolName) (store.Tool, error) {
	g.toolsLock.Lock()
	defer g.toolsLock.Unlock()
	if tool, ok := g.tools[name]; ok {
		return tool, nil
	}
	path, err := builder.FindTool(name.name, name.search)
	if err != nil {
		return store.Tool{}, err
	}
	tool, err := g.Store.Tool(ctx, path)
	if err != nil {
		return store.Tool{}, err
	}
	g.Evidence.Tool(name.name, name.search, path)
	g.tools[name] = tool
	return tool, nil
}

// toolDigests returns what of the tools a command can observe.
func toolDigests(tools map[string]store.Tool) map[string]store.Digest {
	digests := make(map[string]store.Digest, len(tools))
	for name, tool := range tools {
		digests[name] = tool.Digest
	}
	return digests
}

// searchPath returns where the command of d looks for programs.
func searchPath(d store.Derivation) string {
	if path := d.Env["PATH"]; path != "" {
		return path
	}
	return builder.DefaultPath
}
