package main

import (
	"fmt"
	"strconv"
	"time"

	"plx/internal/match"
	"plx/internal/realize"
	"plx/internal/store"
	"plx/internal/ui"
)

// answersShown is how many candidates a table shows.
const answersShown = 50

// questionLines tell what a matcher chose.
func (a *app) questionLines(q realize.Question) []string {
	head := "match " + q.Matcher.String()
	if q.Input != "" {
		head += ", for its input " + q.Input
	} else if len(q.By) > 0 {
		head += ", for " + stagesText(q.By)
	}
	switch {
	case q.Err != nil:
		head += fmt.Sprintf(": %v", q.Err)
	case q.Lacking > 0:
		head += fmt.Sprintf(": lacks %d", q.Lacking)
	}
	switch {
	case len(q.Answers) == 0:
		return []string{head + ": there is none yet"}
	case len(q.Answers) == 1 && q.Answers[0].Rank == 1 && len(q.Matcher.Lenses()) == 0:
		return []string{head + ": there is but one"}
	}
	t := answersTable(q)
	lines := append([]string{head}, t.Lines(max(0, a.width()-2))...)
	for i := range lines[1:] {
		lines[i+1] = "  " + lines[i+1]
	}
	if n := len(q.Answers) - answersShown; n > 0 {
		lines = append(lines, fmt.Sprintf("  and %d more", n))
	}
	return lines
}

func answersTable(q realize.Question) ui.Table {
	t := ui.Table{Heads: []string{">#", "RREF"}}
	if q.Input != "" {
		t.Heads = append(t.Heads, "STAGE")
	}
	for _, lens := range q.Matcher.Lenses() {
		t.Heads = append(t.Heads, ">"+lens)
	}
	if q.Matcher.Script() != "" {
		t.Heads = append(t.Heads, ">SCORE")
	}
	t.Heads = append(t.Heads, ">RUN", "MADE", "WHY")
	for _, one := range q.Answers[:min(len(q.Answers), answersShown)] {
		row := []string{rankText(one.Rank), short(one.Ref)}
		if q.Input != "" {
			row = append(row, one.Stage)
		}
		for _, v := range one.Values {
			row = append(row, cell(v))
		}
		if q.Matcher.Script() != "" {
			row = append(row, scoreText(one))
		}
		t.Add(append(row, runNumber(one.Run), moment(one.Made), answerText(q, one))...)
	}
	return t
}

// answerText says why a candidate was chosen, or why not.
func answerText(q realize.Question, one realize.Answer) string {
	switch {
	case one.Left != "":
		return "left out: " + one.Left
	case one.Rank > 0:
		return "chosen"
	case q.Err != nil || q.Lacking > 0:
		return ""
	}
	n := 0
	for _, one := range q.Answers {
		n = max(n, one.Rank)
	}
	if one.Ranked {
		return "not among the best " + strconv.Itoa(n)
	}
	return "not among the first " + strconv.Itoa(n)
}

func rankText(rank int) string {
	if rank == 0 {
		return "-"
	}
	return strconv.Itoa(rank)
}

func runNumber(run int) string {
	if run == 0 {
		return ""
	}
	return strconv.Itoa(run)
}

func scoreText(one realize.Answer) string {
	if !one.Ranked {
		return ""
	}
	return strconv.FormatFloat(one.Key, 'g', -1, 64)
}

// cell writes a value in a table.
func cell(v any) string {
	if v == nil {
		return ""
	}
	return plain(v)
}

type whyJSON struct {
	forecastJSON
	Result    string         `json:"result"`
	Built     *builtJSON     `json:"built,omitempty"`
	Questions []questionJSON `json:"questions"`
}

type builtJSON struct {
	RRef    string       `json:"rref"`
	Reasons []string     `json:"reasons"`
	Against string       `json:"against"`
	Changes []changeJSON `json:"changes"`
}

type questionJSON struct {
	Match   string       `json:"match"`
	By      []string     `json:"by"`
	Input   string       `json:"input"`
	Lacking int          `json:"lacking"`
	Error   string       `json:"error"`
	Answers []answerJSON `json:"answers"`
}

type answerJSON struct {
	RRef   string         `json:"rref"`
	Stage  string         `json:"stage,omitempty"`
	Rank   int            `json:"rank"`
	Key    *float64       `json:"key,omitempty"`
	Values map[string]any `json:"values"`
	Left   string         `json:"left,omitempty"`
	Run    int            `json:"run"`
	Made   time.Time      `json:"made"`
}

func newBuiltJSON(ref store.RRef, r realize.Reason) builtJSON {
	doc := builtJSON{RRef: ref.String(), Reasons: append([]string{}, r.Texts...), Changes: changesJSON(r.Changes)}
	if !r.Against.IsZero() {
		doc.Against = r.Against.String()
	}
	return doc
}

func newWhyJSON(w realize.Why) whyJSON {
	doc := whyJSON{forecastJSON: newForecastJSON(w.Forecast), Questions: []questionJSON{}}
	if !w.Result.IsZero() {
		doc.Result = w.Result.String()
		built := newBuiltJSON(w.Result, w.Built)
		doc.Built = &built
	}
	for _, q := range w.Questions {
		doc.Questions = append(doc.Questions, newQuestionJSON(q))
	}
	return doc
}

func newQuestionJSON(q realize.Question) questionJSON {
	doc := questionJSON{Match: q.Matcher.String(), By: append([]string{}, q.By...), Input: q.Input, Lacking: q.Lacking, Answers: []answerJSON{}}
	if q.Err != nil {
		doc.Error = q.Err.Error()
	}
	for _, one := range q.Answers {
		answer := answerJSON{RRef: one.Ref.String(), Stage: one.Stage, Rank: one.Rank, Values: valuesJSON(q.Matcher, one), Left: one.Left, Run: one.Run, Made: one.Made.UTC()}
		if one.Ranked {
			answer.Key = &one.Key
		}
		doc.Answers = append(doc.Answers, answer)
	}
	return doc
}

func valuesJSON(m match.Matcher, one realize.Answer) map[string]any {
	values := make(map[string]any)
	for i, lens := range m.Lenses() {
		values[lens] = one.Values[i]
	}
	return values
}
