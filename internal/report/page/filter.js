// The filter of runs. It is the expression that matchers have after where, as
// internal/match reads it:
//
//	or         = and { "or" and }
//	and        = not { "and" not }
//	not        = "not" not | "(" or ")" | comparison
//	comparison = operand ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) operand
//	operand    = name | number | text | "true" | "false"
//
// At least one operand of a comparison is a name. A run without one of the
// values is left out. A filter without any comparison is words, all of which a
// run must have somewhere. What both must say of the same expressions is in
// internal/match/testdata/where.json.

const comparisons = ["==", "!=", "<=", ">=", "<", ">"]; // those first that others begin
const number = /[-+]?[0-9.](?:[eE][-+]|[0-9A-Za-z_.])*/y; // read as one, sound or not
const sound = /^[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$/;
const name = /[\p{L}_][\p{L}\p{Nd}_-]*/uy;
const key = /[\p{L}\p{Nd}_-]+/uy; // after a dot
const text = /"(?:[^"\\]|\\.)*"/suy;
const index = /\[-?[0-9]{1,18}\]/y;
const maxDepth = 200;

// isWords tells a search for words from an expression.
export function isWords(filter) {
  return !/[=<>!()]/.test(filter) && !/^\s*not\s/.test(filter);
}

// parse returns a function that tells whether values hold: of a name's value.
// It throws an Error that says what is wrong, and at which column.
export function parse(filter) {
  const parser = new Parser(filter);
  const root = parser.or();
  if (parser.next) parser.fail(`want and, or, or the end, have ${parser.next.text}`);
  return { holds: (value) => root(value) === true, names: [...parser.names] };
}

class Parser {
  constructor(filter) {
    this.text = filter;
    this.at = 0;
    this.depth = 0;
    this.names = new Set();
    this.advance();
  }

  fail(message, at = this.next ? this.next.at : this.text.length) {
    throw new Error(`column ${[...this.text.slice(0, at)].length + 1}: ${message}`);
  }

  // take returns what a pattern finds here, and goes behind it.
  take(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found) this.at = pattern.lastIndex;
    return found?.[0];
  }

  // advance reads the next token: { kind, text, at, value }.
  advance() {
    while (this.at < this.text.length && " \t\r\n".includes(this.text[this.at])) this.at++;
    const at = this.at, c = this.text[at];
    this.next = undefined;
    if (c === undefined) return;
    const token = this.paren(c) || this.compare(c) || this.quoted(c) || this.lens() || this.digits();
    if (!token) this.fail(`unexpected ${String.fromCodePoint(this.text.codePointAt(at))}`, at);
    this.next = { ...token, at, text: this.text.slice(at, this.at) };
  }

  paren(c) {
    if (c !== "(" && c !== ")") return undefined;
    this.at++;
    return { kind: c };
  }

  compare(c) {
    if (!"=!<>".includes(c)) return undefined;
    const op = comparisons.find((o) => this.text.startsWith(o, this.at));
    if (!op) this.fail(c === "=" ? "want == to compare, have =" : "want != or not, have !", this.at);
    this.at += op.length;
    return { kind: "compare" };
  }

  quoted(c) {
    if (c !== "'" && c !== '"') return undefined;
    const at = this.at;
    if (c === '"') return { kind: "literal", value: this.json() };
    const end = this.text.indexOf("'", at + 1);
    if (end < 0) this.fail("the text has no closing '", at);
    this.at = end + 1;
    return { kind: "literal", value: this.text.slice(at + 1, end) };
  }

  // json reads a text as JSON has it.
  json() {
    const at = this.at, found = this.take(text);
    if (!found) this.fail('the text has no closing "', at);
    try {
      return JSON.parse(found);
    } catch {
      return this.fail(`${found} is not a JSON string`, at);
    }
  }

  // lens reads a name, then any number of .name, ."name" and [n].
  lens() {
    const word = this.take(name);
    if (!word) return undefined;
    let more = false;
    for (; ".[".includes(this.text[this.at] ?? " "); more = true) {
      if (this.text[this.at] === "[") {
        if (!this.take(index)) this.fail("want [n], a whole number in brackets", this.at);
      } else {
        this.at++;
        if (this.text[this.at] === '"') this.json();
        else if (!this.take(key)) this.fail("want a name after the dot; quote it if it has other than letters, digits, _ and -", this.at);
      }
    }
    if (!more && ["and", "or", "not"].includes(word)) return { kind: word };
    if (!more && ["true", "false"].includes(word)) return { kind: "literal", value: word === "true" };
    return { kind: "name" };
  }

  digits() {
    const at = this.at, found = this.take(number);
    if (found === undefined) return undefined;
    if (!sound.test(found)) this.fail(`${found} is not a number`, at);
    const value = Number(found);
    if (!Number.isFinite(value) || !inRange(found)) this.fail(`${found} is out of range`, at);
    return { kind: "literal", value };
  }

  is(kind) {
    return this.next?.kind === kind;
  }

  pass(kind) {
    if (!this.is(kind)) return false;
    this.advance();
    return true;
  }

  or() {
    const parts = [this.and()];
    while (this.pass("or")) parts.push(this.and());
    return joined(parts, (a, b) => a || b);
  }

  and() {
    const parts = [this.not()];
    while (this.pass("and")) parts.push(this.not());
    return joined(parts, (a, b) => a && b);
  }

  not() {
    if (++this.depth > maxDepth) this.fail(`it nests deeper than ${maxDepth}`);
    try {
      if (this.pass("not")) {
        const part = this.not();
        return (value) => {
          const result = part(value);
          return result === undefined ? undefined : !result;
        };
      }
      if (!this.pass("(")) return this.comparison();
      const inner = this.or();
      if (!this.pass(")")) this.fail("want ) here");
      return inner;
    } finally {
      this.depth--;
    }
  }

  comparison() {
    const start = this.next?.at;
    const a = this.operand();
    if (!this.is("compare")) this.fail("want a comparison, such as == 1, here");
    const op = this.next.text;
    this.advance();
    const b = this.operand();
    if (a.name === undefined && b.name === undefined) this.fail("this compares no name; a name has no quotes around it", start);
    if (this.is("compare")) this.fail("comparisons don't chain: join two with and");
    return (value) => holds(op, a.of(value), b.of(value));
  }

  operand() {
    const t = this.next;
    if (t?.kind !== "name" && t?.kind !== "literal") this.fail("want a name, a number, a text, true or false");
    this.advance();
    if (t.kind === "literal") return { of: () => t.value };
    this.names.add(t.text);
    return { name: t.text, of: (value) => value(t.text) };
  }
}

// inRange tells whether a whole number has at most 64 bits.
function inRange(digits) {
  if (!/^[-+]?[0-9]+$/.test(digits)) return true;
  const n = BigInt(digits.replace("+", ""));
  return BigInt.asIntN(64, n) === n;
}

// joined asks all parts: one that can't be told leaves a run out, whatever else
// is true.
function joined(parts, join) {
  if (parts.length === 1) return parts[0];
  return (value) => parts.map((p) => p(value)).reduce((a, b) => (a === undefined || b === undefined ? undefined : join(a, b)));
}

// holds compares two values; undefined if they can't be.
function holds(op, a, b) {
  const kind = typeof a;
  if (kind !== typeof b || !["number", "string", "boolean"].includes(kind)) return undefined;
  if (Number.isNaN(a) || Number.isNaN(b)) return undefined;
  if (op === "==") return a === b;
  if (op === "!=") return a !== b;
  if (kind === "boolean") return undefined;
  const order = kind === "string" ? orderOf(a, b) : a - b || 0;
  return { "<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0 }[op];
}

// orderOf orders texts as UTF-8 does: by the numbers of their characters.
function orderOf(a, b) {
  const x = [...a], y = [...b];
  for (let i = 0; i < x.length && i < y.length; i++) {
    if (x[i] !== y[i]) return x[i].codePointAt(0) - y[i].codePointAt(0);
  }
  return x.length - y.length;
}
