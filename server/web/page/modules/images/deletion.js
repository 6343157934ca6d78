// The question before a picture is deleted, and the way back afterwards.
import { html, useEffect, useState } from "/page/vendored/preact-htm.js";
import { Button } from "../parts/button.js";
import { Failure } from "../parts/message.js";
import { toast } from "../parts/toasts.js";
import { useInstallation } from "../shell/installation.js";
import { isOpen } from "./opened.js";
import { indicesHolding, removeDocuments, restoreDocuments } from "./removal.js";

const k_undo_seconds = 20;
const listOf = (indices) => (indices.length < 3 ? indices.join(" and ") : `${indices.slice(0, -1).join(", ")} and ${indices.at(-1)}`);

/** Tells all views that documents of these indices came or went. */
export function announceChange(indices) {
  dispatchEvent(new CustomEvent("sightline:documents", { detail: { indices } }));
}

const indicesOf = (removed) => removed.map((one) => one._index);

/** Puts documents back. Those that cannot be are kept for another try. */
async function undo(name, removed) {
  const { left, reason } = await restoreDocuments(removed);
  if (left.length === 0) toast(`${name} is back in ${listOf(indicesOf(removed))}.`);
  else toast(`${name} could not be put back. ${reason}`, { seconds: k_undo_seconds, action: { title: "Try again", run: () => undo(name, left) } });
  announceChange(indicesOf(removed));
}

/** failure: why it was not deleted from all indices, or nothing. */
function offerUndo(name, removed, failure) {
  const rest = failure ? ` The rest was not deleted: ${failure.message}` : "";
  toast(`${name} was deleted from ${listOf(indicesOf(removed))}.${rest}`, { seconds: k_undo_seconds, action: { title: "Undo", run: () => undo(name, removed) } });
}

/** The other indices that hold the same picture under the same id; undefined while they are asked. */
function useOthers({ index, id }) {
  const { collections } = useInstallation();
  const [others, setOthers] = useState(undefined);
  useEffect(() => {
    const abort = new AbortController();
    const indices = [...new Set(collections.map((one) => one.index))].filter((one) => one !== index);
    indicesHolding(id, indices, { signal: abort.signal }).then(setOthers, () => { if (!abort.signal.aborted) setOthers([]); });
    return () => abort.abort();
  }, [index, id]);
  return others;
}

/** Asks from which indices `document` is to go. onDeleted() after it is gone from its own index; onCancel(). */
export function Deletion({ document, name, onDeleted, onCancel }) {
  const others = useOthers(document);
  const [kept, setKept] = useState([]);
  const [state, setState] = useState({});
  const indices = [document.index, ...(others ?? []).filter((one) => !kept.includes(one))];
  const remove = async () => {
    setState({ busy: true });
    try {
      const { removed } = await removeDocuments(indices.map((index) => ({ index, id: document.id })));
      if (removed.length > 0) offerUndo(name, removed);
      else toast(`${name} was deleted already.`);
      announceChange(indices);
      if (isOpen(document)) onDeleted();
    } catch (error) {
      if (!error.removed?.length) return setState({ error });
      // The dialog closes, because nothing beside it can be clicked: the way back is there.
      offerUndo(name, error.removed, error);
      announceChange(indicesOf(error.removed));
      if (isOpen(document)) onDeleted();
    }
  };
  return html`<div class="deletion" role="group" aria-label="Delete">
    ${others?.length > 0
      ? html`<fieldset class="plain-fieldset row"><legend class="deletion-title">Delete this picture from</legend>
          <label class="check"><input type="checkbox" checked disabled />${document.index}</label>
          ${others.map((index) => html`<label class="check" key=${index}><input type="checkbox" checked=${!kept.includes(index)}
            onChange=${() => setKept(kept.includes(index) ? kept.filter((one) => one !== index) : [...kept, index])} />${index}</label>`)}
        </fieldset>`
      : html`<p class="deletion-title">Delete this picture from ${document.index}?</p>`}
    <div class="row">
      <${Button} main icon="trash" disabled=${!others || state.busy} onClick=${remove}>${state.busy ? "Deleting" : "Delete"}<//>
      <${Button} disabled=${state.busy} onClick=${onCancel}>Keep it<//>
      <span class="small soft">You can undo this for ${k_undo_seconds} seconds.</span>
    </div>
    ${state.error && html`<${Failure} title="Not deleted" error=${state.error} />`}
  </div>`;
}
