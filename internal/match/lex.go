package match

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind int8

const (
	tokenEnd tokenKind = iota
	tokenLens
	tokenLiteral
	tokenCompare // one of comparisons
	tokenWord    // and, or, not
	tokenParen   // ( or )
)

// A token is the smallest part of a where expression.
type token struct {
	kind  tokenKind
	at    int    // where it begins, in bytes
	text  string // as written; of a text its normal form
	value any    // of a literal
}

func (t token) is(kind tokenKind, text string) bool { return t.kind == kind && t.text == text }

func (t token) String() string {
	if t.kind == tokenEnd {
		return "the end"
	}
	return t.text
}

// A lexer takes a where expression apart. A lens is as long as it can be:
// a-1 is a name, since there is no arithmetic.
type lexer struct {
	text string
	at   int // in bytes
}

// fail returns an error about what stands at the byte.
func (x *lexer) fail(at int, format string, args ...any) error {
	column := utf8.RuneCountInString(x.text[:at]) + 1
	return fmt.Errorf("column %d: %w", column, fmt.Errorf(format, args...))
}

func (x *lexer) rest() string { return x.text[x.at:] }

// numberRun is what is read as one number, sound or not.
var numberRun = regexp.MustCompile(`^[-+]?[0-9.](?:[eE][-+]|[0-9A-Za-z_.])*`)

// next returns the next token.
func (x *lexer) next() (token, error) {
	x.at += len(x.rest()) - len(strings.TrimLeft(x.rest(), " \t\r\n"))
	if x.rest() == "" {
		return token{at: x.at}, nil
	}
	r, size := utf8.DecodeRuneInString(x.rest())
	switch {
	case r == '(' || r == ')':
		x.at += size
		return token{kind: tokenParen, at: x.at - size, text: string(r)}, nil
	case strings.ContainsRune("=!<>", r):
		return x.comparison()
	case r == '\'' || r == '"':
		return x.literalText(r)
	case beginsName(r):
		return x.lensOrWord()
	case numberRun.MatchString(x.rest()):
		return x.number()
	default:
		return token{}, x.fail(x.at, "unexpected %q", r)
	}
}

func (x *lexer) comparison() (token, error) {
	at := x.at
	for _, op := range comparisons {
		if strings.HasPrefix(x.rest(), op) {
			x.at += len(op)
			return token{kind: tokenCompare, at: at, text: op}, nil
		}
	}
	if x.rest()[0] == '=' {
		return token{}, x.fail(at, "want == to compare, have =")
	}
	return token{}, x.fail(at, "want != or not, have !")
}

var (
	integerText = regexp.MustCompile(`^[-+]?[0-9]+$`)
	decimalText = regexp.MustCompile(`^[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)
)

func (x *lexer) number() (token, error) {
	t := token{kind: tokenLiteral, at: x.at, text: numberRun.FindString(x.rest())}
	var err error
	switch {
	case integerText.MatchString(t.text):
		t.value, err = strconv.ParseInt(t.text, 10, 64)
	case decimalText.MatchString(t.text):
		t.value, err = strconv.ParseFloat(t.text, 64)
	default:
		return token{}, x.fail(t.at, "%s is not a number", t.text)
	}
	if err != nil {
		return token{}, x.fail(t.at, "%s is out of range", t.text)
	}
	x.at += len(t.text)
	return t, nil
}

// literalText reads 'text', without escapes, or "text" as JSON has it.
func (x *lexer) literalText(quote rune) (token, error) {
	t := token{kind: tokenLiteral, at: x.at}
	var value string
	if quote == '"' {
		n, err := quoted(x.rest())
		if err != nil {
			return token{}, x.fail(x.at, "%v", err)
		}
		value = unquote(x.text[x.at : x.at+n])
		x.at += n
	} else {
		n := strings.IndexByte(x.rest()[1:], '\'')
		if n < 0 {
			return token{}, x.fail(x.at, "the text has no closing '")
		}
		value = x.rest()[1 : n+1]
		x.at += n + 2
	}
	t.value, t.text = value, quoteJSON(value)
	return t, nil
}

func (x *lexer) lensOrWord() (token, error) {
	t := token{kind: tokenLens, at: x.at}
	if err := x.lens(); err != nil {
		return token{}, err
	}
	t.text = x.text[t.at:x.at]
	switch t.text {
	case "and", "or", "not":
		t.kind = tokenWord
	case "true", "false":
		t.kind = tokenLiteral
		t.value = t.text == "true"
	}
	return t, nil
}

// lens reads a lens: a name, then any number of .name, ."name" and [n].
func (x *lexer) lens() error {
	x.name()
	for x.rest() != "" {
		switch x.rest()[0] {
		case '.':
			x.at++
			if err := x.key(); err != nil {
				return err
			}
		case '[':
			if err := x.index(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

// name reads as many letters of a name as there are.
func (x *lexer) name() {
	n := strings.IndexFunc(x.rest(), func(r rune) bool { return !inName(r) })
	if n < 0 {
		n = len(x.rest())
	}
	x.at += n
}

// key reads what follows a dot.
func (x *lexer) key() error {
	start := x.at
	if !strings.HasPrefix(x.rest(), `"`) {
		if x.name(); x.at == start {
			return x.fail(start, "want a name after the dot; quote it if it has other than letters, digits, _ and -")
		}
		return nil
	}
	n, err := quoted(x.rest())
	if err != nil {
		return x.fail(start, "%v", err)
	}
	x.at += n
	return nil
}

func (x *lexer) index() error {
	number, _, ok := strings.Cut(x.rest()[1:], "]")
	if number == "*" {
		return x.fail(x.at, "[*] has many values, where one is wanted: want [n]")
	}
	if _, err := strconv.ParseInt(number, 10, strconv.IntSize-1); err != nil || !ok || number[0] == '+' {
		return x.fail(x.at, "want [n], a whole number in brackets")
	}
	x.at += len(number) + 2
	return nil
}

// beginsName reports whether r may begin a lens: the name of an output.
func beginsName(r rune) bool { return r == '_' || unicode.IsLetter(r) }

func inName(r rune) bool { return beginsName(r) || r == '-' || unicode.IsDigit(r) }

// quoted returns the length of the JSON string that text begins with.
func quoted(text string) (int, error) {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			var s string
			if err := json.Unmarshal([]byte(text[:i+1]), &s); err != nil {
				return 0, fmt.Errorf("%s is not a JSON string", text[:i+1])
			}
			return i + 1, nil
		}
	}
	return 0, errors.New(`the text has no closing "`)
}

// unquote reads what [quoted] found to be a JSON string.
func unquote(text string) string {
	var s string
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		panic("match: " + err.Error())
	}
	return s
}

func quoteJSON(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic("match: " + err.Error()) // a string can be encoded
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// checkLens returns an error unless text is a lens.
func checkLens(text string) error {
	if !utf8.ValidString(text) {
		return errors.New("it is not UTF-8")
	}
	if r, _ := utf8.DecodeRuneInString(text); !beginsName(r) {
		return fmt.Errorf("want a lens that begins with the name of an output, have %s", shorten(text))
	}
	x := lexer{text: text}
	if err := x.lens(); err != nil {
		return err
	}
	if x.rest() != "" {
		r, _ := utf8.DecodeRuneInString(x.rest())
		return x.fail(x.at, "unexpected %q in a lens", r)
	}
	return nil
}
