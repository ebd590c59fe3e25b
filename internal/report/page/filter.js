// The filter of runs. It is the expression that matchers have after where:
//
//	or         = and { "or" and }
//	and        = not { "and" not }
//	not        = "not" not | "(" or ")" | comparison
//	comparison = operand ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) operand
//	operand    = name | number | text | "true" | "false"
//
// A run without one of the values is left out. A filter without any comparison
// is words, all of which a run must have somewhere.

const token = /\s*(?:([()])|(==|!=|<=|>=|<|>)|("(?:[^"\\]|\\.)*"|'[^']*')|([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w.])|([\p{L}_](?:[\p{L}\p{N}_-]|\.(?=[\p{L}\p{N}_"])|"[^"]*"|\[-?\d+\])*))/uy;

// isWords tells a search for words from an expression.
export function isWords(text) {
  return !/[=<>!()]/.test(text) && !/^\s*not\s/.test(text);
}

// parse returns a function that tells whether values hold: of a name's value.
// It throws an Error that says what is wrong, and at which column.
export function parse(text) {
  const parser = new Parser(text);
  const root = parser.or();
  if (parser.next) parser.fail(`want and, or, or the end, have ${parser.next.text}`);
  return { holds: (value) => root(value) === true, names: [...parser.names] };
}

class Parser {
  constructor(text) {
    this.text = text;
    this.at = 0;
    this.names = new Set();
    this.advance();
  }

  fail(message, at = this.next ? this.next.at : this.text.length) {
    throw new Error(`column ${at + 1}: ${message}`);
  }

  advance() {
    token.lastIndex = this.at;
    const found = token.exec(this.text);
    if (!found) {
      const rest = this.text.slice(this.at).trimStart();
      this.next = undefined;
      if (rest) {
        const at = this.text.length - rest.length;
        this.fail(rest[0] === "=" ? "want == to compare, have =" : `unexpected ${rest[0]}`, at);
      }
      return;
    }
    const [whole, paren, compare, quoted, digits, name] = found;
    this.at = token.lastIndex;
    this.next = { text: whole.trim(), at: this.at - whole.trimStart().length, paren, compare, name };
    if (quoted !== undefined) this.next.value = quoted[0] === "'" ? quoted.slice(1, -1) : this.unquote(quoted);
    if (digits !== undefined) this.next.value = Number(digits);
    if (name === "true" || name === "false") this.next.value = name === "true";
  }

  unquote(quoted) {
    try {
      return JSON.parse(quoted);
    } catch {
      return this.fail(`${quoted} is not a JSON string`);
    }
  }

  is(word) {
    return this.next && this.next.text === word && this.next.value === undefined;
  }

  take(word) {
    if (!this.is(word)) return false;
    this.advance();
    return true;
  }

  or() {
    const parts = [this.and()];
    while (this.take("or")) parts.push(this.and());
    return (value) => parts.map((p) => p(value)).reduce((a, b) => (a === undefined || b === undefined ? undefined : a || b));
  }

  and() {
    const parts = [this.not()];
    while (this.take("and")) parts.push(this.not());
    return (value) => parts.map((p) => p(value)).reduce((a, b) => (a === undefined || b === undefined ? undefined : a && b));
  }

  not() {
    if (this.take("not")) {
      const part = this.not();
      return (value) => {
        const result = part(value);
        return result === undefined ? undefined : !result;
      };
    }
    if (this.take("(")) {
      const inner = this.or();
      if (!this.take(")")) this.fail("want ) here");
      return inner;
    }
    return this.comparison();
  }

  comparison() {
    const a = this.operand();
    const op = this.next && this.next.compare;
    if (!op) this.fail("want a comparison, such as == 1, here");
    this.advance();
    const b = this.operand();
    if (this.next && this.next.compare) this.fail("comparisons don't chain: join two with and");
    return (value) => holds(op, a(value), b(value));
  }

  operand() {
    const t = this.next;
    if (!t || t.paren || t.compare) this.fail("want a name, a number, a text, true or false");
    this.advance();
    if (t.value !== undefined) return () => t.value;
    this.names.add(t.text);
    return (value) => value(t.text);
  }
}

// holds compares two values; undefined if they can't be.
function holds(op, a, b) {
  if (a === undefined || a === null || b === undefined || b === null || typeof a !== typeof b) return undefined;
  if (typeof a === "boolean" && op !== "==" && op !== "!=") return undefined;
  switch (op) {
    case "==": return a === b;
    case "!=": return a !== b;
    case "<": return a < b;
    case "<=": return a <= b;
    case ">": return a > b;
    default: return a >= b;
  }
}
