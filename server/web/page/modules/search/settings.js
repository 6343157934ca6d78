// The numbers of the request, hybrid search and thresholds.
import { html, useEffect, useState } from "/page/vendored/preact-htm.js";
import { Button } from "../parts/button.js";
import { grouped } from "../parts/numbers.js";
import { placeOf } from "../server/collections.js";
import { k_article } from "./state.js";

const k_numbers = [
  { name: "size", title: "Size", help: "hits per column", least: 1, most: 100, step: 1 },
  { name: "k", title: "k", help: "nearest neighbours", least: 1, most: 10000, step: 1 },
  { name: "candidates", title: "Candidates", help: "examined per shard", least: 1, most: 10000, step: 1 },
  { name: "boost", title: "Boost", help: "the score's factor", least: 0, most: 1e6, step: "any" },
];

const k_modes = [
  ["vectors", "Vectors only", "nearest neighbours by the model's vectors"],
  ["weighted", "Vectors and text, added", "score = boost × kNN + weight × BM25"],
  ["rrf", "Vectors and text, by rank", "reciprocal rank fusion; requires a real cluster with a licence for it"],
];

function NumberField({ name, title, help, value, least, most, step, onValue }) {
  const [text, setText] = useState(String(value));
  useEffect(() => setText(String(value)), [value]);
  const number = Number(text);
  const good = text.trim() !== "" && number >= least && number <= most && (step === "any" ? number > 0 : Number.isInteger(number));
  return html`<label class="field"><span>${title}</span>
    <input class="input number" name=${name} inputmode="decimal" value=${text} aria-invalid=${!good} title=${help}
      onInput=${(event) => setText(event.target.value)} onChange=${() => (good ? onValue(number) : setText(String(value)))} />
    <small class="faint">${help}</small></label>`;
}

function Mode({ state, onChange }) {
  return html`<fieldset class="plain-fieldset settings-group"><legend>Words and vectors</legend>
    ${k_modes.map(([name, title, help]) => html`<label class="check" key=${name} title=${help}>
      <input type="radio" name="mode" value=${name} checked=${state.mode === name} onChange=${() => onChange({ mode: name })} />${title}</label>`)}
    ${state.mode === "weighted" && html`<${NumberField} name="weight" title="Weight of the text" help="factor of BM25" value=${state.weight} least=${0} most=${1e6} step="any" onValue=${(weight) => onChange({ weight })} />`}
  </fieldset>`;
}

function Threshold({ collection, value, standard, onValue }) {
  const [now, setNow] = useState(value);
  useEffect(() => setNow(value), [value]);
  return html`<label class="field threshold"><span>${collection.title}</span>
    <span class="row"><input class="input grow" type="range" min="-0.2" max="1" step="0.01" value=${now}
      onInput=${(event) => setNow(Number(event.target.value))} onChange=${(event) => onValue(Number(event.target.value))} />
      <output class="number">${now.toFixed(2)}</output></span>
    <small class="faint">${standard?.best === undefined ? "not measured yet (sightline-eval)" : `measured: ${standard.best.toFixed(2)}`}</small></label>
    ${standard?.cutoff !== undefined && html`<${Button} small title="At most this share of the wrong pairs had this cosine or more" onClick=${() => onValue(standard.cutoff)}>
      ${`${collection.title}: cut-off for ${grouped(standard.rate * 100)} %, ${standard.cutoff.toFixed(2)}`}<//>`}`;
}

function Thresholds({ state, collections, thresholds, onChange }) {
  return html`<fieldset class="plain-fieldset settings-group"><legend>Hide probably wrong hits</legend>
    <label class="check"><input type="checkbox" checked=${state.hide} onChange=${(event) => onChange({ hide: event.target.checked })} />Hide hits below these cosines</label>
    ${collections.map((collection) => html`<${Threshold} key=${collection.id} collection=${collection} standard=${thresholds[collection.model]}
      value=${thresholdOf(collection, state, thresholds)} onValue=${(value) => onChange({ hide: true, thresholds: { ...state.thresholds, [collection.model]: value } })} />`)}
  </fieldset>`;
}

/** The cosine below which a hit of the collection is probably wrong: the user's, else that of the judged queries, else 0. */
export function thresholdOf(collection, state, thresholds) {
  return state.thresholds[collection.model] ?? thresholds[collection.model]?.best ?? 0;
}

function Columns({ all, shown, onChange }) {
  const ids = shown.map((one) => one.id);
  const toggle = (id) => onChange({ columns: ids.includes(id) ? ids.filter((one) => one !== id) : all.map((one) => one.id).filter((one) => one === id || ids.includes(one)) });
  return html`<fieldset class="plain-fieldset settings-group"><legend>Columns</legend>
    ${all.map((one) => html`<label class="check" key=${one.id}>
      <input type="checkbox" checked=${ids.includes(one.id)} disabled=${ids.length === 1 && ids[0] === one.id} onChange=${() => toggle(one.id)} />
      <span>${one.title} <small class="faint">${placeOf(one)}</small></span></label>`)}
  </fieldset>`;
}

/** state; all: every collection; shown: the columns; thresholds: by model, of judged queries ({best, cutoff, rate}); onChange(changes). */
export function Settings({ state, all, shown, thresholds, onChange }) {
  const standard = k_numbers.every(({ name }) => state[name] === k_article[name]);
  return html`<section class="settings card" aria-label="Settings">
    <fieldset class="plain-fieldset settings-group"><legend>Request</legend>
      <div class="settings-numbers">${k_numbers.map((field) => html`<${NumberField} key=${field.name} ...${field} value=${state[field.name]} onValue=${(value) => onChange({ [field.name]: value })} />`)}</div>
      ${!standard && html`<${Button} small onClick=${() => onChange({ ...k_article })}>Back to the defaults<//>`}
    </fieldset>
    <${Mode} state=${state} onChange=${onChange} />
    <${Thresholds} state=${state} collections=${shown.filter((one) => one.model)} thresholds=${thresholds} onChange=${onChange} />
    <${Columns} all=${all} shown=${shown} onChange=${onChange} />
  </section>`;
}
