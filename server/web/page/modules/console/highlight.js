// How requests and answers are coloured. Colours are those of the page: they follow its theme by themselves.
import { EditorState, EditorView, HighlightStyle, StreamLanguage, syntaxHighlighting, tags } from "/page/vendored/codemirror.js";

const k_method = /^(?:GET|POST|PUT|DELETE|HEAD|PATCH)(?=[ \t]|$)/i;

function jsonToken(stream, state, comments) {
  if (comments && (stream.match(/^(?:#|\/\/).*/) || stream.match(/^\/\*.*?(?:\*\/|$)/))) return "comment";
  if (comments && stream.match('"""')) {
    state.long = true;
    return "string";
  }
  if (stream.match(/^"(?:[^"\\]|\\.)*"?/)) return /^\s*:/.test(stream.string.slice(stream.pos, stream.pos + 20)) ? "propertyName" : "string";
  if (stream.match(/^-?\d[\d.eE+-]*/)) return "number";
  if (stream.match(/^(?:true|false|null)\b/)) return "atom";
  if (stream.match(/^[{}[\]]/)) return "bracket";
  stream.next();
  return null;
}

function inLongString(stream, state) {
  if (stream.skipTo('"""')) {
    stream.match('"""');
    state.long = false;
  } else stream.skipToEnd();
  return "string";
}

function consoleToken(stream, state) {
  if (state.long) return inLongString(stream, state);
  if (stream.sol()) {
    stream.eatSpace();
    if (stream.match(k_method)) {
      state.head = true;
      return "keyword";
    }
    state.head = false;
  }
  if (stream.eatSpace()) return null;
  if (!state.head) return jsonToken(stream, state, true);
  if (stream.match(/^(?:#|\/\/).*/)) return "comment";
  if (stream.match(/^\?\S*/)) return "attributeName";
  stream.eatWhile(/[^\s?]/);
  return "url";
}

export const consoleLanguage = StreamLanguage.define({
  name: "console",
  startState: () => ({ head: false, long: false }),
  token: consoleToken,
  languageData: { commentTokens: { line: "#" }, closeBrackets: { brackets: ["{", "[", '"'] } },
});

export const jsonLanguage = StreamLanguage.define({
  name: "json",
  startState: () => ({}),
  token: (stream, state) => (stream.eatSpace() ? null : jsonToken(stream, state, false)),
});

const k_colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--accent)", fontWeight: "650" },
  { tag: tags.url, color: "var(--ink)", fontWeight: "600" },
  { tag: tags.attributeName, color: "var(--ink-soft)" },
  { tag: tags.propertyName, color: "var(--series-2)" },
  { tag: tags.string, color: "var(--series-4)" },
  { tag: [tags.number, tags.atom], color: "var(--series-3)" },
  { tag: tags.comment, color: "var(--ink-faint)", fontStyle: "italic" },
  { tag: tags.bracket, color: "var(--ink-soft)" },
]);

const k_look = EditorView.theme({
  "&": { height: "100%", color: "var(--ink)", backgroundColor: "var(--surface)", fontSize: "13px" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.6", overflow: "auto" },
  ".cm-content": { caretColor: "var(--ink)", padding: "8px 0" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    background: "color-mix(in srgb, var(--accent) 22%, transparent)",
  },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--sunken) 55%, transparent)" },
  ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--ink-faint)", border: "0" },
  ".cm-activeLineGutter": { backgroundColor: "transparent", color: "var(--ink)" },
  ".cm-lineNumbers .cm-gutterElement": { minWidth: "30px", padding: "0 4px 0 8px" },
  ".cm-foldGutter .cm-gutterElement": { width: "16px", cursor: "pointer", textAlign: "center" },
  ".cm-foldPlaceholder": {
    backgroundColor: "var(--sunken)", color: "var(--ink-soft)", border: "0", borderRadius: "4px", padding: "0 6px", margin: "0 2px", font: "inherit", cursor: "pointer",
  },
  "&.cm-focused .cm-matchingBracket, .cm-matchingBracket": { backgroundColor: "color-mix(in srgb, var(--series-2) 24%, transparent)", outline: "0" },
  "&.cm-focused .cm-nonmatchingBracket, .cm-nonmatchingBracket": { backgroundColor: "color-mix(in srgb, var(--bad) 24%, transparent)" },
  ".cm-placeholder": { color: "var(--ink-faint)" },
  ".cm-searchMatch, .cm-selectionMatch": { backgroundColor: "var(--warn-wash)", outline: "1px solid color-mix(in srgb, var(--warn) 40%, transparent)" },
  ".cm-searchMatch.cm-searchMatch-selected": { backgroundColor: "var(--warn-wash)", outline: "2px solid var(--warn)" },
  ".cm-panels": { backgroundColor: "var(--sunken)", color: "var(--ink)", fontFamily: "var(--font)" },
  ".cm-panels-top": { borderBottom: "1px solid var(--line)" },
  ".cm-panels-bottom": { borderTop: "1px solid var(--line)" },
  ".cm-panel.cm-search": { padding: "8px 32px 8px 10px", fontSize: "13px" },
  ".cm-panel.cm-search label": { display: "inline-flex", alignItems: "center", gap: "4px", fontSize: "13px" },
  ".cm-panel.cm-search input[type=checkbox]": { margin: "0", width: "15px", height: "15px", accentColor: "var(--accent)" },
  ".cm-panel.cm-search [name=close]": { width: "28px", height: "28px", top: "6px", right: "4px", fontSize: "20px", color: "var(--ink)" },
  ".cm-textfield": { backgroundColor: "var(--surface)", color: "var(--ink)", border: "1px solid var(--line-strong)", borderRadius: "4px", padding: "3px 6px", fontSize: "13px" },
  ".cm-button": { backgroundImage: "none", backgroundColor: "var(--surface)", color: "var(--ink)", border: "1px solid var(--line)", borderRadius: "4px", padding: "3px 8px", fontSize: "13px" },
  ".cm-button:hover": { backgroundImage: "none", borderColor: "var(--line-strong)" },
  ".cm-panel :focus-visible": { outline: "2px solid var(--accent)", outlineOffset: "1px" },
  ".cm-tooltip": {
    backgroundColor: "var(--surface)", color: "var(--ink)", border: "1px solid var(--line)", borderRadius: "8px", boxShadow: "var(--shadow-high)", overflow: "hidden", fontFamily: "var(--font)",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", fontSize: "13px", maxHeight: "16em" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "4px 12px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--accent-ink)" },
  ".cm-completionDetail": { color: "inherit", fontStyle: "normal", fontSize: "12px", marginLeft: "12px" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "700" },
  ".cm-completionIcon": { opacity: "1", color: "inherit" },
  ".cm-diagnostic": { padding: "8px 12px", fontSize: "13px", color: "var(--ink)" },
  ".cm-diagnostic-error": { borderLeft: "4px solid var(--bad)" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--bad)", textUnderlineOffset: "3px" },
  ".cm-lintPoint-error::after": { borderBottomColor: "var(--bad)" },
  ".cm-runGutter .cm-gutterElement": { width: "24px", display: "grid", placeItems: "center" },
  ".run-mark": { width: "20px", height: "20px", display: "grid", placeItems: "center", borderRadius: "4px", color: "var(--accent)", cursor: "pointer" },
  ".run-mark:hover": { backgroundColor: "var(--accent-wash)" },
  ".run-mark svg": { width: "12px", height: "12px", fill: "currentColor" },
  ".cm-line.request-now": { backgroundColor: "color-mix(in srgb, var(--accent-wash) 60%, transparent)" },
});

/** What CodeMirror says, as the page says it. */
const k_phrases = EditorState.phrases.of({
  next: "Next", previous: "Previous", all: "Select all", "match case": "Match case", regexp: "Expression", "by word": "Whole words", replace: "Replace", "replace all": "Replace all", close: "Close",
});

export const look = [k_look, k_phrases, syntaxHighlighting(k_colours)];
