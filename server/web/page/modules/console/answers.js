// The answers of the last run, one below the other; the chosen one is open.
import { searchKeymap, unfoldAll } from "/page/vendored/codemirror.js";
import { html, useMemo, useRef } from "/page/vendored/preact-htm.js";
import { Button } from "../parts/button.js";
import { CopyButton } from "../parts/copy.js";
import { Icon } from "../parts/icon.js";
import { sizeOf, timeOf } from "../parts/numbers.js";
import { AnswerText } from "./answer_text.js";
import { saveAs } from "./documents.js";
import { prettyJson } from "./pretty.js";
import { sentMethod } from "./run.js";

const k_shown_characters = 4000000;
const k_copied_characters = 20000000;
const openSearch = searchKeymap.find((one) => one.key === "Mod-f").run;

const k_states = {
  waiting: { title: "waiting", kind: "" },
  running: { title: "running", kind: "" },
  skipped: { title: "not sent", kind: "" },
  stopped: { title: "stopped", kind: "warn" },
  refused: { title: "not sent", kind: "bad" },
  failed: { title: "no answer", kind: "bad" },
};

function badgeOf(answer) {
  if (answer.state !== "done") return k_states[answer.state];
  return { title: String(answer.status), kind: answer.ok ? "good" : "bad" };
}

/** What is shown of an answer: {laid, json, cut}. */
function layOut(answer) {
  const json = answer.contentType.includes("json") ? prettyJson(answer.text, k_shown_characters) : undefined;
  if (json) return { laid: json, json: true, cut: !json.whole };
  const cut = answer.text.length > k_shown_characters;
  return { laid: { text: cut ? answer.text.slice(0, k_shown_characters) : answer.text, folds: [] }, json: false, cut };
}

function download(request, answer) {
  const json = answer.contentType.includes("json");
  const name = request.path.split("?")[0].replace(/[^\w.-]+/g, "-").replace(/^-+|-+$/g, "") || "answer";
  saveAs(name + (json ? ".json" : ".txt"), answer.text, json ? "application/json" : "text/plain");
}

/** The whole answer as it is copied: laid out, with nothing folded. */
function copied(answer) {
  if (!answer.contentType.includes("json") || answer.text.length > k_copied_characters) return answer.text;
  return prettyJson(answer.text)?.text ?? answer.text;
}

function Body({ request, answer }) {
  const view = useRef(null);
  const shown = useMemo(() => layOut(answer), [answer]);
  const label = `Answer to ${request.method} ${request.path}`;
  return html`
    <div class="answer-tools">
      <${CopyButton} text=${() => copied(answer)}>Copy answer<//>
      <${Button} small icon="search" onClick=${() => { view.current?.focus(); openSearch(view.current); }}>Search<//>
      ${shown.laid.folds.length > 0 && html`<${Button} small onClick=${() => unfoldAll(view.current)}>Unfold all<//>`}
      <${Button} small onClick=${() => download(request, answer)}>Download<//>
      ${sentMethod(request) !== request.method && html`<span class="small soft">Sent as POST: browsers send no body with GET.</span>`}
    </div>
    ${answer.warning && html`<p class="answer-note">${answer.warning.replace(/^299 \S+ "|"$/g, "")}</p>`}
    ${shown.cut && html`<p class="answer-note">The answer has ${sizeOf(answer.bytes)}. The first ${sizeOf(k_shown_characters)} are shown; download it to see all.</p>`}
    <${AnswerText} laid=${shown.laid} json=${shown.json} label=${label} view=${view} />`;
}

function headNote({ status, ok }) {
  if (ok) return `${status}: it exists.`;
  return status === 404 ? "404: it does not exist." : `The server answered ${status}.`;
}

function Content({ request, answer }) {
  if (answer.state === "running") return html`<p class="answer-note row"><span class="spinner"></span>Waiting for the answer</p>`;
  if (answer.state === "waiting") return html`<p class="answer-note">Not sent yet.</p>`;
  if (answer.state === "skipped") return html`<p class="answer-note">Not sent: an earlier request failed or was stopped.</p>`;
  if (answer.state === "stopped") return html`<p class="answer-note">Stopped. The server may have processed it anyway.</p>`;
  if (answer.state !== "done") return html`<p class="answer-note">${answer.reason}</p>`;
  if (request.method === "HEAD") return html`<p class="answer-note">${headNote(answer)}</p>`;
  if (answer.text === "") return html`<p class="answer-note">The answer has no body.</p>`;
  return html`<${Body} request=${request} answer=${answer} />`;
}

function Answer({ entry, open, onToggle }) {
  const { request, answer } = entry;
  const badge = badgeOf(answer);
  const done = answer.state === "done";
  const id = `answer-${entry.number}`;
  return html`<li class=${`answer ${open ? "is-open" : ""}`}>
    <h2 class="answer-head">
      <button type="button" aria-expanded=${open} aria-controls=${id} onClick=${onToggle}>
        <span class=${`answer-status answer-${badge.kind}`}>${badge.title}</span>
        <span class="answer-path cut"><b>${request.method}</b> ${request.path}</span>
        <span class="answer-figures number">${done ? `${timeOf(answer.milliseconds)} · ${sizeOf(answer.bytes)}` : ""}</span>
        <${Icon} name="down" />
      </button>
    </h2>
    <div id=${id} class="answer-body" hidden=${!open}>${open && html`<${Content} request=${request} answer=${answer} />`}</div>
  </li>`;
}

/** entries: [{number, request, answer}]; open: the number of the open one; onOpen(number or undefined). */
export function Answers({ entries, open, onOpen }) {
  return html`<ol class="answers">
    ${entries.map((entry) => html`<${Answer} key=${entry.number} entry=${entry} open=${entry.number === open}
      onToggle=${() => onOpen(entry.number === open ? undefined : entry.number)} />`)}
  </ol>`;
}
