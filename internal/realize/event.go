package realize

import (
	"time"

	"plx/internal/match"
	"plx/internal/plan"
	"plx/internal/store"
)

// An EventKind says what happened.
type EventKind string

// What can happen to a stage.
const (
	Reused       EventKind = "reused"        // what is there satisfies its matchers
	Adopted      EventKind = "adopted"       // a result of another derivation or context is its own now
	Refused      EventKind = "refused"       // a result could be adopted but for Err
	Retrying     EventKind = "retrying"      // an attempt at a run has failed for Err, and another follows after Wait
	Waiting      EventKind = "waiting"       // another build of the same action is under way
	Building     EventKind = "building"      // a command starts, or a download
	Checked      EventKind = "checked"       // a command was run again, and gave the same; Refs is what it gave
	Fetching     EventKind = "fetching"      // a download has come further, or stops
	Built        EventKind = "built"         // a command ended, and its result is in the store
	Repeated     EventKind = "repeated"      // a command ended, and its result was in the store
	Failed       EventKind = "failed"        // a command failed, or its result was refused
	FailedBefore EventKind = "failed before" // a command is about to start that failed the last time; Because is where its log is
	Skipped      EventKind = "skipped"       // a dependency failed
	Warned       EventKind = "warned"        // something is wrong that doesn't stop the run
	Chose        EventKind = "chose"         // a matcher has chosen; see Choice
	Done         EventKind = "done"          // the stage is done with, for good if Err is nil
)

// An Event is something that people want to be told of.
type Event struct {
	Kind    EventKind
	Stage   *plan.Stage
	Refs    []store.RRef
	Run     int           // for builds: the number of the run, from 1
	Log     string        // for Building: where its log grows; an observer that opens it at once can read all of it
	Elapsed time.Duration // for Built, Repeated, Checked and Failed
	Saved   time.Duration // for Reused and Adopted: how long it took to make the results
	Because string        // for Skipped: the stage that failed; for Waiting: who is waited for, if that is known
	Err     error         // for Refused, Retrying, Failed, Warned and Done
	When    time.Time     // for FailedBefore
	Attempt int           // for Retrying: the number of the one that failed, from 1
	Wait    time.Duration // for Retrying

	Download Download // for Fetching
	Choice   *Choice  // for Chose
}

// A Choice is what a matcher has chosen for a stage, or for an input of it.
type Choice struct {
	Input   string // the input whose own matcher it is; empty: it is what others ask of the stage
	Matcher match.Matcher
	match.Choice
}
