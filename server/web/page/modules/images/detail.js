// One picture, large, with all that is known of it.
import { html, useEffect, useState } from "/page/vendored/preact-htm.js";
import { Button } from "../parts/button.js";
import { CopyButton } from "../parts/copy.js";
import { Dialog } from "../parts/dialog.js";
import { Icon } from "../parts/icon.js";
import { Empty, Failure } from "../parts/message.js";
import { toast } from "../parts/toasts.js";
import { loadStyles } from "../parts/stylesheet.js";
import { Picture } from "../pictures/picture.js";
import { likeLink } from "../search/state.js";
import { heavyFields } from "../server/collections.js";
import { getDocument } from "../server/elasticsearch.js";
import { useInstallation } from "../shell/installation.js";
import { Attributes } from "./attributes.js";
import { Deletion } from "./deletion.js";
import { downloadPicture } from "./download.js";
import { Labels } from "./labels.js";
import { Neighbours } from "./neighbours.js";
import { nameOf, valueAt, versionOf } from "./query.js";

await loadStyles("images");

/** {found} (as GET _doc answers), {gone: true} or {error}; {} while it is asked. */
function useDocument({ index, id }, collection) {
  const [state, setState] = useState({});
  const asked = `${index}/${id}`;
  useEffect(() => {
    const abort = new AbortController();
    getDocument(index, id, { excludes: heavyFields(collection), signal: abort.signal }).then(
      (found) => setState({ asked, found }),
      (error) => { if (!abort.signal.aborted) setState({ asked, ...(error.status === 404 ? { gone: true } : { error }) }); },
    );
    return () => abort.abort();
  }, [asked, collection?.id]);
  return state.asked === asked ? state : {};
}

/** Arrow keys step through the list, except where they move a cursor. */
function useArrowKeys(onPrevious, onNext) {
  useEffect(() => {
    const follow = (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
      if (event.target.closest?.("input, textarea, select, [contenteditable]")) return;
      const step = { ArrowLeft: onPrevious, ArrowRight: onNext }[event.key];
      if (!step) return;
      event.preventDefault();
      step();
    };
    addEventListener("keydown", follow);
    return () => removeEventListener("keydown", follow);
  }, [onPrevious, onNext]);
}

function Large({ document, name }) {
  const [size, setSize] = useState(undefined);
  const measure = (event) => {
    const { naturalWidth, naturalHeight } = event.target;
    if (naturalWidth) setSize(`${naturalWidth} × ${naturalHeight} pixels`);
  };
  return html`<figure class="detail-figure" onLoadCapture=${measure}>
    <${Picture} document=${document} size=${0} alt=${name} contain eager class="detail-picture" />
    <figcaption class="small soft number">${size ?? " "}</figcaption>
  </figure>`;
}

function Facts({ document, found, collection }) {
  const leaveOut = [...(collection?.nameField ? [collection.nameField] : []), ...heavyFields(collection)];
  return html`<div class="detail-facts">
    <${Attributes} source=${found._source} leaveOut=${leaveOut} />
    <dl class="attributes attributes-record">
      <div class="attribute"><dt>Index</dt><dd>${document.index}</dd></div>
      <div class="attribute"><dt>Id</dt><dd class="detail-id"><code>${document.id}</code><${CopyButton} text=${document.id} aria-label="Copy the id">Copy<//></dd></div>
    </dl>
  </div>`;
}

function Actions({ document, name, onDelete }) {
  const [busy, setBusy] = useState(false);
  const download = async () => {
    setBusy(true);
    try {
      await downloadPicture(document, name);
    } catch (error) {
      toast(`The picture cannot be downloaded. ${error.message}`);
    }
    setBusy(false);
  };
  return html`<div class="row">
    <a class="button button-main" href=${likeLink(document)}><${Icon} name="like" />More like this</a>
    <${Button} icon="download" disabled=${busy} onClick=${download}>Download<//>
    <${Button} plain icon="trash" label="Delete" onClick=${onDelete} />
  </div>`;
}

function Body({ document, collection, found, name, hasPicture, onDeleted }) {
  const [deleting, setDeleting] = useState(false);
  useEffect(() => setDeleting(false), [document.index, document.id]);
  return html`<div class="detail">
      <${Large} key=${`${document.index}/${document.id}`} document=${document} name=${name} />
      <div class="detail-side">
        ${deleting
          ? html`<${Deletion} document=${document} name=${name} onDeleted=${onDeleted} onCancel=${() => setDeleting(false)} />`
          : html`<${Actions} document=${document} name=${name} onDelete=${() => setDeleting(true)} />`}
        <${Facts} document=${document} found=${found} collection=${collection} />
      </div>
    </div>
    <${Neighbours} document=${document} name=${collection?.nameField && valueAt(found._source, collection.nameField)} />
    ${hasPicture && html`<${Labels} document=${document} />`}`;
}

function Steps({ onPrevious, onNext, position }) {
  if (!onPrevious && !onNext) return null;
  return html`<span class="row detail-steps">
    ${position && html`<span class="small soft number detail-position">${position}</span>`}
    <${Button} plain icon="left" label="Previous picture" disabled=${!onPrevious} onClick=${onPrevious} />
    <${Button} plain icon="right" label="Next picture" disabled=${!onNext} onClick=${onNext} />
  </span>`;
}

/**
 * A dialog with the picture of a document. document: {index, id, field (default: the index's main pictures)}. onClose(). Opened from a list: onPrevious(), onNext()
 * (undefined at its ends) and position, "3 of 400". onDeleted() after it was deleted (default: onClose).
 */
export function Detail({ document: asked, onClose, onPrevious, onNext, position, onDeleted = onClose }) {
  const { collections, state: installation } = useInstallation();
  const collection = collections.find((one) => one.index === asked.index);
  const { found, gone, error } = useDocument(asked, collection);
  useArrowKeys(onPrevious, onNext);
  const document = { index: asked.index, id: asked.id, field: asked.field ?? collection?.mainPictureField, version: found && versionOf(found) };
  const name = found ? nameOf(found, collection) : "Picture";
  const title = gone ? "No longer there" : error ? "Picture" : found ? name : "Loading";
  return html`<${Dialog} title=${title} onClose=${onClose} class="detail-dialog" tools=${html`<${Steps} onPrevious=${onPrevious} onNext=${onNext} position=${position} />`}>
    ${gone && html`<${Empty} title="This picture no longer exists">
      <p>${asked.index} has no document with the id ${asked.id.slice(0, 80)}. It was deleted, perhaps in another tab, or the link is for another server.</p>
      <${Button} onClick=${onClose}>Close<//>
    <//>`}
    ${error && html`<${Failure} title="The document cannot be read" error=${error} />`}
    ${!found && !gone && !error && html`<div class="detail" aria-busy="true"><span class="picture detail-picture skeleton"></span>
      <div class="detail-side">${[0, 1, 2, 3, 4, 5].map((at) => html`<div class="skeleton detail-line" key=${at}></div>`)}</div></div>`}
    ${found && installation !== "loading" && html`<${Body} document=${document} collection=${collection} found=${found} name=${name}
      hasPicture=${collection === undefined || document.field !== undefined} onDeleted=${onDeleted} />`}
  <//>`;
}
