// The view "console": requests to the Elasticsearch side, written and run here.
import { html, useEffect, useRef, useState } from "/page/vendored/preact-htm.js";
import { Button } from "../parts/button.js";
import { CopyButton } from "../parts/copy.js";
import { Dialog } from "../parts/dialog.js";
import { Failure } from "../parts/message.js";
import { loadStyles } from "../parts/stylesheet.js";
import { toast } from "../parts/toasts.js";
import { clusterAuthorization, serverKey } from "../server/credentials.js";
import { useInstallation } from "../shell/installation.js";
import { Answers } from "./answers.js";
import { emptyCatalog, loadCatalog } from "./catalog.js";
import { ConfirmDeletion, deletionsIn } from "./confirm.js";
import { curlOf } from "./curl.js";
import { saveAs } from "./documents.js";
import { Editor, parsedOf, selectedRequests } from "./editor.js";
import { Files } from "./files.js";
import { consoleLink } from "./link.js";
import { changesCluster } from "./run.js";
import { useDocuments } from "./use_documents.js";
import { useRun } from "./use_run.js";

await loadStyles("console");

const k_modifier = /Mac|iPhone|iPad/.test(navigator.platform) ? "⌘" : "Ctrl+";

/** What completion offers, and reload(). */
function useCatalog() {
  const cluster = useInstallation().page?.elasticsearch?.kind === "gateway";
  const catalog = useRef(emptyCatalog);
  const [asked, setAsked] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    loadCatalog(cluster, abort.signal).then((found) => { if (!abort.signal.aborted) catalog.current = found; });
    return () => abort.abort();
  }, [asked, cluster]);
  return [catalog, () => setAsked((count) => count + 1)];
}

/** The way to the Elasticsearch side for a shell, and the header fields to add there. */
function curlTarget() {
  const needs = [];
  if (serverKey()) needs.push("Sightline-Key: YOUR_KEY");
  if (clusterAuthorization()) needs.push(clusterAuthorization().startsWith("ApiKey") ? "Authorization: ApiKey YOUR_KEY" : "Authorization: Basic YOUR_CREDENTIALS");
  return { base: location.origin + "/elasticsearch", needs };
}

function Rename({ name, onRename, onClose }) {
  const [value, setValue] = useState(name);
  const save = (event) => {
    event.preventDefault();
    onClose();
    if (value.trim() && value.trim() !== name) onRename(value);
  };
  return html`<${Dialog} title="Rename the scratch" narrow onClose=${onClose}>
    <form class="stack" onSubmit=${save}>
      <label class="field"><span>Name</span><input class="input" name="scratch-name" maxlength="60" autofocus value=${value} onInput=${(event) => setValue(event.target.value)} /></label>
      <div class="row"><${Button} main type="submit">Rename<//><${Button} onClick=${onClose}>Cancel<//></div>
    </form>
  <//>`;
}

/** What can be done with the text that is open. */
function DocumentTools({ documents, onRename, requestsHere }) {
  const { document: open, text, edited } = documents;
  const file = open.kind === "file" ? open.name : open.name.replace(/[^\w .-]+/g, "-") + ".console";
  return html`<div class="console-document">
    <h2 class="console-title cut">${open.name}</h2>
    ${edited && html`<${Button} small plain icon="undo" onClick=${documents.restore}>Restore the original<//>`}
    ${open.kind === "file"
      ? html`<${Button} small plain icon="copy" label="Copy to a scratch" onClick=${() => documents.add(open.name.replace(/\.console$/, ""), text ?? "")} />`
      : html`<${Button} small plain onClick=${onRename}>Rename<//><${Button} small plain icon="trash" label="Delete this scratch" onClick=${documents.remove} />`}
    <${CopyButton} plain icon="link" text=${() => linkTo(requestsHere())}>Copy link<//>
    <${Button} small plain onClick=${() => saveAs(file, text ?? "")}>Export<//>
  </div>`;
}

function Problems({ problems, onGo }) {
  const first = problems[0];
  return html`<p class="console-problems" role="status">
    ${first
      ? html`<button type="button" class="console-problem" onClick=${() => onGo(first)}>Line ${first.line}: ${first.message}${problems.length > 1 ? `, and ${problems.length - 1} more` : ""}</button>`
      : html`<span class="soft">Escape, then Tab leaves the editor. Ctrl+Space completes, ${k_modifier}Enter runs.</span>`}
  </p>`;
}

/** The address that opens these requests; "" if it would be too long, which is said. */
function linkTo(requests) {
  const made = consoleLink(requests.map((one) => one.text).join("\n\n") + "\n");
  if (!made) toast("This request is too long for a link: export it as a file.");
  return made ? location.origin + location.pathname + made : undefined;
}

function RunBar({ run, count, goOn, setGoOn, onRun, onRunAll, requestsHere, target }) {
  const none = count === 0;
  return html`<div class="console-bar" role="toolbar" aria-label="Run and copy">
    <${Button} main small icon="play" disabled=${none || run.running} onClick=${onRun}>Run<//>
    <${Button} small disabled=${none || run.running} onClick=${onRunAll}>Run all ${none ? "" : `(${count})`}<//>
    <${Button} small icon="close" class="console-stop" disabled=${!run.running} onClick=${run.stop}>Stop<//>
    <label class="check small"><input type="checkbox" checked=${goOn} onChange=${(event) => setGoOn(event.target.checked)} />Continue after failures</label>
    <span class="grow"></span>
    <${CopyButton} disabled=${none} text=${() => requestsHere().map((one) => curlOf(one, target.base, target.needs)).join("\n")}>Copy as curl<//>
  </div>`;
}

/** Runs requests, after asking about deletions: {ask, start(requests), confirm(), cancel()}. */
function useGuardedRun(run, catalog, { goOn, linesOf, begun, after }) {
  const [asked, setAsked] = useState(null);
  const begin = async (requests) => {
    setAsked(null);
    const over = run.start(requests, { goOn, lineOf: linesOf() });
    begun();
    after(await over);
  };
  const start = (requests) => {
    if (requests.length === 0) return;
    const deletions = deletionsIn(requests, catalog.current.indices);
    if (deletions.length > 0) setAsked({ requests, deletions });
    else begin(requests);
  };
  return { asked, start, confirm: () => begin(asked.requests), cancel: () => setAsked(null) };
}

export default function View({ parameters }) {
  const installation = useInstallation();
  const documents = useDocuments(parameters);
  const [catalog, reloadCatalog] = useCatalog();
  const [problems, setProblems] = useState([]);
  const [count, setCount] = useState(0);
  const [goOn, setGoOn] = useState(false);
  const [renaming, setRenaming] = useState(); // the scratch, by its `id`
  const view = useRef(null);
  const answers = useRef(null);
  const run = useRun();
  const state = () => view.current.state;
  const withText = (requests) => requests.map((one) => ({ ...one, text: state().doc.sliceString(one.from, one.to) }));
  const requestsHere = () => (view.current ? withText(selectedRequests(state())) : []);
  const guarded = useGuardedRun(run, catalog, {
    goOn,
    linesOf: () => {
      const { doc } = state(); // of now: another text may be open when the line is asked for
      return (at) => doc.lineAt(Math.min(at, doc.length)).number;
    },
    begun: () => { if (stacked()) requestAnimationFrame(() => answers.current?.scrollIntoView({ block: "start" })); },
    after: (entries) => {
      if (!entries.some(({ request, answer }) => answer.ok && changesCluster(request))) return;
      reloadCatalog();
      installation.reload();
    },
  });
  const goTo = ({ from }) => {
    view.current.dispatch({ selection: { anchor: Math.min(from, state().doc.length) }, scrollIntoView: true });
    view.current.focus();
  };
  const { document: open, text, error } = documents;
  const id = `${open.kind}/${open.name}/${documents.version}`;

  return html`<h1 class="visually-hidden">Console</h1><div class="console">
    <${Files} files=${documents.files} problem=${documents.problem} document=${open} scratches=${documents.scratches} edits=${documents.edits}
      onNew=${() => documents.add("Scratch", "")} onImport=${documents.add} />
    <section class="console-requests" aria-label="Requests of the open text">
      <${DocumentTools} documents=${documents} requestsHere=${requestsHere} onRename=${() => setRenaming(id)} />
      <${RunBar} run=${run} count=${count} goOn=${goOn} setGoOn=${setGoOn} requestsHere=${requestsHere} target=${curlTarget()}
        onRun=${() => guarded.start(requestsHere())} onRunAll=${() => { if (view.current) guarded.start(withText(parsedOf(state()).requests)); }} />
      ${error && text === undefined && html`<${Failure} title=${`${open.name} cannot be read`} error=${error} />`}
      ${text === undefined
        ? html`<div class=${`console-editor ${error ? "" : "skeleton"}`}></div>`
        : html`<${Editor} key=${id} id=${id} text=${text} label=${`Requests of ${open.name}. Escape, then Tab leaves the editor.`} view=${view} catalog=${() => catalog.current}
            onRun=${(requests) => { if (!run.running) guarded.start(withText(requests)); }} onChange=${documents.change}
            onProblems=${(list, requests) => { setProblems(list); setCount(requests); }} />`}
      <${Problems} problems=${problems} onGo=${goTo} />
    </section>
    <section class="console-answers" aria-label="Answers" ref=${answers}>
      ${run.entries.length > 0
        ? html`<${Answers} entries=${run.entries} open=${run.open} onOpen=${run.setOpen} />`
        : html`<div class="console-nothing"><p class="soft">Answers appear here. Run the request at the cursor with ${k_modifier}Enter, or with the button beside it.</p></div>`}
      <p class="visually-hidden" role="status">${spoken(run)}</p>
    </section>
    ${guarded.asked && html`<${ConfirmDeletion} deletions=${guarded.asked.deletions} onConfirm=${guarded.confirm} onClose=${guarded.cancel} />`}
    ${renaming === id && html`<${Rename} name=${open.name} onRename=${documents.rename} onClose=${() => setRenaming(undefined)} />`}
  </div>`;
}

/** Answers stand below the editor, perhaps out of sight. */
const stacked = () => matchMedia("(max-width: 1180px)").matches;

/** What a screen reader says of a run. */
function spoken({ running, entries }) {
  if (entries.length === 0) return "";
  if (running) return entries.length === 1 ? "Running" : `Running ${entries.length} requests`;
  const well = entries.filter(({ answer }) => answer.ok).length;
  if (entries.length > 1) return `${well} of ${entries.length} requests succeeded`;
  const { answer } = entries[0];
  return answer.state === "done" ? `Answered ${answer.status}` : (answer.reason ?? "Stopped");
}
