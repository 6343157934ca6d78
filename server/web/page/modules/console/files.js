// The list at the side: the server's files and the user's scratches.
import { html, useRef } from "/page/vendored/preact-htm.js";
import { Button } from "../parts/button.js";
import { toast } from "../parts/toasts.js";
import { format } from "../shell/router.js";

const k_max_import_bytes = 2000000;

function Entry({ chosen, state, title, mark }) {
  return html`<li><a class="console-file" href=${format("console", state)} aria-current=${chosen ? "true" : undefined}>
    <span class="cut">${title}</span>${mark && html`<span class="tag">${mark}</span>`}
  </a></li>`;
}

function ImportButton({ onImport }) {
  const input = useRef(null);
  const read = async (event) => {
    const file = event.target.files[0];
    event.target.value = "";
    if (!file) return;
    if (file.size > k_max_import_bytes) return toast(`${file.name} has more than 2 MB: too much for a scratch.`);
    onImport(file.name.replace(/\.(?:console|txt)$/i, ""), await file.text());
  };
  return html`<${Button} small icon="upload" onClick=${() => input.current.click()}>Import<//>
    <input ref=${input} type="file" accept=".console,.txt,text/plain" hidden aria-label="File of requests to import" onChange=${read} />`;
}

/** files: names, or undefined while they load. document: the chosen {kind, name}. edits: {name: text} of edited files. */
export function Files({ files, problem, document: chosen, scratches, edits, onNew, onImport }) {
  return html`<nav class="console-files" aria-label="Requests">
    <section>
      <h2 class="console-files-title">With the server</h2>
      <ul>
        ${files === undefined && !problem && [1, 2, 3, 4].map((one) => html`<li key=${one}><span class="console-file skeleton"></span></li>`)}
        ${problem && html`<li class="small soft">${problem.message}</li>`}
        ${files?.map((name) => html`<${Entry} key=${name} title=${name} state=${{ file: name }} mark=${Object.hasOwn(edits, name) && "edited"}
          chosen=${chosen.kind === "file" && chosen.name === name} />`)}
      </ul>
    </section>
    <section>
      <h2 class="console-files-title">Scratches in this browser</h2>
      <ul>${Object.keys(scratches).map((name) => html`<${Entry} key=${name} title=${name} state=${{ scratch: name }} chosen=${chosen.kind === "scratch" && chosen.name === name} />`)}</ul>
      <div class="row console-files-tools"><${Button} small icon="plus" onClick=${onNew}>New<//><${ImportButton} onImport=${onImport} /></div>
    </section>
  </nav>`;
}
