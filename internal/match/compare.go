package match

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"

	"plx/internal/store"
)

// refuse returns why the realization is left out, "" if it isn't. All lenses
// are read, so that the answer doesn't depend on the order of the parts: a
// missing value leaves out, whatever else is true.
func (c *condition) refuse(ref store.RRef, values Lookup) (string, error) {
	found := make(map[string]any, len(c.lenses))
	for _, lens := range c.lenses {
		v, err := values.Value(ref, lens)
		if errors.Is(err, ErrNoValue) {
			return err.Error(), nil
		}
		if err != nil {
			return "", err
		}
		found[lens] = v
	}
	ok, err := c.root.holds(found)
	switch {
	case err != nil:
		return err.Error(), nil
	case ok:
		return "", nil
	}
	facts := make([]string, len(c.lenses))
	for i, lens := range c.lenses {
		facts[i] = lens + " is " + describe(found[lens])
	}
	return fmt.Sprintf("not %s: %s", c.quote(), strings.Join(facts, ", ")), nil
}

// quote returns the condition, in parentheses if it needs them after "not".
func (c *condition) quote() string {
	if _, ok := c.root.(*junction); ok {
		return "(" + c.String() + ")"
	}
	return c.String()
}

func (j *junction) holds(values map[string]any) (bool, error) {
	result := j.word == "and"
	for _, part := range j.parts {
		ok, err := part.holds(values)
		if err != nil {
			return false, err
		}
		switch j.word {
		case "not":
			result = !ok
		case "and":
			result = result && ok
		case "or":
			result = result || ok
		}
	}
	return result, nil
}

func (c *comparison) holds(values map[string]any) (bool, error) {
	a, b := c.a.in(values), c.b.in(values)
	order, err := compare(a, b)
	if err != nil {
		return false, fmt.Errorf("%v %s %v: %v", c.a.text, c.op, c.b.text, err)
	}
	if _, ok := a.(bool); ok && c.op != "==" && c.op != "!=" {
		return false, fmt.Errorf("%v %s %v: true and false have no order", c.a.text, c.op, c.b.text)
	}
	switch c.op {
	case "==":
		return order == 0, nil
	case "!=":
		return order != 0, nil
	case "<":
		return order < 0, nil
	case "<=":
		return order <= 0, nil
	case ">":
		return order > 0, nil
	default:
		return order >= 0, nil
	}
}

func (o operand) in(values map[string]any) any {
	if o.value != nil {
		return o.value
	}
	return values[o.text]
}

// compare orders two numbers, or two texts by their bytes, and tells two
// truth values apart. NaN is not a number.
func compare(a, b any) (int, error) {
	switch a := a.(type) {
	case string:
		if b, ok := b.(string); ok {
			return strings.Compare(a, b), nil
		}
	case bool:
		if b, ok := b.(bool); ok && a == b {
			return 0, nil
		} else if ok {
			return 1, nil
		}
	}
	x, okA := exactNumber(a)
	y, okB := exactNumber(b)
	if !okA || !okB {
		return 0, fmt.Errorf("%s and %s can't be compared", describe(a), describe(b))
	}
	return x.Cmp(y), nil
}

// exactNumber returns v if it is a number. An integer of 64 bits has no exact
// float64, so that is not what numbers are compared as.
func exactNumber(v any) (*big.Float, bool) {
	switch v := v.(type) {
	case int64:
		return new(big.Float).SetInt64(v), true
	case float64:
		if !math.IsNaN(v) {
			return new(big.Float).SetFloat64(v), true
		}
	}
	return nil, false
}

// number returns v if it is a number to rank by.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, !math.IsNaN(v)
	default:
		return 0, false
	}
}
