// Where in a body the cursor is, while the body is still being written.

/**
 * The place at the end of `text`, which begins at a body's first bracket: {keys, at, prefix, quoted, value}.
 * keys: the members and places in lists around it; at: "key", "value" or "none" (behind a value, in a comment); prefix: what
 * stands there already, from its quote; quoted: it has a quote; listed: it is in a list.
 */
export function placeIn(text) {
  const stack = [];
  let expecting = "value", key;
  let at = 0;
  const top = () => stack.at(-1);
  const done = () => { expecting = "none"; };
  while (at < text.length) {
    const next = text[at];
    if (next === '"') {
      const long = text.startsWith('"""', at);
      const end = long ? text.indexOf('"""', at + 3) : closingQuote(text, at);
      if (end < 0) return long ? nowhere(stack) : found(stack, key, expecting, text.slice(at), true);
      if (expecting === "key") { key = text.slice(at + 1, end); expecting = "colon"; } else done();
      at = end + (long ? 3 : 1);
      continue;
    }
    if (next === "#" || text.startsWith("//", at)) {
      const end = text.indexOf("\n", at);
      if (end < 0) return nowhere(stack);
      at = end;
    } else if (next === "{" || next === "[") {
      stack.push({ list: next === "[", place: 0, key });
      expecting = next === "{" ? "key" : "value";
      key = undefined;
    } else if (next === "}" || next === "]") {
      stack.pop();
      done();
      if (stack.length === 0) return nowhere(stack);
    } else if (next === ",") {
      if (top()?.list) top().place += 1;
      expecting = top()?.list ? "value" : "key";
      key = undefined;
    } else if (next === ":") expecting = "value";
    else if (/[\w.+-]/.test(next)) {
      const word = /^[\w.+-]+/.exec(text.slice(at, at + 200))[0];
      if (at + word.length >= text.length) return found(stack, key, expecting, word, false);
      at += word.length;
      done();
      continue;
    }
    at += 1;
  }
  return found(stack, key, expecting, "", false);
}

const nowhere = (stack) => found(stack, undefined, "none", "", false);

function closingQuote(text, at) {
  for (let end = at + 1; end < text.length && text[end] !== "\n"; ++end) {
    if (text[end] === "\\") end += 1;
    else if (text[end] === '"') return end;
  }
  return -1;
}

function found(stack, key, expecting, prefix, quoted) {
  const keys = [];
  stack.forEach((one, level) => {
    if (level > 0 && one.key !== undefined) keys.push(one.key);
    if (one.list) keys.push(one.place);
  });
  const at = expecting === "key" || expecting === "value" ? expecting : "none";
  if (at === "value" && key !== undefined) keys.push(key);
  return { keys, at, prefix, quoted, listed: stack.at(-1)?.list === true };
}
