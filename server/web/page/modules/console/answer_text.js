// The body of an answer: a text that can be folded and searched, of which only what is in sight is in the page.
import {
  EditorState, EditorView, codeFolding, defaultKeymap, drawSelection, foldEffect, foldGutter, foldKeymap, foldService, highlightSelectionMatches, highlightSpecialChars,
  keymap, lineNumbers, search, searchKeymap,
} from "/page/vendored/codemirror.js";
import { html, useEffect, useRef } from "/page/vendored/preact-htm.js";
import { shadowOf } from "./editor.js";
import { jsonLanguage, look } from "./highlight.js";

const k_max_lines_of_fold = 200000;
const indentOf = (text) => text.search(/\S/);

/** Answers are laid out by pretty.js: what an open bracket holds ends at the next line of the same indent. */
const folds = foldService.of((state, lineStart, lineEnd) => {
  const line = state.doc.lineAt(lineStart);
  if (!/[{[]$/.test(line.text)) return null;
  const indent = indentOf(line.text);
  const last = Math.min(state.doc.lines, line.number + k_max_lines_of_fold);
  for (let number = line.number + 1; number <= last; ++number) {
    const next = state.doc.line(number);
    if (indentOf(next.text) === indent) return { from: lineEnd, to: next.from + indent };
  }
  return null;
});

/** What stands in the place of folded text. */
function foldedAs(labels) {
  return codeFolding({
    preparePlaceholder: (state, range) => labels.get(range.from) ?? `… ${state.doc.lineAt(range.to).number - state.doc.lineAt(range.from).number} lines`,
    placeholderDOM: (view, onclick, label) => {
      const element = document.createElement("span");
      element.textContent = label;
      element.title = "Show all";
      element.className = "cm-foldPlaceholder";
      element.addEventListener("click", onclick);
      return element;
    },
  });
}

function stateOf({ text, folds: folded }, json, label) {
  const labels = new Map(folded.map((one) => [one.from, one.label]));
  const state = EditorState.create({
    doc: text,
    extensions: [
      lineNumbers(), foldedAs(labels), json ? [foldGutter({ openText: "⌄", closedText: "›" }), folds, jsonLanguage] : [], look,
      EditorState.readOnly.of(true), highlightSpecialChars(), drawSelection({ cursorBlinkRate: 0 }), highlightSelectionMatches(), search({ top: true }),
      EditorView.contentAttributes.of({ "aria-label": label, "aria-readonly": "true", tabindex: "0", "aria-multiline": "true" }),
      keymap.of([...searchKeymap, ...foldKeymap, ...defaultKeymap]),
    ],
  });
  return state.update({ effects: folded.map(({ from, to }) => foldEffect.of({ from, to })) }).state;
}

/** laid: {text, folds} of prettyJson(); json: whether it is JSON. view: a ref that gets the EditorView. */
export function AnswerText({ laid, json, label, view }) {
  const host = useRef(null);
  useEffect(() => {
    const root = shadowOf(host.current);
    const made = new EditorView({ state: stateOf(laid, json, label), parent: root, root });
    view.current = made;
    return () => {
      made.destroy();
      if (view.current === made) view.current = null;
    };
  }, [laid]);
  return html`<div class="answer-text" ref=${host}></div>`;
}
