// Adding pictures: a drop on the gallery or a button, where they go, and how far it is.
import { createContext, html, useContext, useEffect, useRef, useState } from "/page/vendored/preact-htm.js";
import { Button } from "../parts/button.js";
import { Dialog } from "../parts/dialog.js";
import { Icon } from "../parts/icon.js";
import { Failure, Message } from "../parts/message.js";
import { binarySizeOf, grouped } from "../parts/numbers.js";
import { toast } from "../parts/toasts.js";
import { useInstallation } from "../shell/installation.js";
import { filesOfDrop, filesOfInput } from "./picked.js";
import { beginAdding, forgetAdding, isAdding, summaryOf, useAdding } from "./run.js";
import { useTargets } from "./targets.js";

const AddContext = createContext(() => {});
const k_listed_failures = 200;

const filesText = (files) => `${grouped(files.length)} ${files.length === 1 ? "file" : "files"}, ${binarySizeOf(files.reduce((sum, { file }) => sum + file.size, 0))}`;

/** True while files are dragged over the window; onDrop(DataTransfer). */
function useDroppedFiles(onDrop) {
  const [over, setOver] = useState(false);
  const latest = useRef(onDrop);
  latest.current = onDrop;
  useEffect(() => {
    let depth = 0;
    const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    const end = () => { depth = 0; setOver(false); };
    const listeners = {
      dragenter: (event) => { if (hasFiles(event)) { depth += 1; setOver(true); } },
      dragleave: (event) => { if (hasFiles(event) && --depth <= 0) end(); },
      dragover: (event) => { if (hasFiles(event)) event.preventDefault(); },
      drop: (event) => {
        end();
        if (!hasFiles(event)) return;
        event.preventDefault();
        latest.current(event.dataTransfer);
      },
    };
    for (const [name, listener] of Object.entries(listeners)) addEventListener(name, listener);
    return () => { for (const [name, listener] of Object.entries(listeners)) removeEventListener(name, listener); };
  }, []);
  return over;
}

/** Everything below can add: a drop anywhere, and AddButton. */
export function AddArea({ children }) {
  const [picked, setPicked] = useState(undefined);
  const over = useDroppedFiles(async (transfer) => {
    const found = await filesOfDrop(transfer);
    if (isAdding()) toast("Pictures are being added. Drop these again when that is finished.");
    else forgetAdding();
    setPicked(found);
  });
  const open = () => {
    forgetAdding({ unlessFailed: true });
    setPicked({ files: [], unread: [] });
  };
  return html`<${AddContext.Provider} value=${open}>
    ${children}
    ${over && html`<div class="drop-veil"><div class="drop-veil-text"><${Icon} name="upload" />Drop pictures or folders to add them</div></div>`}
    ${picked && html`<${AddDialog} picked=${picked} onPick=${setPicked} onClose=${() => setPicked(undefined)} />`}
  <//>`;
}

export function AddButton(properties) {
  const open = useContext(AddContext);
  return html`<${Button} icon="plus" aria-label="Add pictures" onClick=${open} ...${properties}><span>Add<span class="add-more"> pictures</span></span><//>`;
}

function Choosers({ onPick }) {
  const files = useRef(null);
  const folder = useRef(null);
  const picked = (event) => {
    onPick(filesOfInput(event.target));
    event.target.value = "";
  };
  const input = (ref, label, more) => html`<input class="visually-hidden" type="file" multiple tabindex="-1" aria-label=${label} ref=${ref} onChange=${picked} ...${more} />`;
  return html`<div class="row">
    ${input(files, "Picture files", { accept: "image/*" })}${input(folder, "Folder of pictures", { webkitdirectory: true })}
    <${Button} icon="picture" onClick=${() => files.current.click()}>Choose files<//>
    <${Button} icon="upload" onClick=${() => folder.current.click()}>Choose a folder<//>
  </div>`;
}

function Targets({ targets, left, onChange }) {
  const toggle = (index) => onChange(left.includes(index) ? left.filter((one) => one !== index) : [...left, index]);
  return html`<fieldset class="plain-fieldset add-targets"><legend>Add to</legend>
    ${targets.map(({ collection: { index }, models, pipeline }) => html`<label class="check" key=${index}>
      <input type="checkbox" checked=${!left.includes(index)} onChange=${() => toggle(index)} />
      <span><strong>${index}</strong> <span class="small soft">${models.join(", ")}, pipeline ${pipeline}</span></span></label>`)}
  </fieldset>`;
}

function Choice({ picked, onPick }) {
  const { page } = useInstallation();
  const { targets, error } = useTargets();
  const [left, setLeft] = useState(undefined);
  if (error) return html`<${Failure} title="The indices' pipelines cannot be read" error=${error} />`;
  if (!targets) return html`<div class="skeleton add-waiting"></div>`;
  if (targets.length === 0) {
    return html`<${Message} kind="warn" title="No index embeds pictures"><p>Pictures are added to indices with a default pipeline that embeds them.
      Run <code>scripts/register_endpoints.sh</code>, which creates both.</p><//>`;
  }
  const without = left ?? targets.filter((one) => !one.standard).map((one) => one.collection.index);
  const chosen = targets.filter((one) => !without.includes(one.collection.index)).map((one) => one.collection);
  const { files, unread } = picked;
  const begin = () => beginAdding({ files, targets: chosen, limits: page.limits }, unread);
  return html`<div class="stack">
    <div class="add-drop"><${Icon} name="upload" />
      ${files.length > 0 ? html`<p><strong>${filesText(files)}</strong></p>` : html`<p class="soft">Drop pictures or folders here, or</p>`}
      <${Choosers} onPick=${onPick} />
      <p class="small faint">JPEG, PNG, WebP, GIF, BMP, HEIC or AVIF${page.limits?.image_bytes ? `, up to ${binarySizeOf(page.limits.image_bytes)} each` : ""}. The same file is never added twice.</p>
    </div>
    ${unread.length > 0 && html`<p class="small soft">${unread.length} more cannot be read.</p>`}
    <${Targets} targets=${targets} left=${without} onChange=${setLeft} />
    <div class="row"><${Button} main disabled=${files.length === 0 || chosen.length === 0} onClick=${begin}>${files.length > 1 ? `Add ${grouped(files.length)} files` : "Add"}<//></div>
  </div>`;
}

function Failures({ failures }) {
  if (failures.length === 0) return null;
  return html`<details class="details" open><summary>${grouped(failures.length)} failed</summary>
    <div class="add-failures" tabindex="0" role="region" aria-label="What failed"><table class="table"><thead><tr><th>File</th><th>Index</th><th>Why</th></tr></thead><tbody>
      ${failures.slice(0, k_listed_failures).map(({ name, index, reason }, at) => html`<tr key=${at}><td>${name}</td><td>${index}</td><td>${reason}</td></tr>`)}
    </tbody></table></div>
    ${failures.length > k_listed_failures && html`<p class="small soft">The first ${k_listed_failures} are listed.</p>`}
  </details>`;
}

function Progress({ run }) {
  return html`<div class="add-progress">
    <progress class="visually-hidden" max=${run.steps} value=${run.done} aria-label="Pictures processed">${run.done}</progress>
    <div class="add-track" aria-hidden="true"><div class="add-fill" style=${{ width: `${run.steps > 0 ? (run.done / run.steps) * 100 : 100}%` }}></div></div>
  </div>`;
}

function RunControls({ run, small }) {
  if (run.phase === "running") return html`<${Button} small=${small} icon="pause" onClick=${() => run.pause()}>Pause<//><${Button} small=${small} onClick=${() => run.cancel()}>Cancel<//>`;
  if (run.phase === "paused") return html`<${Button} small=${small} icon="play" onClick=${() => run.resume()}>Go on<//><${Button} small=${small} onClick=${() => run.cancel()}>Cancel<//>`;
  return null;
}

const k_phases = { running: "Adding", paused: "Paused", finished: "Done", cancelled: "Cancelled" };

function Run({ run, onMore, onClose }) {
  const ended = run.phase === "finished" || run.phase === "cancelled";
  return html`<div class="stack" data-phase=${run.phase}>
    <p role="status"><strong>${k_phases[run.phase]}</strong> <span class="soft number">${ended ? summaryOf(run) : `${grouped(run.done)} of ${grouped(run.steps)}`}</span></p>
    <${Progress} run=${run} />
    ${run.waiting && html`<p class="small soft">${run.waiting}</p>`}
    ${run.targets.length > 1 && html`<p class="small soft">One document per picture in each of ${run.targets.length} indices.</p>`}
    ${run.phase === "cancelled" && html`<p class="small soft">Pictures added so far are kept.</p>`}
    <div class="row"><${RunControls} run=${run} />${ended && html`<${Button} main onClick=${onClose}>Close<//><${Button} onClick=${onMore}>Add more<//>`}</div>
    <${Failures} failures=${run.failures} />
  </div>`;
}

function AddDialog({ picked, onPick, onClose }) {
  const run = useAdding();
  const close = () => {
    forgetAdding();
    onClose();
  };
  const more = () => {
    forgetAdding();
    onPick({ files: [], unread: [] });
  };
  return html`<${Dialog} title="Add pictures" narrow class="add-dialog" onClose=${close}>
    ${run ? html`<${Run} run=${run} onMore=${more} onClose=${close} />` : html`<${Choice} picked=${picked} onPick=${onPick} />`}
  <//>`;
}

/** A line on the run that is under way, where its dialog is closed. */
export function AddProgress() {
  const open = useContext(AddContext);
  const run = useAdding();
  if (!isAdding()) return null;
  return html`<div class="add-strip card"><span class="small number">${k_phases[run.phase]} ${grouped(run.done)} of ${grouped(run.steps)}</span>
    <${Progress} run=${run} /><${RunControls} run=${run} small /><${Button} small plain onClick=${open}>Details<//></div>`;
}
