// The editor of requests: CodeMirror in a shadow root, whose styles are style sheets the Content-Security-Policy allows.
import {
  Decoration, EditorState, EditorView, GutterMarker, Prec, StateField, autocompletion, bracketMatching, closeBrackets, closeBracketsKeymap, codeFolding,
  completionKeymap, defaultKeymap, drawSelection, foldGutter, foldKeymap, foldService, gutter, highlightActiveLineGutter, highlightSelectionMatches,
  highlightSpecialChars, history, historyKeymap, indentOnInput, indentUnit, indentWithTab, keymap, lineNumbers, placeholder, search, searchKeymap, setDiagnostics,
} from "/page/vendored/codemirror.js";
import { html, useEffect, useRef } from "/page/vendored/preact-htm.js";
import { completion } from "./complete.js";
import { consoleLanguage, look } from "./highlight.js";
import { parseConsole, requestAt } from "./parse.js";
import { typedOverLines } from "./typing.js";

/** The requests of the text, always those of the text as it is. */
const parsed = StateField.define({
  create: (state) => parseConsole(state.doc.toString()),
  update: (value, transaction) => (transaction.docChanged ? parseConsole(transaction.newDoc.toString()) : value),
});

/** {requests, problems} of an editor's state. */
export const parsedOf = (state) => state.field(parsed);
/** The request at the cursor. */
export const currentRequest = (state) => requestAt(parsedOf(state).requests, state.selection.main.head);
/** The requests that the selection touches: one if nothing is selected. */
export function selectedRequests(state) {
  const { from, to, empty } = state.selection.main;
  const found = empty ? [] : parsedOf(state).requests.filter((one) => one.from < to && one.to > from);
  const current = currentRequest(state);
  return found.length > 0 ? found : current ? [current] : [];
}

/** The lines of the request at the cursor have a colour of their own. */
const currentLines = EditorView.decorations.compute([parsed, "selection"], (state) => {
  const request = currentRequest(state);
  if (!request) return Decoration.none;
  const mark = Decoration.line({ class: "request-now" });
  const marks = [];
  const last = state.doc.lineAt(request.to).number;
  for (let line = state.doc.lineAt(request.from).number; line <= last; ++line) marks.push(mark.range(state.doc.line(line).from));
  return Decoration.set(marks);
});

class RunMark extends GutterMarker {
  constructor(title) {
    super();
    this.title = title;
  }
  eq(other) { return this.title === other.title; }
  toDOM() {
    const mark = document.createElement("span");
    mark.className = "run-mark";
    mark.title = this.title;
    const svg = mark.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "svg"));
    svg.setAttribute("viewBox", "0 0 12 12");
    svg.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "path")).setAttribute("d", "M2.500 1.200v9.600l8-4.800z");
    return mark;
  }
}

const requestOnLine = (view, line) => parsedOf(view.state).requests.find((one) => one.from >= line.from && one.from <= line.to);

/** A button in the margin of each request. Keyboards have Ctrl+Enter and the toolbar. */
function runGutter(run) {
  return gutter({
    class: "cm-runGutter",
    lineMarker: (view, line) => {
      const request = requestOnLine(view, line);
      return request ? new RunMark(`Run ${request.method} ${request.path}`) : null;
    },
    lineMarkerChange: (update) => update.docChanged,
    domEventHandlers: {
      click: (view, line) => {
        const request = requestOnLine(view, line);
        if (!request) return false;
        view.dispatch({ selection: { anchor: request.from } });
        run([request]);
        return true;
      },
    },
  });
}

/** The line of a method folds its request, a line with an open bracket what is in it. */
const folds = foldService.of((state, lineStart, lineEndAt) => {
  const { requests } = state.field(parsed);
  const request = requests.find((one) => one.from >= lineStart && one.from <= lineEndAt);
  if (request) return request.to > lineEndAt ? { from: lineEndAt, to: request.to } : null;
  const line = state.doc.sliceString(lineStart, lineEndAt);
  const open = /[{[](?=\s*$)/.exec(line);
  if (!open) return null;
  const indent = /^\s*/.exec(line)[0].length;
  for (let number = state.doc.lineAt(lineStart).number + 1; number <= Math.min(state.doc.lines, number + 5000); ++number) {
    const next = state.doc.line(number);
    const own = next.text.search(/\S/);
    if (own < 0) continue;
    if (own < indent || (own === indent && !/^\s*[}\]]/.test(next.text))) return null;
    if (own === indent) return { from: lineStart + open.index + 1, to: next.from + own };
  }
  return null;
});

const k_max_shown_problems = 200;

function diagnosticsOf({ problems }, length) {
  return problems.slice(0, k_max_shown_problems).map(({ from, to, message }) => ({
    from: Math.min(from, length), to: Math.min(Math.max(to, from), length), severity: "error", message,
  }));
}

const withLines = (problems, doc) => problems.map((one) => ({ ...one, line: doc.lineAt(Math.min(one.from, doc.length)).number }));

/** Faults are underlined once the typing pauses; `onProblems` gets them with their lines, and how many requests there are. */
function linting(onProblems) {
  let timer;
  const show = (view) => {
    const found = parsedOf(view.state);
    view.dispatch(setDiagnostics(view.state, diagnosticsOf(found, view.state.doc.length)));
    onProblems(withLines(found.problems, view.state.doc), found.requests.length);
  };
  return EditorView.updateListener.of((update) => {
    if (!update.docChanged) return;
    clearTimeout(timer);
    timer = setTimeout(() => { if (update.view.dom.isConnected) show(update.view); }, 350);
  });
}

const stillness = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

function extensions({ label, run, change, problems, catalog }) {
  const runHere = (view) => {
    run(selectedRequests(view.state));
    return true;
  };
  return [
    parsed, lineNumbers(), runGutter(run), foldGutter({ openText: "⌄", closedText: "›" }), codeFolding(), folds,
    highlightSpecialChars(), history(), drawSelection({ cursorBlinkRate: stillness() ? 0 : 1200 }), indentOnInput(), indentUnit.of("  "), EditorState.tabSize.of(2),
    bracketMatching(), closeBrackets(), highlightActiveLineGutter(), highlightSelectionMatches(), search({ top: true }),
    autocompletion({ override: [completion(parsedOf, catalog)], icons: false }),
    consoleLanguage, look, currentLines, typedOverLines, linting(problems),
    placeholder("GET clip-images/_search"),
    EditorView.contentAttributes.of({ "aria-label": label, "aria-multiline": "true", tabindex: "0", spellcheck: "false", autocapitalize: "off" }),
    EditorView.updateListener.of((update) => { if (update.docChanged) change(update.state.doc.toString()); }),
    Prec.highest(keymap.of([{ key: "Mod-Enter", run: runHere }])),
    keymap.of([...closeBracketsKeymap, ...completionKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap, ...defaultKeymap, indentWithTab]),
  ];
}

/** The shadow root that an editor lives in. */
export function shadowOf(host) {
  return host.shadowRoot ?? host.attachShadow({ mode: "open" });
}

/**
 * text: shown at first, and again whenever `id` changes. onRun(requests), onChange(text), onProblems(problems with lines, number of requests).
 * catalog(): what is offered while typing. view: a ref that gets the EditorView.
 */
export function Editor({ id, text, label, catalog, onRun, onChange, onProblems, view }) {
  const host = useRef(null);
  const now = useRef({});
  now.current = { onRun, onChange, onProblems, catalog };
  useEffect(() => {
    const options = {
      label,
      run: (requests) => now.current.onRun(requests),
      change: (value) => now.current.onChange(value),
      problems: (list, count) => now.current.onProblems(list, count),
      catalog: () => now.current.catalog(),
    };
    const root = shadowOf(host.current);
    const state = EditorState.create({ doc: text, extensions: extensions(options) });
    const made = new EditorView({ state, parent: root, root });
    const found = parsedOf(state);
    view.current = made;
    made.dispatch(setDiagnostics(state, diagnosticsOf(found, state.doc.length)));
    now.current.onProblems(withLines(found.problems, state.doc), found.requests.length);
    return () => {
      made.destroy();
      if (view.current === made) view.current = null; // the next one may be there already
    };
  }, [id]);
  return html`<div class="console-editor" ref=${host}></div>`;
}
