package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"plx/internal/realize"
)

// A progress tells people what happens, a line for each event, and counts.
type progress struct {
	*app
	built, checked, reused, adopted, failed, skipped int
	told                                             map[string]time.Time // when the download of a stage was last told of
}

// observe is called by one goroutine at a time.
func (p *progress) observe(e realize.Event) {
	name := e.Stage.Name
	switch e.Kind {
	case realize.Reused:
		p.reused++
		if p.verbose {
			p.say("%s: reused", name)
		}
	case realize.Adopted:
		p.adopted++
		if n := len(e.Refs); n > 1 {
			p.say("%s: %d results adopted, for the same command on the same inputs gave them before", name, n)
		} else {
			p.say("%s: adopted, for the same command on the same inputs gave it before", name)
		}
	case realize.Refused:
		p.say("%s: not adopted: %v: %v", name, e.Refs[0], e.Err)
	case realize.Retrying:
		p.say("%s%s: attempt %d failed: %s; trying again in %s", name, runText(e), e.Attempt, cause(e.Err), e.Wait)
	case realize.Waiting:
		by := e.Because
		if by == "" {
			by = "another build of the same"
		}
		p.say("%s: waiting for %s", name, by)
	case realize.Building:
		if p.verbose {
			p.say("%s%s: started", name, runText(e))
		}
	case realize.Fetching:
		p.download(name, e.Download)
	case realize.Built:
		p.built++
		p.say("%s%s: built in %s", name, runText(e), seconds(e.Elapsed))
	case realize.Checked:
		p.checked++
		p.say("%s%s: made again in %s, and it is the same", name, runText(e), seconds(e.Elapsed))
	case realize.Repeated:
		p.built++
		p.say("%s%s: built in %s, and gave what was there already", name, runText(e), seconds(e.Elapsed))
	case realize.Failed:
		p.failed++
		p.say("%s%s: failed after %s: %s", name, runText(e), seconds(e.Elapsed), cause(e.Err))
	case realize.FailedBefore:
		p.say("%s: failed last on %s; the log of that is %s", name, e.When.Format(time.DateTime), e.Because)
	case realize.Skipped:
		p.skipped++
		p.say("%s: skipped, for %s failed", name, e.Because)
	case realize.Warned:
		p.tell("%s: %v", name, e.Err)
	}
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
func (p *progress) download(name string, d realize.Download) {
	switch {
	case d.Err != nil && d.Wait > 0:
		p.say("%s: %s: %v; trying again in %s", name, d.URL, d.Err, seconds(d.Wait))
	case d.Err != nil:
		if p.verbose {
			p.say("%s: %s: %v; giving it up", name, d.URL, d.Err)
		}
	case d.Done != d.Total && time.Since(p.told[name]) > downloadPause:
		if p.told == nil {
			p.told = make(map[string]time.Time)
		}
		p.told[name] = time.Now()
		p.say("%s: %s: %s", name, d.URL, howFar(d))
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

// summary tells how much there was of each.
func (p *progress) summary() {
	var parts []string
	for _, c := range []struct {
		n    int
		what string
	}{{p.built, "built"}, {p.checked, "made again"}, {p.adopted, "adopted"}, {p.reused, "reused"}, {p.failed, "failed"}, {p.skipped, "skipped"}} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	if parts != nil {
		p.say("%s", strings.Join(parts, ", "))
	}
}
