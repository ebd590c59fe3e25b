package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"plx/internal/plan"
	"plx/internal/realize"
	"plx/internal/store"
	"plx/internal/ui"
)

// A progress tells people what happens, a line for each event, and counts. On a
// terminal it also draws what is under way.
type progress struct {
	*app
	count  map[realize.EventKind]int
	told   map[string]time.Time     // when the download of a stage was last told of
	saved  time.Duration            // by reuse
	took   map[string]time.Duration // what a stage took that failed
	failed []realize.Event          // the stages that have failed
	left   []realize.Event          // those that were skipped for it

	why func(store.RRef) (realize.Reason, error) // why it was built; nil: nobody asks

	events *ui.Events // nil: nobody wants them
	live   *ui.Live   // nil: nothing is drawn
	reused []string   // stages that no line was written for yet
}

// watch draws what is under way until done is called.
func (p *progress) watch(terminal *os.File, c *plan.Closure, x *realize.Expectation, jobs int) (done func()) {
	if terminal == nil {
		return func() {}
	}
	screen, closeScreen := p.draw(terminal, true)
	p.live = ui.NewLive(c, jobs, x, screen.HasKeys())
	screen.Show(p.live)
	return func() {
		p.live.End()
		closeScreen()
		p.live = nil
	}
}

// observe is called by one goroutine at a time.
func (p *progress) observe(e realize.Event) {
	if p.count == nil {
		p.count, p.took = make(map[realize.EventKind]int), make(map[string]time.Duration)
	}
	p.count[e.Kind]++
	p.saved += e.Saved
	switch {
	case e.Kind == realize.Failed:
		p.took[e.Stage.Name] = max(p.took[e.Stage.Name], e.Elapsed)
	case e.Kind == realize.Skipped:
		p.left = append(p.left, e)
	case e.Kind == realize.Done && e.Err != nil && !is[*signalError](e.Err):
		p.failed = append(p.failed, e)
	}
	if p.events != nil {
		p.events.Observe(e)
	}
	if p.live != nil {
		p.live.Observe(e)
	}
	p.tellOf(e)
}

// tellOf tells of an event, if it is worth a line.
func (p *progress) tellOf(e realize.Event) {
	name := e.Stage.Name
	switch e.Kind {
	case realize.Reused:
		p.tellReused(name)
	case realize.Adopted:
		if n := len(e.Refs); n > 1 {
			p.line(e, "%s: %d results adopted, for the same command on the same inputs gave them before", name, n)
		} else {
			p.line(e, "%s: adopted, for the same command on the same inputs gave it before", name)
		}
	case realize.Refused:
		p.line(e, "%s: not adopted: %v: %v", name, e.Refs[0], e.Err)
	case realize.Retrying:
		p.line(e, "%s%s: attempt %d failed: %s; trying again in %s", name, runText(e), e.Attempt, cause(e.Err), e.Wait)
	case realize.Waiting:
		by := e.Because
		if by == "" {
			by = "another build of the same"
		}
		if p.live == nil {
			p.line(e, "%s: waiting for %s", name, by)
		}
	case realize.Building:
		if p.verbose {
			p.line(e, "%s%s: started", name, runText(e))
		}
	case realize.Fetching:
		p.download(e)
	case realize.FailedBefore:
		p.line(e, "%s: failed last on %s; the log of that is %s", name, e.When.Format(time.DateTime), e.Because)
	case realize.Skipped:
		p.line(e, "%s: skipped, for %s failed", name, e.Because)
	case realize.Warned:
		p.warn(e)
	default:
		p.tellEnd(e)
	}
}

// tellEnd tells how a command ended.
func (p *progress) tellEnd(e realize.Event) {
	name := e.Stage.Name + runText(e)
	switch e.Kind {
	case realize.Built:
		p.line(e, "%s: built in %s%s", name, seconds(e.Elapsed), p.whyText(e))
	case realize.Checked:
		p.line(e, "%s: made again in %s, and it is the same", name, seconds(e.Elapsed))
	case realize.Repeated:
		p.line(e, "%s: built in %s, and gave what was there already", name, seconds(e.Elapsed))
	case realize.Failed:
		why := cause(e.Err)
		if p.live != nil {
			why = reason(e.Err) // where the log is, is told at the end
		}
		p.line(e, "%s: failed after %s: %s", name, seconds(e.Elapsed), why)
	}
}

// whyText says why something was built, if somebody wants to know.
func (p *progress) whyText(e realize.Event) string {
	if p.why == nil || len(e.Refs) == 0 {
		return ""
	}
	reason, err := p.why(e.Refs[0])
	if err != nil || len(reason.Texts) == 0 {
		return "" // it is built all the same
	}
	return ": " + strings.Join(reason.Texts, "; ")
}

// line tells of an event in a line.
func (p *progress) line(e realize.Event, format string, args ...any) {
	if p.live == nil {
		if !p.quiet {
			p.tellIn(ui.ColourOf(e.Kind), format, args...)
		}
		return
	}
	if p.reused != nil {
		p.write(realize.Reused, reusedText(p.reused))
		p.reused = nil
	}
	p.write(e.Kind, fmt.Sprintf(format, args...))
}

// warn tells of what is wrong, even those who want quiet.
func (p *progress) warn(e realize.Event) {
	if p.live == nil {
		p.tell("%s: %v", e.Stage.Name, e.Err)
		return
	}
	p.line(e, "%s: %v", e.Stage.Name, e.Err)
}

func (p *progress) write(kind realize.EventKind, text string) {
	fmt.Fprintln(p.stderr, p.live.Line(kind, text))
}

// tellReused tells of a stage that was reused. On a terminal many of them are
// one line, and if nothing else happens none.
func (p *progress) tellReused(name string) {
	switch {
	case p.verbose:
		p.line(realize.Event{Kind: realize.Reused}, "%s: reused", name)
	case p.live != nil:
		p.reused = append(p.reused, name)
	}
}

// reusedText names the first of the stages.
func reusedText(names []string) string {
	const most = 3
	text := strings.Join(names[:min(len(names), most)], ", ")
	if len(names) > most {
		text += fmt.Sprintf(" and %d more", len(names)-most)
	}
	return text + ": reused"
}

// cause says in one line why a build failed. The rest is told at the end, if
// what else was built doesn't make up for it.
func cause(err error) string {
	var build *realize.BuildError
	if !errors.As(err, &build) {
		return err.Error()
	}
	line, _, _ := strings.Cut(build.Err.Error(), "\n")
	if build.Log != "" {
		line += " (log: " + build.Log + ")"
	}
	return line
}

// downloadPause is how often a download tells how far it is.
const downloadPause = 10 * time.Second

// download tells how far a download is, now and then, and why it stops.
func (p *progress) download(e realize.Event) {
	name, d := e.Stage.Name, e.Download
	switch {
	case d.Err != nil && d.Wait > 0:
		p.line(e, "%s: %s: %v; trying again in %s", name, d.URL, d.Err, seconds(d.Wait))
	case d.Err != nil:
		if p.verbose {
			p.line(e, "%s: %s: %v; giving it up", name, d.URL, d.Err)
		}
	case p.live == nil && d.Done != d.Total && time.Since(p.told[name]) > downloadPause:
		if p.told == nil {
			p.told = make(map[string]time.Time)
		}
		p.told[name] = time.Now()
		p.line(e, "%s: %s: %s", name, d.URL, howFar(d))
	}
}

// howFar writes how much there is of a download.
func howFar(d realize.Download) string {
	if d.Total < 0 {
		return size(d.Done)
	}
	return fmt.Sprintf("%s of %s", size(d.Done), size(d.Total))
}

// runText names a run, where a stage has several.
func runText(e realize.Event) string {
	if e.Run > 1 || e.Stage.Runs > 1 {
		return fmt.Sprintf(" run %d", e.Run)
	}
	return ""
}

func seconds(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// summary tells how much there was of each, and what reuse has saved.
func (p *progress) summary() {
	built := p.count[realize.Built] + p.count[realize.Repeated]
	var parts []string
	for _, c := range []struct {
		n    int
		what string
	}{{built, "built"}, {p.count[realize.Checked], "made again"}, {p.count[realize.Adopted], "adopted"}, {p.count[realize.Reused], "reused"}, {p.count[realize.Failed], "failed"}, {p.count[realize.Skipped], "skipped"}} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	if parts != nil {
		p.say("%s", strings.Join(parts, ", "))
	}
	if p.saved >= time.Second {
		p.say("reuse saved %s", seconds(p.saved))
	}
}
