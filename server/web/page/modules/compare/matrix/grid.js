// The matrix itself, as a table.
import { html, useEffect, useState } from "/page/vendored/preact-htm.js";
import { openDocument } from "../../images/opened.js";
import { Button } from "../../parts/button.js";
import { Icon } from "../../parts/icon.js";
import { roughPercent } from "../../parts/numbers.js";
import { keptPicture } from "../../pictures/kept_pictures.js";
import { Picture } from "../../pictures/picture.js";
import { bestOf, heatOf } from "./similarity.js";

/** A cosine with three places (no "-0.000"), or a share in per cent. */
export const inWords = (value, show) => (show === "cosine" ? value.toFixed(3).replace(/^-(?=0\.000$)/, "") : roughPercent(value));

/** The URL of a picture of the user's own, while it is shown. */
function useOwnUrl(digest) {
  const [own, setOwn] = useState({});
  useEffect(() => {
    if (!digest) return undefined;
    let [wanted, made] = [true, undefined];
    keptPicture(digest).then((found) => {
      if (!wanted || !found) return;
      made = URL.createObjectURL(found.blob);
      setOwn({ digest, url: made, name: found.name });
    });
    return () => {
      wanted = false;
      if (made) URL.revokeObjectURL(made);
    };
  }, [digest]);
  return own.digest === digest ? own : {};
}

function PictureHead({ picture, name, field, error, onRemove }) {
  const own = useOwnUrl(picture.digest);
  const title = own.name ?? name ?? "picture";
  const document = picture.document && { ...picture.document, field };
  const shown = document
    ? html`<button type="button" class="matrix-picture" aria-label=${`Open ${title}`} onClick=${() => openDocument(document)}><${Picture} document=${document} size=${320} alt="" /></button>`
    : html`<span class="matrix-picture"><${Picture} source=${own.url} alt="" /></span>`;
  return html`<th scope="col" class="matrix-head">
    ${shown}<span class="matrix-name"><span class="cut" title=${title}>${title}</span><${Button} plain small icon="close" label=${`Remove ${title}`} onClick=${onRemove} /></span>
    ${error && html`<span class="matrix-error small" role="alert">${error.message}</span>`}
  </th>`;
}

function Cell({ value, heat, show, bestPicture, bestText }) {
  if (value === undefined) return html`<td class="matrix-cell"><span class="visually-hidden">not known yet</span></td>`;
  return html`<td class="matrix-cell number" style=${{ "--heat": heat.toFixed(3) }}><span>${inWords(value, show)}</span>
    ${(bestPicture || bestText) && html`<span class="matrix-best">
      ${bestPicture && html`<span title="Best picture for this text"><${Icon} name="picture" /><span class="visually-hidden">best picture for this text</span></span>`}
      ${bestText && html`<span title="Best text for this picture"><${Icon} name="text" /><span class="visually-hidden">best text for this picture</span></span>`}</span>`}
  </td>`;
}

/** texts, pictures: as state.js reads them. cosines, values: [text][picture]. names, errors: Maps by a picture's key. fieldOf(index). */
export function Grid({ texts, pictures, cosines, values, show, names, errors, fieldOf, onRemove }) {
  const heat = heatOf(values, show);
  const best = bestOf(cosines);
  return html`<div class="table-scroll matrix-scroll" tabindex="0" role="region" aria-label="Matrix of texts and pictures"><table class="matrix">
    <caption class="visually-hidden">How well each text fits each picture</caption>
    <thead><tr><td></td>${pictures.map((picture) => html`<${PictureHead} key=${picture.key} picture=${picture} name=${names.get(picture.key)} field=${picture.document && fieldOf(picture.document.index)}
      error=${errors.get(picture.key)} onRemove=${() => onRemove(picture.key)} />`)}</tr></thead>
    <tbody>${texts.map((text, row) => html`<tr key=${text}><th scope="row">${text}</th>
      ${pictures.map((picture, column) => html`<${Cell} key=${picture.key} value=${values[row][column]} heat=${heat[row][column]} show=${show}
        bestPicture=${pictures.length > 1 && best.picture[row] === column} bestText=${texts.length > 1 && best.text[column] === row} />`)}</tr>`)}</tbody>
  </table></div>`;
}
