// The models that the server has, a card each.
import { html } from "/page/vendored/preact-htm.js";
import { binarySizeOf, grouped, sizeOf } from "../parts/numbers.js";

function parameters(count) {
  if (count >= 1e9) return `${(count / 1e9).toFixed(2)} billion`;
  return count >= 1e6 ? `${(count / 1e6).toFixed(1)} million` : grouped(count);
}

/** [[what, value]] of a model; those it does not tell are left out. */
function factsOf(model) {
  const { limits = {} } = model;
  return [
    ["Dimensions", model.dims && grouped(model.dims)],
    ["Takes", model.modalities?.map((one) => ({ text: "texts", image: "pictures" })[one] ?? one).join(" and ")],
    ["Parameters", model.parameters && `${parameters(model.parameters)}${model.weight_bytes ? `, ${sizeOf(model.weight_bytes)}` : ""}`],
    ["Runs on", model.device && `${model.device}, ${model.dtype}`],
    ["Picture size", model.image_size && `${model.image_size} × ${model.image_size} pixels`],
    ["Text limit", limits.tokens && `${grouped(limits.tokens)} tokens`],
    ["Inputs per request", limits.inputs && grouped(limits.inputs)],
    ["Picture limit", limits.image_bytes && binarySizeOf(limits.image_bytes)],
    ["Licence", model.license],
    ["Fingerprint", model.fingerprint],
  ].filter(([, value]) => value !== undefined && value !== "" && value !== 0);
}

function State({ state }) {
  const kind = { ready: "good", loading: "warn", failed: "bad" }[state] ?? "";
  return html`<span class=${`status-state status-${kind}`}>${state}</span>`;
}

function Card({ model }) {
  return html`<li class="card model-card">
    <div class="row model-head"><h3 class="cut">${model.id}</h3>${model.demo && html`<span class="tag tag-demo">demo</span>`}${model.architecture && html`<span class="tag">${model.architecture}</span>`}<${State} state=${model.state} /></div>
    ${model.description && html`<p class="small soft">${model.description}</p>`}
    ${model.reason && html`<p class="small status-bad">${model.reason}</p>`}
    <dl class="facts">${factsOf(model).map(([what, value]) => html`<div key=${what}><dt>${what}</dt><dd>${value}</dd></div>`)}</dl>
    ${model.preprocessing && html`<details class="details"><summary>Preprocessing</summary><p class="small soft">${model.preprocessing}</p></details>`}
  </li>`;
}

/** Models that run at Cohere: a line each. */
function Remote({ models }) {
  if (models.length === 0) return null;
  return html`<div class="card status-scroll" tabindex="0" role="region" aria-label="Models at Cohere"><table class="table">
    <thead><tr><th scope="col">At Cohere</th><th scope="col" class="number">Dimensions</th><th scope="col" class="number">Text limit</th><th scope="col">Note</th></tr></thead>
    <tbody>${models.map((model) => html`<tr key=${model.id}><td>${model.id}</td><td class="number">${grouped(model.dims)}</td>
      <td class="number">${model.limits?.tokens ? `${grouped(model.limits.tokens)} tokens` : ""}</td><td class="soft">${model.description ?? ""}</td></tr>`)}</tbody>
  </table></div>`;
}

export function Models({ models }) {
  const local = models.filter((model) => model.architecture !== "cohere");
  return html`<section class="stack" aria-labelledby="status-models">
    <h2 id="status-models">Models</h2>
    <ul class="model-cards">${local.map((model) => html`<${Card} key=${model.id} model=${model} />`)}</ul>
    <${Remote} models=${models.filter((model) => model.architecture === "cohere")} />
  </section>`;
}

/** What stands in their place until they are known. */
export function ModelsWaiting() {
  return html`<ul class="model-cards" aria-label="Models, loading">
    ${[1, 2].map((one) => html`<li key=${one} class="card model-card model-waiting"><span class="skeleton"></span><span class="skeleton"></span><span class="skeleton"></span></li>`)}
  </ul>`;
}
