// Package report owns the page on which results are looked at: what is in it,
// and the file that a browser opens, without a server, without plx, without the
// network.
//
// Collect reads what the page shows, a Report: one document, with a version,
// which --json prints and which the page holds as it is. Report.WriteFile and
// Report.WriteDir make the page of it.
//
// What comes from builds — names, logs, numbers, pictures — is data. In the page
// it stands as JSON that can't end its element, and the page's modules (page/)
// put it into the document as text or as pictures, never as markup. A content
// security policy lets nothing run but these modules, by their hashes, and lets
// no request leave the page.
package report

import (
	"encoding/json"
	"time"

	"plx/internal/draw"
)

// Format is the version of the document. One with other or more meaning has
// another.
const Format = "plx report 1"

// A Report is what a page shows. Stages, runs and recipes name each other by
// their places in their lists.
type Report struct {
	Format  string            `json:"format"`
	File    string            `json:"file"` // the base name of the stage file; empty: there is none
	Params  map[string]string `json:"params"`
	Targets []string          `json:"targets"`
	Made    time.Time         `json:"made"`
	Version string            `json:"version"` // of plx
	Recipes []Recipe          `json:"recipes"`
	Stages  []Stage           `json:"stages"` // those of the plan, then those that results were made from besides
	Groups  []Group           `json:"groups"`
	Runs    []Run             `json:"runs"`
	Origins []Origin          `json:"origins"`
	Trees   map[string][]File `json:"trees"` // by tree hash: of results and of sources
	Graph   Graph             `json:"graph"`

	contents contents
}

// A Stage is a derivation.
type Stage struct {
	Name        string         `json:"name"`
	DRef        string         `json:"dref"`
	Planned     bool           `json:"planned"`
	Description string         `json:"description,omitempty"`
	Group       int            `json:"group"` // -1: none
	Recipe      int            `json:"recipe"`
	Config      map[string]any `json:"config"`
	Inputs      []Input        `json:"inputs"`
	State       string         `json:"state"`         // done, part, open, failed or running
	Why         string         `json:"why,omitempty"` // it is not done
	Runs        []int          `json:"runs"`          // in the order of their numbers and times
	Chosen      []int          `json:"chosen"`        // by its matchers, best first
	FailedLog   string         `json:"failed_log,omitempty"`
	Limits      []string       `json:"limits,omitempty"`
}

// An Input says what a stage draws on.
type Input struct {
	Name    string   `json:"name"`
	From    []int    `json:"from"` // stages
	Outputs []string `json:"outputs,omitempty"`
	List    bool     `json:"list,omitempty"`
	Match   string   `json:"match,omitempty"`
}

// A Recipe is what stages of a sweep have in common.
type Recipe struct {
	Action  string            `json:"action"`
	Script  string            `json:"script,omitempty"`
	Shell   []string          `json:"shell,omitempty"`
	Argv    []string          `json:"argv,omitempty"`
	Source  string            `json:"source,omitempty"` // a tree
	Fetch   *Fetch            `json:"fetch,omitempty"`
	Env     map[string]string `json:"env,omitempty"`
	Tools   []string          `json:"tools,omitempty"`
	Carry   []string          `json:"carry,omitempty"`
	Outputs []Output          `json:"outputs"`
	Metrics []string          `json:"metrics,omitempty"`
	Check   string            `json:"check,omitempty"`
	Match   string            `json:"match"`
	Always  bool              `json:"always,omitempty"`
	Network bool              `json:"network,omitempty"`
	Sandbox string            `json:"sandbox,omitempty"` // how it differs from the default
}

// A Fetch is what is downloaded.
type Fetch struct {
	URLs   []string `json:"urls"`
	Hash   string   `json:"hash"`
	Unpack bool     `json:"unpack,omitempty"`
}

// An Output is a promise.
type Output struct {
	Name     string `json:"name"`
	Path     string `json:"path"`
	Kind     string `json:"kind"`
	Nonempty bool   `json:"nonempty,omitempty"`
	Optional bool   `json:"optional,omitempty"`
	Volatile bool   `json:"volatile,omitempty"`
}

// A Group is a sweep.
type Group struct {
	Name   string   `json:"name"`
	Stages []int    `json:"stages"`
	Axes   []string `json:"axes"` // keys of config
}

// A Run is a realization.
type Run struct {
	RRef     string           `json:"rref"`
	Stage    int              `json:"stage"`
	Number   int              `json:"run"`
	Made     int64            `json:"made"` // in milliseconds since 1970
	Started  int64            `json:"started"`
	Seconds  float64          `json:"seconds"`
	CPU      float64          `json:"cpu"` // in seconds
	MaxRSS   int64            `json:"max_rss"`
	Bytes    int64            `json:"bytes"`
	Origin   int              `json:"origin"`
	Action   string           `json:"action"`
	Tree     string           `json:"tree"`
	Context  map[string][]int `json:"context"` // runs; -1: one that is not in the store any more
	Lost     []string         `json:"lost,omitempty"`
	Metrics  map[string]any   `json:"metrics"`
	Adopted  string           `json:"adopted,omitempty"`
	Carried  bool             `json:"carried,omitempty"`
	Hand     bool             `json:"hand,omitempty"`
	Log      string           `json:"log,omitempty"` // of contents
	Volatile []File           `json:"volatile,omitempty"`
}

// An Origin is how runs were made, if several in the same way.
type Origin struct {
	Host    string            `json:"host"`
	By      string            `json:"by"`
	Version string            `json:"version"`
	Sandbox string            `json:"sandbox"`
	Tools   map[string]string `json:"tools,omitempty"` // path and digest
}

// A File is an entry of a tree.
type File struct {
	Path    string `json:"path"`
	Kind    string `json:"kind"` // f, x, d or l, as in a manifest
	Size    int64  `json:"size"`
	Digest  string `json:"blake3,omitempty"`
	Target  string `json:"target,omitempty"`
	Content string `json:"content,omitempty"` // of contents; empty: it is not in the page
}

// A Graph is the drawings of the stages of the plan: with all sweeps folded,
// and with one of them open.
type Graph struct {
	Folded Picture         `json:"folded"`
	Open   map[int]Picture `json:"open"` // by groups
}

// A Picture is one drawing.
type Picture struct {
	Nodes []PictureNode `json:"nodes"`
	draw.Drawing
}

// A PictureNode is a box: of a stage, or of a group.
type PictureNode struct {
	Stage int    `json:"stage"` // -1: it is a group
	Group int    `json:"group"` // -1: it is a stage
	Name  string `json:"name"`
	Note  string `json:"note"`
	State string `json:"state"`
}

// JSON returns the document, on one line.
func (r *Report) JSON() ([]byte, error) { return json.Marshal(r) }
