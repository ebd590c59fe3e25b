package main

import (
	"context"

	"plx/internal/store"
)

// whyAlive tells what keeps an object from gc.
func (a *app) whyAlive(ctx context.Context, s *store.Store, f whyFlags, arg string) error {
	object, err := objectOf(s, arg)
	if err != nil {
		return err
	}
	chains, err := s.WhyAlive(ctx, object)
	if err != nil {
		return err
	}
	if f.json {
		return a.resultJSON(aliveDoc(object, chains))
	}
	if len(chains) == 0 {
		a.say("%s is garbage: nothing keeps it, and plx gc would remove it", object)
	}
	for _, c := range chains {
		if err := a.result(chainLines(c)...); err != nil {
			return err
		}
	}
	return nil
}

// objectOf returns the reference or tree hash of what the argument names.
func objectOf(s *store.Store, arg string) (string, error) {
	if isReference(arg) {
		return arg, nil
	}
	if isFile(arg) {
		return s.ObjectAt(arg)
	}
	if _, err := store.ParseHash(arg); err == nil {
		o, ok, err := abbreviated(s, arg)
		if ok {
			return o.String(), nil
		}
		return arg, err
	}
	sub, err := named(s, arg)
	if len(sub.rrefs) > 0 {
		return sub.rrefs[0].String(), err
	}
	return sub.dref.String(), err
}

func chainLines(c store.Chain) []string {
	first := keeperText(c.Keeper)
	if c.Plan != "" {
		first += " (" + c.Plan + ")"
	}
	lines := []string{first}
	for _, step := range c.Steps {
		line := "-> " + step.Object
		if step.Stage != "" {
			line += " (stage " + step.Stage + ")"
		}
		lines = append(lines, line)
	}
	return lines
}

type aliveJSON struct {
	Object string      `json:"object"`
	Alive  bool        `json:"alive"`
	Chains []chainJSON `json:"chains"`
}

type chainJSON struct {
	keeperJSON
	Plan  string     `json:"plan"`
	Steps []stepJSON `json:"steps"`
}

type stepJSON struct {
	Object string `json:"object"`
	Stage  string `json:"stage"`
}

func aliveDoc(object string, chains []store.Chain) aliveJSON {
	doc := aliveJSON{Object: object, Alive: len(chains) > 0, Chains: []chainJSON{}}
	for _, c := range chains {
		list := chainJSON{keeperJSON: keeperJSON{c.Kind, c.Name, c.Target}, Plan: c.Plan}
		for _, step := range c.Steps {
			list.Steps = append(list.Steps, stepJSON(step))
		}
		doc.Chains = append(doc.Chains, list)
	}
	return doc
}
