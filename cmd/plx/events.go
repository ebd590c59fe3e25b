package main

import (
	"fmt"
	"os"

	"plx/internal/plan"
	"plx/internal/realize"
	"plx/internal/ui"
)

// writeEvents writes what happens to a file, if one is named, until done is
// called with how it came out. A file that can't be written any more is told
// of, and is no reason to end.
func (p *progress) writeEvents(path string, z *realize.Realizer, c *plan.Closure) (done func(error), err error) {
	if path == "" {
		return func(error) {}, nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o666)
	if err != nil {
		return nil, &usageError{fmt.Sprintf("--events: %v", err)}
	}
	z.TellChoices = true
	p.events = ui.NewEvents(file, func(err error) { p.tell("--events: %v: no more is written there", err) })
	p.events.Begin(c, z.Store, z.Jobs, version())
	return func(err error) {
		p.events.End(exitStatus(err), err)
		if err := file.Close(); err != nil {
			p.tell("--events: %v", err)
		}
	}, nil
}
