package match

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"plx/internal/store"
)

// This file is the grammar of where:
//
//	or         = and { "or" and }
//	and        = not { "and" not }
//	not        = "not" not | "(" or ")" | comparison
//	comparison = operand ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) operand
//	operand    = lens | number | text | "true" | "false"
//
// At least one operand of a comparison is a lens. A single = is an error, so
// that there is one way to write it.

// comparisons are the operators, those first that others begin.
var comparisons = []string{"==", "!=", "<=", ">=", "<", ">"}

// maxDepth is how deep parentheses and nots may nest: far more than anyone
// writes, and nothing to the stack.
const maxDepth = 200

// A condition is a where expression.
type condition struct {
	root   expression
	lenses []string // those in it, each once, as they come
}

// An expression is a [*comparison] or a [*junction].
type expression interface {
	// holds evaluates the expression with the lenses' values.
	holds(values map[string]any) (bool, error)
	// print writes the normal form: one space between tokens, no parentheses
	// but those needed, numbers and lenses as written.
	print(b *strings.Builder)
}

// A comparison is "a op b".
type comparison struct {
	op   string
	a, b operand
}

// An operand is a lens or a literal.
type operand struct {
	text  string // as written; of a literal text its normal form
	value any    // of a literal; nil: a lens
}

// A junction is "x and y and …", "x or y or …" or "not x". No part of an and
// is an and, nor of an or an or.
type junction struct {
	word  string
	parts []expression
}

func parseCondition(text string) (*condition, error) {
	if !utf8.ValidString(text) {
		return nil, errors.New("it is not UTF-8")
	}
	p := parser{lexer: lexer{text: text}, condition: &condition{}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	root, err := p.junction("or")
	if err != nil {
		return nil, err
	}
	if p.token.kind != tokenEnd {
		return nil, p.fail(p.token.at, "want and, or, or the end, have %v", p.token)
	}
	p.root = root
	return p.condition, nil
}

func (c *condition) String() string {
	var b strings.Builder
	c.root.print(&b)
	return b.String()
}

// A parser reads a where expression by recursive descent.
type parser struct {
	lexer
	*condition
	token token // the next one
	depth int
}

func (p *parser) advance() (err error) {
	p.token, err = p.next()
	return err
}

// junction reads what is joined with word, "or" or "and".
func (p *parser) junction(word string) (expression, error) {
	var parts []expression
	for {
		part, err := p.part(word)
		if err != nil {
			return nil, err
		}
		if j, ok := part.(*junction); ok && j.word == word {
			parts = append(parts, j.parts...)
		} else {
			parts = append(parts, part)
		}
		if !p.token.is(tokenWord, word) {
			break
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return &junction{word, parts}, nil
}

func (p *parser) part(word string) (expression, error) {
	if word == "or" {
		return p.junction("and")
	}
	return p.not()
}

func (p *parser) not() (expression, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.fail(p.token.at, "it nests deeper than %d", maxDepth)
	}
	defer func() { p.depth-- }()
	switch {
	case p.token.is(tokenWord, "not"):
		if err := p.advance(); err != nil {
			return nil, err
		}
		part, err := p.not()
		if err != nil {
			return nil, err
		}
		return &junction{"not", []expression{part}}, nil
	case p.token.is(tokenParen, "("):
		return p.parenthesis()
	default:
		return p.comparison()
	}
}

func (p *parser) parenthesis() (expression, error) {
	open := p.token.at
	if err := p.advance(); err != nil {
		return nil, err
	}
	inner, err := p.junction("or")
	if err != nil {
		return nil, err
	}
	if !p.token.is(tokenParen, ")") {
		return nil, p.fail(p.token.at, "want ) for the ( at column %d, have %v", utf8.RuneCountInString(p.text[:open])+1, p.token)
	}
	return inner, p.advance()
}

func (p *parser) comparison() (expression, error) {
	start := p.token.at
	a, err := p.operand()
	if err != nil {
		return nil, err
	}
	op := p.token
	if op.kind != tokenCompare {
		return nil, p.fail(op.at, "want a comparison, such as %s == 1, have %v", a.text, op)
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	b, err := p.operand()
	if err != nil {
		return nil, err
	}
	if a.value != nil && b.value != nil {
		return nil, p.fail(start, "%s %s %s compares no lens; a lens has no quotes around it", a.text, op.text, b.text)
	}
	if p.token.kind == tokenCompare {
		return nil, p.fail(p.token.at, "comparisons don't chain: join two with and")
	}
	return &comparison{op.text, a, b}, nil
}

func (p *parser) operand() (operand, error) {
	t := p.token
	switch t.kind {
	case tokenLens:
		if !slices.Contains(p.lenses, t.text) {
			p.lenses = append(p.lenses, t.text)
		}
		return operand{text: t.text}, p.advance()
	case tokenLiteral:
		return operand{t.text, t.value}, p.advance()
	default:
		return operand{}, p.fail(t.at, "want a lens, a number, a text, true or false, have %v", t)
	}
}

func (c *comparison) print(b *strings.Builder) {
	b.WriteString(c.a.text + " " + c.op + " " + c.b.text)
}

func (j *junction) print(b *strings.Builder) {
	if j.word == "not" {
		b.WriteString("not ")
	}
	for i, part := range j.parts {
		if i > 0 {
			b.WriteString(" " + j.word + " ")
		}
		inner, ok := part.(*junction)
		if ok && binding(inner.word) < binding(j.word) {
			b.WriteByte('(')
			part.print(b)
			b.WriteByte(')')
		} else {
			part.print(b)
		}
	}
}

// binding says how tight a word binds.
func binding(word string) int { return slices.Index([]string{"or", "and", "not"}, word) }

// A Where is a condition on realizations, written as the where of a matcher. Its
// lenses may begin at anything that [Values] knows.
type Where struct{ condition *condition }

// ParseWhere reads a condition.
func ParseWhere(text string) (Where, error) {
	c, err := parseCondition(text)
	if err != nil {
		return Where{}, fmt.Errorf("where: %w", err)
	}
	return Where{c}, nil
}

// Refuse returns why the condition does not hold for a realization, as it
// doesn't for one without a value that it asks for; "" if it does hold.
func (w Where) Refuse(ref store.RRef, values Lookup) (string, error) {
	return w.condition.refuse(ref, values)
}
