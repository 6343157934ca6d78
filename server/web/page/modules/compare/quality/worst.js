// The queries that a model did worst at: what it found, and what was expected.
import { html, useState } from "/page/vendored/preact-htm.js";
import { openDocument } from "../../images/opened.js";
import { Button } from "../../parts/button.js";
import { Icon } from "../../parts/icon.js";
import { Failure } from "../../parts/message.js";
import { grouped } from "../../parts/numbers.js";
import { Picture } from "../../pictures/picture.js";
import { likeLink } from "../../search/state.js";
import { format } from "../../shell/router.js";
import { useAnswer } from "../answer.js";
import { Swatch } from "../series.js";
import { collectionOf, loadWorst } from "./evaluations.js";
import { idsOfNames } from "./names.js";

const k_found = 5;
const k_expected = 5;
const k_first = 3; // queries shown before "more"

const asksWithPicture = (direction) => direction.startsWith("image-") || direction === "zero-shot";
const findsPictures = (direction) => direction.endsWith("-image");

/** The names of all pictures that the shown part of `worst` speaks of. */
function namesIn(worst, direction) {
  const names = new Set();
  for (const one of worst) {
    if (asksWithPicture(direction)) names.add(one.query);
    if (findsPictures(direction)) {
      for (const { name } of one.found.slice(0, k_found)) names.add(name);
      for (const name of one.expected.slice(0, k_expected)) names.add(name);
    }
  }
  return [...names];
}

/** A picture by its name; a button that opens it, if the index has it. mark: "right", "wrong" or nothing. */
function NamedPicture({ name, place, mark, note }) {
  const id = place.ids.get(name);
  const says = [mark === "right" && "right", mark === "wrong" && "wrong", name, note].filter(Boolean).join(", ");
  const badge = mark && html`<span class="worst-mark"><${Icon} name=${mark === "right" ? "check" : "close"} /></span>`;
  if (!id) return html`<span class=${`worst-picture worst-unknown ${mark ? "is-" + mark : ""}`} title=${says}><span>${name}</span>${badge}</span>`;
  const { index, pictureField: field } = place.collection;
  return html`<button type="button" class=${`worst-picture ${mark ? "is-" + mark : ""}`} title=${says} aria-label=${says} onClick=${() => openDocument({ index, id, field })}>
    <${Picture} document=${{ index, id, field }} size=${160} alt="" />${badge}</button>`;
}

function Query({ one, direction, place }) {
  if (asksWithPicture(direction)) {
    const like = place.ids.has(one.query) && likeLink({ index: place.collection.index, id: place.ids.get(one.query), field: place.collection.pictureField });
    return html`<div class="worst-query"><${NamedPicture} name=${one.query} place=${place} />
      ${like ? html`<a class="cut" href=${like} title="Search for pictures like this">${one.query}</a>` : html`<span class="cut">${one.query}</span>`}</div>`;
  }
  return html`<div class="worst-query"><a href=${format("search", { q: one.query })} title="Search for this">${one.query}</a></div>`;
}

/** In what order the model answered, right ones marked. */
function Found({ one, direction, place }) {
  const shown = one.found.slice(0, k_found);
  const cosine = (hit) => `cosine ${hit.cosine.toFixed(3)}`;
  if (!findsPictures(direction)) {
    return html`<ol class="worst-texts">${shown.map((hit, i) => html`<li key=${i} class=${hit.right ? "is-right" : "is-wrong"}>
      <${Icon} name=${hit.right ? "check" : "close"} /><span class="visually-hidden">${hit.right ? "right: " : "wrong: "}</span>
      <span class="grow">${hit.name}</span><span class="number faint">${hit.cosine.toFixed(2)}</span></li>`)}</ol>`;
  }
  return html`<ol class="worst-pictures">${shown.map((hit, i) => html`<li key=${i}>
    <${NamedPicture} name=${hit.name} place=${place} mark=${hit.right ? "right" : "wrong"} note=${cosine(hit)} />
    <span class="number faint" aria-hidden="true">${hit.cosine.toFixed(2)}</span></li>`)}</ol>`;
}

function Expected({ one, direction, place }) {
  const shown = one.expected.slice(0, k_expected);
  const more = one.right - shown.length;
  const rest = more > 0 && html`<span class="faint small">and ${grouped(more)} more</span>`;
  if (!findsPictures(direction)) {
    return html`<ul class="worst-texts">${shown.slice(0, 3).map((text) => html`<li key=${text}><span class="grow">${text}</span></li>`)}</ul>
      ${one.right > 3 && html`<span class="faint small">and ${grouped(one.right - 3)} more</span>`}`;
  }
  return html`<ul class="worst-pictures">${shown.map((name) => html`<li key=${name}><${NamedPicture} name=${name} place=${place} /></li>`)}</ul>${rest}`;
}

/** A query of a zero-shot set: which label was given, and which is right. */
function WrongLabel({ one, direction, place }) {
  return html`<li class="worst-item">
    <${Query} one=${one} direction=${direction} place=${place} />
    <p class="small">taken for <strong>${one.found}</strong>, is <strong>${one.expected}</strong></p>
  </li>`;
}

function WorstQuery({ one, ...others }) {
  const { first_right_rank: rank } = one;
  return html`<li class="worst-item">
    <${Query} one=${one} ...${others} />
    <p class="faint small number">nDCG@10 ${one["nDCG@10"].toFixed(2)} · ${rank > 0 ? `first right answer at rank ${rank}` : "no right answer"} · ${one.right} right of ${one.candidates}</p>
    <div class="worst-sides">
      <div><h5>Found</h5><${Found} one=${one} ...${others} /></div>
      <div><h5>Expected</h5><${Expected} one=${one} ...${others} /></div>
    </div>
  </li>`;
}

function Column({ title, series, document, worst, collections }) {
  const [all, setAll] = useState(false);
  const collection = collectionOf(document, collections);
  const { direction } = document;
  const shown = all ? worst : worst.slice(0, k_first);
  const names = namesIn(shown, direction);
  const found = useAnswer(collection && names.length > 0 ? (signal) => idsOfNames(collection, names, signal) : undefined, [collection?.id, names]);
  const place = { collection, ids: found.data ?? new Map() };
  const Item = direction === "zero-shot" ? WrongLabel : WorstQuery;
  return html`<div class="worst-column">
    <h4><${Swatch} series=${series} />${title}</h4>
    ${!collection && names.length > 0 && html`<p class="faint small">No index has pictures of this model: names are shown instead of pictures.</p>`}
    ${worst.length === 0 && html`<p class="soft small">No picture got a wrong label.</p>`}
    <ol class="worst-list" aria-busy=${found.loading ? "true" : undefined}>${shown.map((one, i) => html`<${Item} key=${i} one=${one} direction=${direction} place=${place} />`)}</ol>
    ${worst.length > k_first && html`<${Button} small onClick=${() => setAll(!all)} aria-expanded=${all}>${all ? "Show fewer" : `Show all ${worst.length}`}<//>`}
  </div>`;
}

/** columns: a document or undefined for each model. */
export function WorstQueries({ run, task, set, titles, columns, collections }) {
  const { loading, data, error } = useAnswer((signal) => loadWorst({ run, direction: task, set }, signal), [run, task, set]);
  return html`<section class="quality-part">
    <h3>${task === "zero-shot" ? "Pictures that got a wrong label" : "The worst queries"}</h3>
    ${error && html`<${Failure} title="The worst queries cannot be read" error=${error} />`}
    ${loading && html`<div class="skeleton compare-skeleton-block"></div>`}
    ${data && html`<div class="worst-columns">${columns.map((document, i) => document && html`<${Column} key=${document.model} title=${titles[i]} series=${i}
      document=${document} worst=${data.get(document.model) ?? []} collections=${collections} />`)}</div>`}
  </section>`;
}
