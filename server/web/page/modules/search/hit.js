// One hit of a column.
import { html } from "/page/vendored/preact-htm.js";
import { Icon } from "../parts/icon.js";
import { Picture } from "../pictures/picture.js";
import { isLink } from "../server/collections.js";
import { isFused } from "./run.js";
import { likeLink } from "./state.js";

/** The longer side of a hit's picture, in pixels of the screen. */
const k_side = 300;

const k_hidden = new Set(["model_id", "model_fingerprint"]);

/** The attributes that are worth a line: short values, not the name, not what the pipeline keeps. */
function attributesOf(hit, { nameField, fields }) {
  return Object.entries(hit.source).filter(([name, value]) => {
    if (name === nameField || k_hidden.has(name) || isLink(name, fields)) return false;
    return ["string", "number", "boolean"].includes(typeof value) && String(value).length <= 160 && value !== "";
  });
}

function scoreHelp(hit, collection, state) {
  const fused = isFused(collection, state);
  if (hit.cosine === undefined) return fused ? `score ${hit.score}, of the text alone: this document has no vector` : `score ${hit.score}`;
  const how = fused
    ? "The score adds vectors and text; the cosine is that of the vectors alone."
    : `score = boost × (1 + cosine) / 2 = ${state.boost} × (1 + ${hit.cosine.toFixed(4)}) / 2`;
  return `${how} The cosine is 1 for equal vectors and near 0 for unrelated ones; each model has its own scale.`;
}

/**
 * hit: of searchCollection; mark: {letter, count} if the same picture stands in other columns; lit: it is pointed at there.
 */
export function Hit({ hit, collection, state, mark, lit, onPoint, onOpen }) {
  const attributes = attributesOf(hit, collection);
  const lead = attributes.find(([name]) => /caption|description|title/.test(name));
  const others = attributes.filter((one) => one !== lead).slice(0, 4);
  const help = scoreHelp(hit, collection, state);
  return html`<li class=${`hit ${lit ? "is-lit" : ""}`} onMouseEnter=${() => onPoint(mark?.key)} onMouseLeave=${() => onPoint(undefined)}
      onFocusIn=${() => onPoint(mark?.key)} onFocusOut=${() => onPoint(undefined)}>
    <div class="hit-frame">
      <button type="button" class="hit-open" onClick=${onOpen} aria-label=${`Open ${hit.name}`}>
        <${Picture} document=${hit} size=${Math.round(k_side * devicePixelRatio)} alt=${lead ? String(lead[1]) : hit.name} eager />
      </button>
      <span class="hit-rank number" aria-label=${`Rank ${hit.rank}`}>${hit.rank}</span>
      ${mark && html`<span class="hit-mark" title=${`This picture is in ${mark.count} columns`}><span class="visually-hidden">Also in other columns: picture </span>${mark.letter}</span>`}
      <a class="button button-small hit-like" href=${likeLink(hit)}><${Icon} name="like" /><span class="hit-like-text">More like this<span class="visually-hidden">: ${hit.name}</span></span></a>
    </div>
    <div class="hit-line">
      <span class="hit-name cut" title=${hit.name}>${hit.name}</span>
      <span class="hit-score number" title=${help}>${hit.score?.toFixed(3)}</span>
    </div>
    <div class="hit-line">
      <span class="hit-lead cut faint" title=${lead && String(lead[1])}>${lead ? String(lead[1]) : others.map(([name, value]) => `${name} ${value}`).join(" · ")}</span>
      ${hit.cosine !== undefined && html`<span class="hit-cosine number faint" title=${help}>cos ${hit.cosine.toFixed(3)}</span>`}
    </div>
    ${hit.cosine !== undefined && html`<div class="hit-bar" aria-hidden="true"><span class="hit-bar-fill" style=${{ width: `${Math.max(0, Math.min(1, hit.cosine)) * 100}%` }}></span></div>`}
    ${lead && others.length > 0 && html`<div class="hit-attributes">${others.map(([name, value]) => html`<span class="tag cut" key=${name} title=${`${name}: ${value}`}>${name} ${String(value)}</span>`)}</div>`}
  </li>`;
}
