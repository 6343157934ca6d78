// Asks before whole indices are deleted.
import { html } from "/page/vendored/preact-htm.js";
import { Button } from "../parts/button.js";
import { Dialog } from "../parts/dialog.js";
import { deletedIndices, indicesOf } from "./danger.js";

/** The deletions among `requests`: [{request, names, indices}]. */
export function deletionsIn(requests, indices) {
  return requests.flatMap((request) => {
    const names = deletedIndices(request);
    return names ? [{ request, names, indices: indicesOf(names, indices) }] : [];
  });
}

const k_named = 12;

function Deletion({ names, indices }) {
  const shown = indices.slice(0, k_named).join(", ");
  const more = indices.length - k_named;
  return html`<li><code>DELETE ${names.join(",")}</code>
    <p class="small soft">${indices.length === 0
      ? "This page has found no index of that name. Any index of that name is deleted with all its documents."
      : `Deletes with all documents: ${shown}${more > 0 ? ` and ${more} more` : ""}.`}</p></li>`;
}

/** deletions: of deletionsIn(). */
export function ConfirmDeletion({ deletions, onConfirm, onClose }) {
  return html`<${Dialog} title="Delete whole indices" narrow onClose=${onClose}>
    <div class="stack">
      <ul class="stack">${deletions.map((one, place) => html`<${Deletion} key=${place} ...${one} />`)}</ul>
      <p>This cannot be undone.</p>
      <div class="row"><${Button} main icon="trash" onClick=${onConfirm}>Delete<//><${Button} autofocus onClick=${onClose}>Cancel<//></div>
    </div>
  <//>`;
}
