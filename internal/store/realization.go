package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
)

// A Context says, for each input of a realization, which realizations it was
// built from, in order.
type Context map[string][]RRef

// table returns the canonical value of c.
func (c Context) table() map[string]any {
	return mapTable(c, func(refs []RRef) any {
		l := make([]any, len(refs))
		for i, ref := range refs {
			l[i] = ref.String()
		}
		return l
	})
}

// A Realization is one result of a derivation, with the record of how it was
// made. Its address covers derivation, context and tree; nothing else does.
type Realization struct {
	Ref      RRef
	Context  Context
	Tree     Hash
	Manifest Manifest // what Tree contains
	Volatile []string // paths of the volatile outputs that there are
	Beside   Hash     // what its log and its volatile outputs contain; zero: it has none, or that is not known
	Origin
	Also    map[Hash]int // other action keys under which a command gave the same, with the numbers of the runs
	Made    time.Time    // when it was last made: the time of the record's file
	Adopted RRef         // the realization whose tree this is, if no command was run
}

// Answers reports whether a command with the action key has given r.
func (r Realization) Answers(key Hash) bool {
	_, also := r.Also[key]
	return also || r.Action == key
}

// An Origin tells how a result came to be. It is recorded, not hashed.
type Origin struct {
	Action  Hash            // the action key
	Run     int             // the number of the run, from 1; 0 where no command is run
	Started time.Time       // when the command started
	Stopped time.Time       // when it ended
	User    time.Duration   // CPU time in user mode, of the whole process tree
	System  time.Duration   // CPU time in the kernel
	MaxRSS  int64           // largest resident set of a process, in bytes
	Host    string          // the name of the machine
	By      string          // the name of the user
	Version string          // of the plx that made it
	Sandbox string          // how the command was isolated
	Tools   map[string]Tool // the programs that the stage names, by their names there
	Carried bool            // the command went on from what an earlier attempt had left
	Hand    bool            // no command made it, or not alone: a person did
}

// A Tool is a program that a stage names.
type Tool struct {
	Path   string // where it was found, through links
	Digest Digest // of what it contained
}

// realizationFormat marks what the hash of a realization is taken of.
const realizationFormat = "plx realization 1"

// RealizationRef returns the address of the realization of the derivation, in
// the context, whose tree has the given hash.
func RealizationRef(dref DRef, context Context, tree Hash) RRef {
	data, err := canonicalRealization(dref, context, tree)
	if err != nil {
		panic("store: " + err.Error()) // input names are checked before anything is built
	}
	return RRef{HashOf(data), dref}
}

// canonicalRealization returns what the hash of a realization is taken of.
func canonicalRealization(dref DRef, context Context, tree Hash) ([]byte, error) {
	b := []byte(`{"context":`)
	b, err := appendTable(b, context.table())
	if err != nil {
		return nil, err
	}
	for _, field := range [][2]string{{"derivation", dref.String()}, {"format", realizationFormat}, {"tree", tree.String()}} {
		b = append(append(append(b, `,"`...), field[0]...), `":"`...) // none has what needs an escape
		b = append(append(b, field[1]...), '"')
	}
	return append(b, '}'), nil
}

// A record is the file of a realization.
type record struct {
	Format     string                `json:"format"`
	Derivation string                `json:"derivation"`
	Context    map[string][]string   `json:"context"`
	Tree       string                `json:"tree"`
	Manifest   string                `json:"manifest,omitempty"`
	Volatile   []string              `json:"volatile,omitempty"`
	Beside     string                `json:"beside,omitempty"`
	Adopted    string                `json:"adopted,omitempty"`
	Action     string                `json:"action"`
	Run        int                   `json:"run,omitempty"`
	Also       map[string]int        `json:"also,omitempty"`
	Started    time.Time             `json:"started"`
	Stopped    time.Time             `json:"stopped"`
	User       float64               `json:"user_seconds"`
	System     float64               `json:"system_seconds"`
	MaxRSS     int64                 `json:"max_rss_bytes"`
	Host       string                `json:"host,omitempty"`
	By         string                `json:"by,omitempty"`
	Version    string                `json:"version,omitempty"`
	Sandbox    string                `json:"sandbox,omitempty"`
	Tools      map[string]toolRecord `json:"tools,omitempty"`
	Carried    bool                  `json:"carried,omitempty"`
	Hand       bool                  `json:"hand,omitempty"`
}

type toolRecord struct {
	Path   string `json:"path"`
	BLAKE3 string `json:"blake3"`
}

// maxInlineManifest is the size in bytes up to which a manifest lies in the
// record: a file of its own costs more than reading so much.
const maxInlineManifest = 2048

// encode returns the file of r. A large manifest is not in it.
func (r Realization) encode() ([]byte, error) {
	rec := record{
		Format:     realizationFormat,
		Derivation: r.Ref.dref.String(),
		Context:    make(map[string][]string, len(r.Context)),
		Tree:       r.Tree.String(),
		Volatile:   r.Volatile,
		Action:     r.Action.String(),
		Run:        r.Run,
		Started:    r.Started.UTC(),
		Stopped:    r.Stopped.UTC(),
		User:       r.User.Seconds(),
		System:     r.System.Seconds(),
		MaxRSS:     r.MaxRSS,
		Host:       r.Host,
		By:         r.By,
		Version:    r.Version,
		Sandbox:    r.Sandbox,
		Carried:    r.Carried,
		Hand:       r.Hand,
	}
	if !r.Beside.IsZero() {
		rec.Beside = r.Beside.String()
	}
	for name, tool := range r.Tools {
		if rec.Tools == nil {
			rec.Tools = make(map[string]toolRecord, len(r.Tools))
		}
		rec.Tools[name] = toolRecord{tool.Path, tool.Digest.String()}
	}
	for name, refs := range r.Context {
		texts := make([]string, len(refs))
		for i, ref := range refs {
			texts[i] = ref.String()
		}
		rec.Context[name] = texts
	}
	for key, run := range r.Also {
		if rec.Also == nil {
			rec.Also = make(map[string]int, len(r.Also))
		}
		rec.Also[key.String()] = run
	}
	if text := r.Manifest.Text(); len(text) <= maxInlineManifest {
		rec.Manifest = string(text)
	}
	if !r.Adopted.IsZero() {
		rec.Adopted = r.Adopted.String()
	}
	return rec.text()
}

// decodeRealization reads the file of the realization ref. It reports whether
// the manifest is in it.
func decodeRealization(ref RRef, data []byte) (r Realization, inline bool, err error) {
	var rec record
	if err := json.Unmarshal(data, &rec); err != nil {
		return Realization{}, false, err
	}
	if rec.Format != realizationFormat {
		return Realization{}, false, fmt.Errorf("format %q: want %q", rec.Format, realizationFormat)
	}
	r, err = rec.realization(ref)
	return r, rec.Manifest != "", err
}

// realization checks that the record is that of ref.
func (rec record) realization(ref RRef) (Realization, error) {
	r := Realization{Ref: ref, Context: make(Context, len(rec.Context)), Volatile: rec.Volatile}
	var errs [6]error
	r.Tree, errs[0] = ParseHash(rec.Tree)
	r.Action, errs[1] = ParseHash(rec.Action)
	r.Also, errs[2] = parseAlso(rec.Also)
	for name, texts := range rec.Context {
		refs, err := parseRRefs(texts)
		if err != nil {
			return Realization{}, err
		}
		r.Context[name] = refs
	}
	if rec.Beside != "" {
		r.Beside, errs[5] = ParseHash(rec.Beside)
	}
	if rec.Adopted != "" {
		r.Adopted, errs[3] = ParseRRef(rec.Adopted)
	}
	if rec.Manifest != "" {
		r.Manifest, errs[4] = ParseManifest([]byte(rec.Manifest))
		if errs[4] == nil && r.Manifest.Hash() != r.Tree {
			return Realization{}, errors.New("the manifest is not the tree's")
		}
	}
	if err := errors.Join(errs[:]...); err != nil {
		return Realization{}, err
	}
	data, err := canonicalRealization(ref.dref, r.Context, r.Tree)
	if err != nil {
		return Realization{}, err
	}
	if HashOf(data) != ref.hash || rec.Derivation != ref.dref.String() {
		return Realization{}, errors.New("the record is not that of its name")
	}
	r.Origin = rec.origin(r.Action)
	r.Tools, err = parseTools(rec.Tools)
	return r, err
}

func parseAlso(texts map[string]int) (map[Hash]int, error) {
	if texts == nil {
		return nil, nil
	}
	also := make(map[Hash]int, len(texts))
	for text, run := range texts {
		key, err := ParseHash(text)
		if err != nil {
			return nil, err
		}
		also[key] = run
	}
	return also, nil
}

func (rec record) origin(action Hash) Origin {
	return Origin{
		Action:  action,
		Run:     rec.Run,
		Started: rec.Started,
		Stopped: rec.Stopped,
		User:    seconds(rec.User),
		System:  seconds(rec.System),
		MaxRSS:  rec.MaxRSS,
		Host:    rec.Host,
		By:      rec.By,
		Version: rec.Version,
		Sandbox: rec.Sandbox,
		Carried: rec.Carried,
		Hand:    rec.Hand,
	}
}

func parseTools(texts map[string]toolRecord) (map[string]Tool, error) {
	if texts == nil {
		return nil, nil
	}
	tools := make(map[string]Tool, len(texts))
	for name, t := range texts {
		digest, err := ParseDigest(t.BLAKE3)
		if err != nil {
			return nil, fmt.Errorf("tool %s: %w", name, err)
		}
		tools[name] = Tool{t.Path, digest}
	}
	return tools, nil
}

func seconds(s float64) time.Duration { return time.Duration(math.Round(s * float64(time.Second))) }

func parseRRefs(texts []string) ([]RRef, error) {
	refs := make([]RRef, len(texts))
	for i, text := range texts {
		var err error
		if refs[i], err = ParseRRef(text); err != nil {
			return nil, err
		}
	}
	return refs, nil
}
