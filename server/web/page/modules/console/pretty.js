// Answers laid out in lines. Works on the text itself: numbers stay as the server wrote them, however long they are.
import { grouped } from "../parts/numbers.js";

const k_long_string = 240;
const k_shown_of_string = 40;
const k_long_vector = 8;
const k_shown_of_vector = 2;
const k_narrow = 100;
const k_string = /"(?:[^"\\]|\\.)*"/sy;
const k_scalar = /-?\d[\d.eE+-]*|true|false|null/y;
const k_numbers_only = /^[\d\s.,eE+-]*$/;

class Printer {
  constructor(text, limit) {
    this.text = text;
    this.limit = limit;
    this.out = [];
    this.length = 0;
    this.depth = 0;
    this.folds = [];
    this.at = 0;
  }

  put(piece) {
    this.out.push(piece);
    this.length += piece.length;
  }

  line() { this.put("\n" + "  ".repeat(this.depth)); }

  blanks() {
    while (this.at < this.text.length && this.text.charCodeAt(this.at) <= 32) this.at += 1;
  }

  string() {
    k_string.lastIndex = this.at;
    const whole = k_string.exec(this.text)?.[0];
    if (whole === undefined) return false;
    this.at += whole.length;
    if (whole.length > k_long_string) {
      const from = this.length + k_shown_of_string;
      const to = this.length + whole.length - 1;
      this.folds.push({ from, to, label: `… ${grouped(to - from)} more characters` });
    }
    this.put(whole);
    return true;
  }

  /** An array of numbers alone, in one line; false if it is another one. */
  vector() {
    const close = this.text.indexOf("]", this.at);
    const inner = close < 0 ? "x" : this.text.slice(this.at + 1, close);
    if (!k_numbers_only.test(inner) || inner.trim() === "") return false;
    const numbers = inner.split(",").map((one) => one.trim());
    this.at = close + 1;
    const shown = "[" + numbers.slice(0, k_shown_of_vector).join(", ");
    if (numbers.length > k_long_vector) {
      const from = this.length + shown.length;
      const rest = ", " + numbers.slice(k_shown_of_vector).join(", ");
      this.folds.push({ from, to: from + rest.length, label: `, … ${grouped(numbers.length - k_shown_of_vector)} more` });
      this.put(shown + rest + "]");
    } else {
      this.put("[" + numbers.join(", ") + "]");
    }
    return true;
  }

  /** A short object or array of plain values, in one line; false if it is another one. */
  narrow(open, close) {
    const end = this.text.indexOf(close, this.at);
    if (end < 0 || end - this.at > k_narrow) return false;
    const inner = this.text.slice(this.at + 1, end);
    if (/[{}[\]\n\\]/.test(inner)) return false;
    const pieces = inner.match(/"[^"]*"|[,:]|[^\s,:"]+/g);
    if (pieces === null) this.put(open + close);
    else {
      const laid = pieces.map((one) => (one === "," ? ", " : one === ":" ? ": " : one)).join("");
      this.put(open === "{" ? `{ ${laid} }` : `[${laid}]`);
    }
    this.at = end + 1;
    return true;
  }

  /** One token of the text; false where the text is no JSON. */
  token() {
    const next = this.text[this.at];
    if (next === '"') return this.string();
    if (next === "[" && this.vector()) return true;
    if ((next === "{" || next === "[") && this.depth > 0 && this.narrow(next, next === "{" ? "}" : "]")) return true;
    if (next === "{" || next === "[") return this.open(next);
    if (next === "}" || next === "]") return this.close(next);
    if (next === ",") { this.put(","); this.line(); }
    else if (next === ":") this.put(": ");
    else {
      k_scalar.lastIndex = this.at;
      const whole = k_scalar.exec(this.text)?.[0];
      if (whole === undefined) return false;
      this.put(whole);
      this.at += whole.length;
      return true;
    }
    this.at += 1;
    return true;
  }

  open(bracket) {
    this.put(bracket);
    this.at += 1;
    this.blanks();
    const close = bracket === "{" ? "}" : "]";
    if (this.text[this.at] === close) {
      this.put(close);
      this.at += 1;
      return true;
    }
    this.depth += 1;
    this.line();
    return true;
  }

  close(bracket) {
    this.depth -= 1;
    if (this.depth < 0) return false;
    this.line();
    this.put(bracket);
    this.at += 1;
    return true;
  }

  run() {
    for (;;) {
      this.blanks();
      if (this.at >= this.text.length) return { text: this.out.join(""), folds: this.folds, whole: true };
      if (this.length > this.limit) return { text: this.out.join("") + "\n", folds: this.folds, whole: false };
      if (!this.token()) return undefined;
    }
  }
}

/**
 * JSON laid out in lines: {text, folds, whole}. `folds` ({from, to, label}) are long vectors and strings, to be shown as
 * their label; `whole` is false if it was cut at about `limit` characters. undefined: the text is not JSON.
 */
export function prettyJson(text, limit = Infinity) {
  return new Printer(text, limit).run();
}
