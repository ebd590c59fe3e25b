package ui

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"plx/internal/plan"
	"plx/internal/realize"
	"plx/internal/store"
)

// EventsVersion is the version of the lines of [Events]: docs/events.md. A new
// field or kind of event doesn't change it.
const EventsVersion = 1

// Events writes what happens as JSON, a line for each event.
type Events struct {
	mu      sync.Mutex
	out     io.Writer
	failed  func(error) // told of the first error, after which nothing is written
	logs    map[logOf]*followed
	stop    chan struct{}
	stopped sync.WaitGroup
}

// A logOf names a run that has a log.
type logOf struct {
	ref store.DRef
	run int
}

// A followed is a log that is read while it grows.
type followed struct {
	stage *plan.Stage
	file  *os.File
	rest  []byte // of a line that has no end yet
}

// An eventJSON is a line. Which fields there are depends on the event.
type eventJSON struct {
	Event   string   `json:"event"`
	Time    string   `json:"time"`
	Stage   string   `json:"stage,omitempty"`
	DRef    string   `json:"dref,omitempty"`
	Run     int      `json:"run,omitempty"`
	RRefs   []string `json:"rrefs,omitempty"`
	Seconds *float64 `json:"seconds,omitempty"`
	Because string   `json:"because,omitempty"`
	Error   string   `json:"error,omitempty"`
	Log     string   `json:"log,omitempty"`

	Line    *string `json:"line,omitempty"`
	Base64  bool    `json:"base64,omitempty"`
	Partial bool    `json:"partial,omitempty"`

	Attempt int    `json:"attempt,omitempty"`
	URL     string `json:"url,omitempty"`
	Done    int64  `json:"done_bytes,omitempty"`
	Total   int64  `json:"total_bytes,omitempty"`

	Input   string             `json:"input,omitempty"`
	Matcher string             `json:"matcher,omitempty"`
	Left    []leftJSON         `json:"left,omitempty"`
	Keys    map[string]float64 `json:"keys,omitempty"`

	Version int         `json:"version,omitempty"`
	Plx     string      `json:"plx,omitempty"`
	Store   string      `json:"store,omitempty"`
	Jobs    int         `json:"jobs,omitempty"`
	Stages  []stageJSON `json:"stages,omitempty"`
	Status  *int        `json:"status,omitempty"`
}

type leftJSON struct {
	RRef string `json:"rref"`
	Why  string `json:"why"`
}

type stageJSON struct {
	Stage   string   `json:"stage"`
	DRef    string   `json:"dref"`
	Runs    int      `json:"runs"`
	Target  bool     `json:"target"`
	Depends []string `json:"depends"`
}

// NewEvents returns what writes events to out. It tells failed of the first
// error of out, and then goes on without.
func NewEvents(out io.Writer, failed func(error)) *Events {
	e := &Events{out: out, failed: failed, logs: make(map[logOf]*followed), stop: make(chan struct{})}
	e.stopped.Go(e.follow)
	return e
}

// Begin writes what is to be realized.
func (e *Events) Begin(c *plan.Closure, s *store.Store, jobs int, version string) {
	targets := make(map[*plan.Stage]bool)
	for _, t := range c.Targets() {
		targets[t] = true
	}
	line := eventJSON{Event: "begin", Version: EventsVersion, Plx: version, Store: s.Dir(), Jobs: jobs, Stages: []stageJSON{}}
	for _, st := range c.Stages() {
		doc := stageJSON{Stage: st.Name, DRef: st.Ref.String(), Runs: max(st.Runs, 1), Target: targets[st], Depends: []string{}}
		for _, dep := range st.Derivation.Dependencies() {
			doc.Depends = append(doc.Depends, dep.String())
		}
		line.Stages = append(line.Stages, doc)
	}
	e.write(line)
}

// End writes how it came out, and ends.
func (e *Events) End(status int, err error) {
	close(e.stop)
	e.stopped.Wait()
	e.mu.Lock()
	for key := range e.logs {
		e.closeLog(key)
	}
	e.mu.Unlock()
	line := eventJSON{Event: "end", Status: &status}
	if err != nil {
		line.Error = err.Error()
	}
	e.write(line)
}

// Observe writes an event. What a run printed comes before its end.
func (e *Events) Observe(ev realize.Event) {
	key := logOf{ev.Stage.Ref, ev.Run}
	switch ev.Kind {
	case realize.Building:
		e.write(eventOf(ev))
		e.openLog(key, ev)
		return
	case realize.Built, realize.Repeated, realize.Checked, realize.Failed:
		e.mu.Lock()
		e.closeLog(key)
		e.mu.Unlock()
	}
	e.write(eventOf(ev))
}

// eventOf returns the line of an event.
func eventOf(ev realize.Event) eventJSON {
	line := eventJSON{
		Event: strings.ReplaceAll(string(ev.Kind), " ", "_"), Stage: ev.Stage.Name, DRef: ev.Stage.Ref.String(), Run: ev.Run,
		Because: ev.Because, Log: ev.Log, Attempt: ev.Attempt,
	}
	for _, ref := range ev.Refs {
		line.RRefs = append(line.RRefs, ref.String())
	}
	if ev.Err != nil {
		line.Error = ev.Err.Error()
	}
	switch ev.Kind {
	case realize.Built, realize.Repeated, realize.Checked, realize.Failed:
		line.seconds(ev.Elapsed)
	case realize.Reused:
		line.seconds(ev.Saved)
		line.Because = "the same command on the same inputs made them for this stage, and they satisfy its matchers"
	case realize.Adopted:
		line.seconds(ev.Saved)
		line.Because = "the same command on the same inputs made them for another stage, or from other realizations"
	case realize.Retrying:
		line.seconds(ev.Wait)
	case realize.FailedBefore:
		line.Because, line.Log = "", ev.Because
	case realize.Fetching:
		line.URL, line.Done, line.Total = ev.Download.URL, ev.Download.Done, max(ev.Download.Total, 0)
		if ev.Download.Err != nil {
			line.Error = ev.Download.Err.Error()
		}
	case realize.Chose:
		line.choice(ev.Choice)
	}
	return line
}

func (line *eventJSON) seconds(d time.Duration) {
	s := d.Seconds()
	line.Seconds = &s
}

func (line *eventJSON) choice(c *realize.Choice) {
	line.Input, line.Matcher = c.Input, c.Matcher.String()
	for _, l := range c.Left {
		line.Left = append(line.Left, leftJSON{l.Ref.String(), l.Why})
	}
	for ref, key := range c.Keys {
		if line.Keys == nil {
			line.Keys = make(map[string]float64)
		}
		line.Keys[ref.String()] = key
	}
}

// write writes a line, with the time.
func (e *Events) write(line eventJSON) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.writeLine(line)
}

func (e *Events) writeLine(line eventJSON) {
	if e.out == nil {
		return
	}
	line.Time = time.Now().UTC().Format(time.RFC3339Nano)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(line)
	if err == nil {
		_, err = e.out.Write(b.Bytes())
	}
	if err != nil {
		e.out = nil
		e.failed(err)
	}
}

// openLog begins to follow a log: at once, so that it can be read to its end
// wherever it goes.
func (e *Events) openLog(key logOf, ev realize.Event) {
	if ev.Log == "" {
		return
	}
	f, err := os.Open(ev.Log)
	if err != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closeLog(key)
	e.logs[key] = &followed{stage: ev.Stage, file: f}
}

// closeLog writes what is left of a log.
func (e *Events) closeLog(key logOf) {
	l := e.logs[key]
	if l == nil {
		return
	}
	e.readLog(key, l)
	if len(l.rest) > 0 {
		e.logLine(key, l, l.rest, false)
	}
	l.file.Close()
	delete(e.logs, key)
}

// logPause is how often logs are looked at.
const logPause = 100 * time.Millisecond

// follow writes what is added to logs.
func (e *Events) follow() {
	ticks := time.NewTicker(logPause)
	defer ticks.Stop()
	for {
		select {
		case <-e.stop:
			return
		case <-ticks.C:
		}
		e.mu.Lock()
		for key, l := range e.logs {
			e.readLog(key, l)
		}
		e.mu.Unlock()
	}
}

// longLine is the size in bytes from which a line is written in parts.
const longLine = 64 << 10

// readLog writes the lines that a log has got.
func (e *Events) readLog(key logOf, l *followed) {
	data := make([]byte, longLine)
	for {
		n, err := l.file.Read(data)
		l.rest = append(l.rest, data[:n]...)
		for {
			end := bytes.IndexByte(l.rest, '\n')
			if end < 0 {
				break
			}
			e.logLine(key, l, l.rest[:end], false)
			l.rest = l.rest[end+1:]
		}
		if len(l.rest) >= longLine {
			e.logLine(key, l, l.rest, true)
			l.rest = nil
		}
		if n == 0 || err != nil && !errors.Is(err, io.EOF) {
			return
		}
	}
}

func (e *Events) logLine(key logOf, l *followed, text []byte, partial bool) {
	line := eventJSON{Event: "log", Stage: l.stage.Name, DRef: key.ref.String(), Run: key.run, Partial: partial}
	s := string(text)
	if !utf8.Valid(text) {
		s, line.Base64 = base64.StdEncoding.EncodeToString(text), true
	}
	line.Line = &s
	e.writeLine(line)
}
