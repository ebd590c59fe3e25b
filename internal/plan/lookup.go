package plan

import (
	"slices"
	"strings"
)

// lookup returns the value of a name in ${}.
func (x *expander) lookup(n *node, name string) any {
	if rest, ok := strings.CutPrefix(name, "stage."); ok {
		return x.lookupConfig(n, name, rest)
	}
	if v, ok := x.axes[name]; ok {
		return v
	}
	params := n.in().params
	p, ok := params[name]
	if ok {
		p.used = true
		return x.param(p)
	}
	names, one, many := paramNames(params), "param", "params"
	if meant := params[x.guess(name, names)]; meant != nil {
		meant.used = true // to be told of the typo is enough
	}
	if len(x.axes) > 0 {
		names, one, many = append(names, sortedKeys(x.axes)...), "name", "axes and params"
	}
	x.add(n, "unknown name in ${%s}%s", name, x.among(name, one, many, names))
	return unknown{}
}

// param returns the value of a param: what a use gives it is expanded the
// first time.
func (x *expander) param(p *param) any {
	if p.arg == nil || p.given {
		return p.value
	}
	if x.shared != nil {
		return x.shared.param(p)
	}
	busy := p.arg.in().prefix + p.arg.path()
	if slices.Contains(x.busy, busy) {
		x.add(p.arg, "the value depends on itself")
		return unknown{}
	}
	x.busy = append(x.busy, busy)
	v := x.canonical(p.arg.with(x.expand(p.arg)))
	x.busy = x.busy[:len(x.busy)-1]
	p.value, p.given = x.fit(p, v), true
	return p.value
}

// fit checks that an argument is of the type of the param's default.
func (x *expander) fit(p *param, v any) any {
	_, silent := p.value.(unknown)
	if _, unknown := v.(unknown); unknown || silent {
		return v
	}
	if i, ok := v.(int64); ok && isFloat(p.value) {
		return float64(i)
	}
	if want, have := kind(p.value), kind(v); want != have {
		x.add(p.arg, "want %s like the default of the param, have %s", want, have)
		return unknown{}
	}
	return v
}

// lookupConfig returns the value of another stage's config key, from what
// follows "stage.".
func (x *expander) lookupConfig(n *node, name, rest string) any {
	stage, key, ok := strings.Cut(rest, ".config.")
	if !ok {
		x.add(n, "unknown name in ${%s}: want ${stage.NAME.config.KEY}", name)
		return unknown{}
	}
	at, known := x.configOf(n.in(), stage)
	if at == nil {
		if !known {
			x.add(n, "unknown stage in ${%s}%s", name, x.among(stage, "stage", "stages", n.in().visible()))
		}
		return unknown{}
	}
	config := at.node.child("config")
	value := config.get(key)
	if slices.Contains(at.axes, key) || value != nil && mentions(value, at.axes) {
		x.add(n, "${%s} has no one value: the stage is a sweep, and it differs from point to point", name)
		return unknown{}
	}
	if value == nil {
		x.add(n, "unknown config key in ${%s}%s", name, x.among(key, "config key of "+stage, "config keys of "+stage, keyNames(config)))
		return unknown{}
	}
	if x.shared != nil {
		return x.shared.config(n, value)
	}
	return x.config(n, value)
}

// configOf finds the stage whose config a string of the unit refers to. It may
// be one that the file requires.
func (x *expander) configOf(u *unit, name string) (e *entry, known bool) {
	for {
		required := u.requires[name]
		if required == nil {
			return x.named(u, name)
		}
		if required.bind == nil {
			return nil, true
		}
		text, _ := required.bind.value.(string)
		r, err := parseRef(text)
		if err != nil || hasTemplate(text) {
			return nil, err != nil
		}
		u, name = required.bind.in(), r.name
	}
}

// config returns the canonical value of a config key, and expands it the
// first time. from is where it is asked for.
func (x *expander) config(from, n *node) any {
	path := n.in().prefix + n.path()
	if v, ok := x.values[path]; ok {
		return v.value
	}
	if i := slices.Index(x.busy, path); i >= 0 {
		x.add(from, "the value depends on itself: %s", strings.Join(append(slices.Clone(x.busy[i:]), path), " -> "))
		return unknown{}
	}
	x.busy = append(x.busy, path)
	v := configValue{x.canonical(n.with(x.expand(n)))}
	x.busy = x.busy[:len(x.busy)-1]
	x.values[path] = v
	return v.value
}

// mentions tells whether a string of the stage at n, or in a value of one, has
// one of the names as ${name}. What is not interpolated doesn't count.
func mentions(n *node, names []string) bool {
	switch v := n.value.(type) {
	case string:
		return mentionsIn(v, names)
	case []any, []map[string]any:
		return slices.ContainsFunc(n.items(), func(item *node) bool { return mentions(item, names) })
	case map[string]any:
		if !hasTemplate(v) {
			return false
		}
		return slices.ContainsFunc(n.children(), func(c *node) bool {
			literal := n.up != nil && n.up.key == "stage" && slices.Contains(literalKeys, c.key)
			return !literal && mentions(c, names)
		})
	}
	return false
}

func mentionsIn(text string, names []string) bool {
	if !strings.Contains(text, "${") {
		return false
	}
	pieces, err := parseTemplate(text)
	return err == nil && slices.ContainsFunc(pieces, func(p piece) bool { return p.name && slices.Contains(names, p.text) })
}

// literalKeys are the keys of a stage that are not interpolated.
var literalKeys = []string{"run", "check", "files"}
