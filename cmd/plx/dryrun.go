package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"plx/internal/plan"
	"plx/internal/realize"
	"plx/internal/store"
	"plx/internal/ui"
)

// dryRun prints what would be done, and why: a line for each stage.
// Nothing is written: no sources, no derivations and no plan.
func (a *app) dryRun(ctx context.Context, s *store.Store, f realizeFlags, args []string) error {
	sources := s.Preview()
	c, err := a.requested(ctx, s, f, args, func(ctx context.Context, s *store.Store, r request) (*plan.Closure, error) {
		return preview(ctx, s, r, sources)
	})
	if err != nil {
		return err
	}
	z, err := a.realizer(s, c, f, nil, &progress{app: a})
	if err != nil {
		return err
	}
	forecasts, err := z.DryRun(ctx, c, sources)
	if err != nil {
		return err
	}
	o := realize.Expect(forecasts, f.jobs)
	if f.json {
		docs := []forecastJSON{}
		for _, f := range forecasts {
			docs = append(docs, newForecastJSON(f))
		}
		return a.resultJSON(map[string]any{"stages": docs, "outlook": newOutlookJSON(o)})
	}
	for _, f := range forecasts {
		if err := a.result(a.painted(a.stdout, verdictColours[f.Verdict], string(f.Verdict)) + forecastText(f)); err != nil {
			return err
		}
		if a.verbose && (f.Verdict == realize.WillBuild || f.Verdict == realize.MayBuild) {
			if err := a.result(commandLines(f.Stage.Derivation)...); err != nil {
				return err
			}
		}
	}
	a.sayCounts(forecasts)
	a.sayOutlook(o)
	return nil
}

type forecastJSON struct {
	Stage   string       `json:"stage"`
	DRef    string       `json:"dref"`
	Verdict string       `json:"verdict"`
	Runs    int          `json:"runs"`
	Reasons []string     `json:"reasons"`
	Against string       `json:"against"`
	Changes []changeJSON `json:"changes"`
	Awaits  []string     `json:"awaits"`
	Took    float64      `json:"took_seconds"`
}

type changeJSON struct {
	Key   string           `json:"key"`
	How   string           `json:"how"`
	Old   string           `json:"old"`
	New   string           `json:"new"`
	Diff  string           `json:"diff"`
	Files []fileChangeJSON `json:"files"`
}

type fileChangeJSON struct {
	Path string `json:"path"`
	How  string `json:"how"`
	Diff string `json:"diff"`
}

func newForecastJSON(f realize.Forecast) forecastJSON {
	doc := forecastJSON{
		Stage: f.Stage.Name, DRef: f.Stage.Ref.String(), Verdict: string(f.Verdict), Runs: f.Runs,
		Reasons: append([]string{}, f.Texts...), Changes: changesJSON(f.Changes), Awaits: append([]string{}, f.Awaits...), Took: f.Took.Seconds(),
	}
	if !f.Against.IsZero() {
		doc.Against = f.Against.String()
	}
	return doc
}

func changesJSON(changes []realize.Change) []changeJSON {
	docs := []changeJSON{}
	for _, c := range changes {
		docs = append(docs, changeJSON{c.Key, c.How, c.Old, c.New, c.Diff, filesJSON(c.Files)})
	}
	return docs
}

func filesJSON(files []realize.Difference) []fileChangeJSON {
	docs := []fileChangeJSON{}
	for _, f := range files {
		docs = append(docs, fileChangeJSON{f.Path, f.String(), f.Diff})
	}
	return docs
}

// longRun is from how long on it is told how long a run took: people want to
// know what they will wait for.
const longRun = time.Second

// verdictColours are those of what happens then.
var verdictColours = map[realize.Verdict]ui.Colour{
	realize.WillReuse: ui.Cyan,
	realize.WillAdopt: ui.Yellow,
	realize.WillBuild: ui.Green,
	realize.MayBuild:  ui.Dim,
}

// commandLines are the command of a stage, or what it downloads.
func commandLines(d store.Derivation) []string {
	text := strings.Trim(d.Script, "\n")
	switch {
	case d.Argv != nil:
		text = strings.Join(d.Argv, " ")
	case d.Fetch != nil:
		text = "fetch " + strings.Join(d.Fetch.URLs, " ")
	}
	var all []string
	for line := range strings.SplitSeq(text, "\n") {
		if text != "" {
			all = append(all, "    "+ui.Clean(line))
		}
	}
	return all
}

// sayCounts tells how many stages of each sweep there are of what, if there are
// sweeps.
func (a *app) sayCounts(forecasts []realize.Forecast) {
	verdicts := []realize.Verdict{realize.WillBuild, realize.MayBuild, realize.WillAdopt, realize.WillReuse}
	counts := make(map[string]map[realize.Verdict]int)
	var names []string
	for _, f := range forecasts {
		name, _, _ := strings.Cut(f.Stage.Name, "[")
		if counts[name] == nil {
			counts[name] = make(map[realize.Verdict]int)
			names = append(names, name)
		}
		counts[name][f.Verdict]++
	}
	if len(names) == len(forecasts) {
		return
	}
	t := ui.Table{Heads: []string{"STAGE"}}
	for _, v := range verdicts {
		t.Heads = append(t.Heads, ">"+strings.ToUpper(string(v)))
	}
	for _, name := range names {
		row := []string{name}
		for _, v := range verdicts {
			n := ""
			if counts[name][v] > 0 {
				n = strconv.Itoa(counts[name][v])
			}
			row = append(row, n)
		}
		t.Add(row...)
	}
	for _, line := range t.Lines(0) {
		a.say("%s", line)
	}
}

// forecastText tells of a stage, after the verdict.
func forecastText(f realize.Forecast) string {
	var about []string
	if f.Runs > 1 {
		about = append(about, fmt.Sprintf("%d runs", f.Runs))
	}
	if f.Took >= longRun {
		each := ""
		if max(f.Runs, f.Stage.Runs) > 1 {
			each = " each"
		}
		about = append(about, "about "+seconds(f.Took)+each)
	}
	text := " " + f.Stage.Name
	if about != nil {
		text += " (" + strings.Join(about, ", ") + ")"
	}
	if len(f.Texts) > 0 {
		text += ": " + strings.Join(f.Texts, "; ")
	}
	if f.Verdict == realize.WillBuild && len(f.Awaits) > 0 && len(f.Changes) > 0 {
		text += "; and what " + stagesText(f.Awaits) + " will give is not known yet"
	}
	return text
}

// stagesText names the first of many stages.
func stagesText(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

type outlookJSON struct {
	Build   int     `json:"build"`
	Maybe   int     `json:"maybe"`
	Reuse   int     `json:"reuse"`
	Adopt   int     `json:"adopt"`
	Runs    int     `json:"runs"`
	Untimed int     `json:"untimed"`
	Least   float64 `json:"least_seconds"`
	Most    float64 `json:"most_seconds"`
}

func newOutlookJSON(o realize.Outlook) outlookJSON {
	return outlookJSON{o.Build, o.Maybe, o.Reuse, o.Adopt, o.Runs, o.Untimed, o.Least.Seconds(), o.Most.Seconds()}
}

// sayOutlook sums a dry run up.
func (a *app) sayOutlook(o realize.Outlook) {
	var parts []string
	for _, c := range []struct {
		n    int
		what string
	}{{o.Build, "to build"}, {o.Maybe, "perhaps, depending on what is built"}, {o.Adopt, "to adopt"}, {o.Reuse, "to reuse"}} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	if o.Runs > o.Build {
		parts[0] += fmt.Sprintf(" (%d runs)", o.Runs)
	}
	text := strings.Join(parts, ", ")
	if o.Build+o.Maybe > 0 {
		text += "; " + timeText(o)
	}
	a.say("%s", text)
}

// timeText says how long what is to be done is likely to take.
func timeText(o realize.Outlook) string {
	if o.Untimed == o.Build+o.Maybe {
		return "how long it would take is not known, for it was never built"
	}
	least, most := aboutSeconds(o.Least), aboutSeconds(o.Most)
	text := "it would take " + most + ", as earlier runs did"
	if least != most {
		text = fmt.Sprintf("it would take %s, as earlier runs did, or %s if all of it is built", least, most)
	}
	if o.Untimed > 0 {
		text += fmt.Sprintf(", and what %s more will take that %s never built", count(o.Untimed, "stage"), wasOrWere(o.Untimed))
	}
	return text
}

// aboutSeconds writes a time that is not known exactly.
func aboutSeconds(d time.Duration) string {
	if d < time.Second {
		return "less than a second"
	}
	return "about " + seconds(d)
}

func wasOrWere(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}
