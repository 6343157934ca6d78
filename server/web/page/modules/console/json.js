// JSON as the console takes it: with comments and """texts of several lines""", as Dev Tools has them. Read with places,
// so that faults can be shown where they are; numbers stay as they are written.

const k_number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const k_word = /[A-Za-z0-9_$.+-]+/y;
const k_string = /"(?:[^"\\\n]|\\[^\n])*"/y;
const k_escape = /\\(?!["\\/bfnrt]|u[0-9a-fA-F]{4})/;
const k_max_depth = 1000;

/** Where what is neither blank nor comment begins, from `at`. Comments: # and // to the end of the line, and slash-star. */
export function skipBlanks(text, at) {
  for (;;) {
    const next = text[at];
    if (next === " " || next === "\n" || next === "\t" || next === "\r") at += 1;
    else if (next === "#" || (next === "/" && text[at + 1] === "/")) at = lineEnd(text, at);
    else if (next === "/" && text[at + 1] === "*") {
      const end = text.indexOf("*/", at + 2);
      at = end < 0 ? text.length : end + 2;
    } else return at;
  }
}

/** The end of the line that `at` is on, without its line break. */
export function lineEnd(text, at) {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end;
}

function match(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

class Fault extends Error {
  constructor(from, to, message) {
    super(message);
    this.from = from;
    this.to = Math.max(to, from + 1);
  }
}

/** Reads one value. `problems` gets what is wrong but does not stop it; a Fault stops it. */
class Reader {
  constructor(text, at) {
    this.text = text;
    this.at = at;
    this.pieces = []; // tokens, as strict JSON
    this.problems = [];
    this.depth = 0;
  }

  take(piece, length) {
    this.pieces.push(piece);
    this.at += length;
  }

  value() {
    this.at = skipBlanks(this.text, this.at);
    const next = this.text[this.at];
    if (next === "{") return this.object();
    if (next === "[") return this.array();
    if (next === '"') return void this.string();
    return this.scalar();
  }

  scalar() {
    const word = match(k_word, this.text, this.at);
    if (word === undefined) {
      throw new Fault(this.at, this.at + 1, this.at >= this.text.length ? "the JSON ends here: a value is missing" : "expected a value: an object, an array, a string in double quotes, a number, true, false or null");
    }
    if (word !== "true" && word !== "false" && word !== "null" && match(k_number, word, 0) !== word) {
      throw new Fault(this.at, this.at + word.length, `'${word.slice(0, 40)}' is not a JSON value: put strings in double quotes`);
    }
    this.take(word, word.length);
  }

  string() {
    if (this.text.startsWith('"""', this.at)) return this.tripleString();
    const whole = match(k_string, this.text, this.at);
    if (whole === undefined) throw new Fault(this.at, lineEnd(this.text, this.at), 'this string has no closing " on its line; texts of several lines go between """');
    const wrong = k_escape.exec(whole.replaceAll("\\\\", "  "));
    if (wrong) this.problems.push({ from: this.at + wrong.index, to: this.at + wrong.index + 2, message: "JSON has no such escape: write \\\\ for a backslash" });
    this.take(whole, whole.length);
    return whole;
  }

  tripleString() {
    const end = this.text.indexOf('"""', this.at + 3);
    if (end < 0) throw new Fault(this.at, this.at + 3, 'no closing """ for this text');
    const whole = JSON.stringify(this.text.slice(this.at + 3, end));
    this.take(whole, end + 3 - this.at);
    return whole;
  }

  deeper(open) {
    if (++this.depth > k_max_depth) throw new Fault(this.at, this.at + 1, `more than ${k_max_depth} levels of brackets`);
    this.take(open, 1);
    return this.at - 1;
  }

  /** After a member: true if another one follows, false at the closing bracket. */
  another(close, opened) {
    this.at = skipBlanks(this.text, this.at);
    const next = this.text[this.at];
    if (next === close) {
      this.depth -= 1;
      this.take(close, 1);
      return false;
    }
    if (next === undefined) throw new Fault(opened, opened + 1, `this bracket is not closed: '${close}' is missing`);
    if (next !== ",") throw new Fault(this.at, this.at + 1, `expected ',' or '${close}'`);
    const comma = this.at;
    this.take(",", 1);
    this.at = skipBlanks(this.text, this.at);
    if (this.text[this.at] === close) throw new Fault(comma, comma + 1, `a comma before '${close}': remove it`);
    return true;
  }

  empty(close) {
    this.at = skipBlanks(this.text, this.at);
    if (this.text[this.at] !== close) return false;
    this.depth -= 1;
    this.take(close, 1);
    return true;
  }

  object() {
    const opened = this.deeper("{");
    if (this.empty("}")) return;
    const names = new Set();
    do this.member(names, opened);
    while (this.another("}", opened));
  }

  member(names, opened) {
    this.at = skipBlanks(this.text, this.at);
    const from = this.at;
    if (from >= this.text.length) throw new Fault(opened, opened + 1, "this bracket is not closed: '}' is missing");
    if (this.text[from] !== '"') throw new Fault(from, from + 1, "expected a member's name in double quotes");
    const name = this.string();
    if (names.has(name)) this.problems.push({ from, to: this.at, message: `${name} appears twice in this object` });
    names.add(name);
    this.at = skipBlanks(this.text, this.at);
    if (this.text[this.at] !== ":") throw new Fault(this.at, this.at + 1, `expected ':' after ${name.slice(0, 60)}`);
    this.take(":", 1);
    this.value();
  }

  array() {
    const opened = this.deeper("[");
    if (this.empty("]")) return;
    do this.value();
    while (this.another("]", opened));
  }
}

/**
 * One value of `text` from `at`: {from, to, compact, problems}. `compact` is strict JSON in one line; undefined if a
 * problem stopped the reading. Problems are {from, to, message}.
 */
export function readValue(text, at) {
  const from = skipBlanks(text, at);
  const reader = new Reader(text, from);
  try {
    reader.value();
    return { from, to: reader.at, compact: reader.pieces.join(""), problems: reader.problems };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { from, to: error.to, compact: undefined, problems: [...reader.problems, { from: error.from, to: error.to, message: error.message }] };
  }
}

/** `text` (one value) as strict JSON of the same lines: comments become blanks, """texts""" strings. */
export function strictJson(text) {
  return text.replace(/"""([\s\S]*?)"""|"(?:[^"\\\n]|\\[^\n])*"|\/\*[\s\S]*?\*\/|(?:#|\/\/)[^\n]*/g, (piece, long) => {
    if (long !== undefined) return JSON.stringify(long);
    return piece.startsWith('"') ? piece : piece.replace(/[^\n]/g, " ");
  });
}
