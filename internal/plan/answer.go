package plan

// This file keeps what plx answered, so that the same question need not be
// worked out again. The rules are:
//
//   - An answer lies in .plx/ beside the stage file. It is about one plan, one
//     store, and what the files were: so there are several of a plan, for those
//     who change something and change it back.
//
//   - It is believed if all that it was made from is the same: the program, the
//     files (see [store.Evidence]) and what of the store it rests on (see
//     [store.Basis]). Then what else realizing would have done is done, too:
//     the plan is recorded, and last use is noted.
//
//   - It ends with the hash of what is before. One that is damaged, or of
//     another version, is as good as none. Deleting it changes nothing but time.
//
//   - Behind that stands the text of the plan, and what has been brought up to
//     date since (see renew.go).
//
// docs/design/answers.md says what is covered, and how.

import (
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"plx/internal/store"
)

const (
	answerFormat = "plx answer 2\n"
	answerPrefix = "answer-"

	// maxAnswers is how many answers of one plan are kept: those that were used last.
	maxAnswers = 8

	// answerEvery is how often it is noted that a plan is used, and what it
	// leads to.
	answerEvery = time.Hour

	// answerHead is the length of what is before the body: the format, and the
	// length of the body.
	answerHead = len(answerFormat) + 8
	answerSum  = 32 // characters of a hash
)

// An Answer is what a plan came to.
type Answer struct {
	Realized bool          // there are results
	Stages   int           // of the closure
	Saved    time.Duration // by the reuse of all of them
	Refs     string        // the targets' derivations, a line each
	Results  string        // what was chosen for them, a line each

	names    string // of the targets, each ended by NUL
	counts   []byte // how many results each has, as varints
	origin   origin
	program  string
	store    string
	used     time.Time
	evidence *store.Evidence
	basis    *store.Basis
	record   *store.Evidence // the plan, as a file
	plan     []byte          // its text
	planSize int64
	path     string
	sum      string // what the answer, without what follows it, ends with
	updates  int64  // bytes of what follows the plan; negative: it is to be written anew
}

// An Answered is one target with what was chosen for it.
type Answered struct {
	Name    string
	Ref     string
	Results []string
}

// Targets returns the targets in order.
func (a *Answer) Targets() []Answered {
	refs, results, counts := a.Refs, a.Results, a.counts
	var list []Answered
	for name := range strings.SplitSeq(strings.TrimSuffix(a.names, "\x00"), "\x00") {
		t := Answered{Name: name}
		t.Ref, refs, _ = strings.Cut(refs, "\n")
		n, size := binary.Uvarint(counts)
		counts = counts[max(size, 0):]
		for ; n > 0 && results != ""; n-- {
			var result string
			result, results, _ = strings.Cut(results, "\n")
			t.Results = append(t.Results, result)
		}
		list = append(list, t)
	}
	return list
}

// Answer returns the answer that the closure is, once it is recorded. It has no
// results yet.
func (c *Closure) Answer() *Answer {
	if c.recorded == nil {
		return nil
	}
	a := &Answer{Stages: len(c.byRef), origin: c.origin, evidence: c.evidence, plan: c.recorded}
	var names, refs strings.Builder
	for _, s := range c.targets {
		names.WriteString(s.Name + "\x00")
		refs.WriteString(s.Ref.String() + "\n")
	}
	a.names, a.Refs = names.String(), refs.String()
	return a
}

// Sources returns the trees of the sources.
func (c *Closure) Sources() []store.Hash {
	var trees []store.Hash
	for _, s := range c.stages {
		if !s.Derivation.Source.IsZero() {
			trees = append(trees, s.Derivation.Source)
		}
	}
	return trees
}

// Realize adds what was chosen for each target, in order, and how long it took
// to make all that is reused.
func (a *Answer) Realize(chosen [][]store.RRef, saved time.Duration) {
	var results strings.Builder
	for _, refs := range chosen {
		a.counts = binary.AppendUvarint(a.counts, uint64(len(refs)))
		for _, ref := range refs {
			results.WriteString(ref.String() + "\n")
		}
	}
	a.Realized, a.Results, a.Saved = true, results.String(), saved
}

// Keep keeps the answer that the program has worked out in the store; the
// basis is what it was made from.
func (a *Answer) Keep(program string, s *store.Store, basis *store.Basis) error {
	sum, ok := a.evidence.Sum()
	if !ok || basis == nil {
		return nil
	}
	hash, err := a.origin.hash()
	if err != nil {
		return err
	}
	a.program, a.store, a.basis, a.used = program, s.Dir(), basis, time.Now()
	a.record = store.NewEvidence()
	a.record.File(a.planPath(hash), a.plan)
	name := store.HashOf([]byte(sum.String() + a.store)).String()
	a.path = filepath.Join(a.origin.dir(), answerPrefix+hash+"-"+name)
	if err := a.write(); err != nil {
		return err
	}
	return dropAnswers(a.origin.dir(), hash)
}

func (a *Answer) planPath(hash string) string {
	return filepath.Join(a.origin.dir(), recordPrefix+hash+recordSuffix)
}

func (a *Answer) write() error {
	body := a.body()
	data := append([]byte(answerFormat), make([]byte, 8)...)
	binary.BigEndian.PutUint64(data[len(answerFormat):], uint64(len(body)))
	data = append(data, body...)
	data = append(data, store.HashOf(data).String()...)
	return replace(a.path, append(data, a.plan...))
}

func (a *Answer) body() []byte {
	b := appendText(nil, a.program)
	b = appendText(b, a.origin.file)
	b = appendText(b, a.store)
	b = appendTexts(b, a.origin.targets)
	for _, name := range slices.Sorted(maps.Keys(a.origin.params)) {
		b = appendText(appendText(b, name), a.origin.params[name])
	}
	b = appendText(b, "") // which is no param
	b = binary.AppendUvarint(b, uint64(a.Stages))
	b = binary.AppendVarint(b, int64(a.Saved))
	b = binary.AppendVarint(b, a.used.UnixNano())
	if a.Realized {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = appendText(b, a.names)
	b = appendText(b, string(a.counts))
	b = appendText(b, a.Refs)
	b = appendText(b, a.Results)
	b = binary.AppendUvarint(b, uint64(len(a.plan)))
	b = a.evidence.AppendTo(b)
	b = a.record.AppendTo(b)
	return a.basis.AppendTo(b)
}

// readAnswer reads an answer with its updates, but for the text of the plan. It
// returns nil if there is none.
func readAnswer(path string) *Answer {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	head := make([]byte, answerHead)
	if _, err := io.ReadFull(f, head); err != nil || string(head[:len(answerFormat)]) != answerFormat {
		return nil
	}
	info, err := f.Stat()
	size := binary.BigEndian.Uint64(head[len(answerFormat):])
	if err != nil || size > uint64(info.Size()) {
		return nil
	}
	data := make([]byte, answerHead+int(size)+answerSum)
	copy(data, head)
	if _, err := io.ReadFull(f, data[answerHead:]); err != nil {
		return nil
	}
	a := parseAnswer(data)
	if a != nil {
		a.path = path
		a.readUpdates(f, info.Size(), int64(len(data))+a.planSize)
	}
	return a
}

// cutAnswer takes off what follows the answer itself: the text of the plan, and
// updates.
func cutAnswer(data []byte) (answer, rest []byte, ok bool) {
	if len(data) < answerHead {
		return nil, nil, false
	}
	size := binary.BigEndian.Uint64(data[len(answerFormat):answerHead])
	if size > uint64(len(data)) || answerHead+int(size)+answerSum > len(data) {
		return nil, nil, false
	}
	end := answerHead + int(size) + answerSum
	return data[:end], data[end:], true
}

// parseAnswer reads what [Answer.write] has written, but for the plan.
func parseAnswer(data []byte) *Answer {
	sum := len(data) - answerSum
	if sum < answerHead || store.HashOf(data[:sum]).String() != string(data[sum:]) {
		return nil
	}
	r := memoReader{rest: string(data[answerHead:sum])}
	a := &Answer{program: r.text()}
	a.origin.file, a.store, a.origin.targets = r.text(), r.text(), r.texts()
	a.origin.params = make(map[string]string)
	for name := r.text(); name != "" && !r.bad; name = r.text() {
		a.origin.params[name] = r.text()
	}
	a.Stages, a.Saved, a.used, a.Realized = int(r.uvarint()), time.Duration(r.varint()), time.Unix(0, r.varint()), r.take(1) == "\x01"
	a.names, a.counts, a.Refs, a.Results = r.text(), []byte(r.text()), r.text(), r.text()
	a.planSize, a.sum = int64(r.uvarint()), string(data[sum:])
	evidence, rest := store.ParseEvidence(r.rest)
	record, rest := store.ParseEvidence(rest)
	basis, rest := store.ParseBasis(rest)
	if r.bad || a.planSize < 0 || evidence == nil || record == nil || basis == nil || rest != "" {
		return nil
	}
	a.evidence, a.record, a.basis = evidence, record, basis
	return a
}

// readPlan reads the text of the plan that is kept with the answer.
func (a *Answer) readPlan() error {
	if a.plan != nil {
		return nil
	}
	data, err := os.ReadFile(a.path)
	if err != nil {
		return err
	}
	if _, rest, ok := cutAnswer(data); ok && a.planSize <= int64(len(rest)) && a.record.Has(rest[:a.planSize]) {
		a.plan = rest[:a.planSize]
		return nil
	}
	return errors.New("damaged, or another by now")
}

// kept is what there is in a directory of plans.
type kept struct {
	plans, answers []fs.FileInfo // those used last first
}

// lookAround lists the plans and the answers that are kept in a directory.
func lookAround(dir string) (k kept, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return k, err
	}
	for _, e := range entries {
		plan := strings.HasPrefix(e.Name(), recordPrefix) && strings.HasSuffix(e.Name(), recordSuffix)
		if !plan && !strings.HasPrefix(e.Name(), answerPrefix) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue
		}
		if plan {
			k.plans = append(k.plans, info)
		} else {
			k.answers = append(k.answers, info)
		}
	}
	for _, list := range [][]fs.FileInfo{k.plans, k.answers} {
		slices.SortStableFunc(list, func(a, b fs.FileInfo) int {
			return cmp.Compare(b.ModTime().UnixNano(), a.ModTime().UnixNano())
		})
	}
	return k, nil
}

// of returns the names of the answers of a plan.
func (k kept) of(hash string) []string {
	var names []string
	for _, info := range k.answers {
		if strings.HasPrefix(info.Name(), answerPrefix+hash+"-") {
			names = append(names, info.Name())
		}
	}
	return names
}

// dropAnswers removes the answers of a plan that are too many.
func dropAnswers(dir, hash string) error {
	k, err := lookAround(dir)
	if err != nil {
		return err
	}
	for _, name := range k.of(hash)[min(maxAnswers, len(k.of(hash))):] {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
