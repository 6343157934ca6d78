// JSON whose numbers keep their digits: JavaScript's own hold 15 of them for certain, and Elasticsearch's `long` has 19.

const k_token = /\\.|"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs; // escapes, the ends of strings, and numbers

/** True if a number of JavaScript has the value of this text, and is written as a number of the same value. */
function isKept(text) {
  const value = Number(text);
  if (!Number.isFinite(value) || Object.is(value, -0)) return false;
  const digits = text.replace(/e.*/i, "").replace(/[-.]/g, "").replace(/^0+|0+$/g, "");
  return digits.length <= 15 ? (value !== 0) === (digits !== "") : String(value) === text;
}

/** As JSON.parse, but numbers that JavaScript would change are given as the text that stands for them: "9007199254740993". */
export function parseExact(text) {
  let inString = false;
  const keep = (token) => {
    if (token === '"') inString = !inString;
    return inString || !/^[-\d]/.test(token) || isKept(token) ? token : `"${token}"`;
  };
  return JSON.parse(text.replace(k_token, keep));
}
