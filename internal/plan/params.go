package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"plx/internal/store"
)

// A param is a name that the strings of a file may refer to.
type param struct {
	at    *node
	value any // canonical
	used  bool
	arg   *node // what a use gives it; nil: nothing
	given bool  // value is that of arg
}

// readParams reads the table of params, which may be missing.
func (p *problems) readParams(n *node) map[string]*param {
	params := make(map[string]*param)
	if _, ok := as[map[string]any](p, n, "a table"); !ok {
		return params
	}
	for _, child := range n.children() {
		if err := store.CheckName(child.key); err != nil {
			p.add(child, "%v", err)
			continue
		}
		params[child.key] = &param{at: child, value: p.paramValue(child)}
	}
	return params
}

// paramValue reads the default of a param. It can't refer to other params,
// but has "$${" for "${" like all strings.
func (p *problems) paramValue(n *node) any {
	none := expander{loader: &loader{problems: p}}
	if !hasTemplate(n.value) {
		return p.canonical(n)
	}
	before := len(p.list)
	v := none.expandLiteral(n)
	if len(p.list) > before {
		return unknown{}
	}
	return p.canonical(n.with(v))
}

// expandLiteral is expand for where no name is known.
func (x *expander) expandLiteral(n *node) any {
	switch v := n.value.(type) {
	case string:
		pieces, err := parseTemplate(v)
		if err != nil {
			x.add(n, "%v", err)
			return unknown{}
		}
		if slices.ContainsFunc(pieces, func(p piece) bool { return p.name }) {
			x.add(n, `a param can't refer to another; write "$${" for a literal "${"`)
			return unknown{}
		}
		return x.text(n, v)
	case map[string]any:
		return each(n, x.expandLiteral)
	case []any, []map[string]any:
		list := slices.Clone(plainList(v))
		for i := range list {
			list[i] = x.expandLiteral(&node{up: n, index: i, value: list[i]})
		}
		return list
	default:
		return v
	}
}

// setParams gives the params the values of -p.
func (p *problems) setParams(params map[string]*param, given map[string]string) Errors {
	var errs Errors
	for _, name := range slices.Sorted(maps.Keys(given)) {
		text := given[name]
		fail := func(format string, args ...any) {
			errs = append(errs, SyntaxError{File: "-p " + name + "=" + text, Err: fmt.Errorf(format, args...)})
		}
		param, ok := params[name]
		if !ok {
			fail("unknown param%s", p.among(name, "param", "params", paramNames(params)))
			continue
		}
		value, err := p.readGiven(param, text)
		if err != nil {
			fail("%v", err)
			continue
		}
		param.value = value
	}
	return errs
}

// readGiven reads the text of a -p as the type of the param's default.
func (p *problems) readGiven(param *param, text string) (any, error) {
	switch param.value.(type) {
	case string:
		return text, nil
	case unknown:
		return unknown{}, nil
	}
	raw, ok := decodeValue(text)
	if !ok {
		raw = text
	}
	var own problems
	value := own.canonical(param.at.with(raw))
	if len(own.list) > 0 {
		return nil, own.list[0].err
	}
	if i, ok := value.(int64); ok && isFloat(param.value) {
		return float64(i), nil
	}
	if want, have := kind(param.value), kind(value); want != have {
		return nil, fmt.Errorf("want %s like the default in the stage file, have %s", want, have)
	}
	return value, nil
}

// kind is describe for canonical values, and tells the four kinds of dates
// and times apart.
func kind(v any) string {
	d, ok := v.(store.Datetime)
	if !ok {
		return describe(v)
	}
	data, err := store.Canonical(d)
	if err != nil {
		return describe(v)
	}
	switch kind, _, _ := strings.Cut(string(data), ":"); kind {
	case `{"$date"`:
		return "a date"
	case `{"$time"`:
		return "a time"
	case `{"$datetime-local"`:
		return "a date and time without offset"
	default:
		return "a date and time with offset"
	}
}

func isFloat(v any) bool {
	_, ok := v.(float64)
	return ok
}

// checkUsed reports the params that nothing refers to.
func (p *problems) checkUsed(u *unit) {
	params := u.params
	unused := slices.DeleteFunc(paramNames(params), func(name string) bool { return params[name].used })
	// What is overridden is expanded nowhere.
	overridden := len(unused) > 0 && mentions(u.root, unused)
	for _, name := range unused {
		if !overridden || !mentions(u.root, []string{name}) {
			p.add(params[name].at, "nothing in this file uses the param; write ${%s} where it belongs, or remove it", name)
		}
	}
}

func paramNames(params map[string]*param) []string { return sortedKeys(params) }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
