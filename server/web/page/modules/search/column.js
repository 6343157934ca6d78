// One model's column: it searches by itself, and fails alone.
import { html, useEffect, useRef, useState } from "/page/vendored/preact-htm.js";
import { Button } from "../parts/button.js";
import { Failure, Message } from "../parts/message.js";
import { timeOf } from "../parts/numbers.js";
import { placeOf } from "../server/collections.js";
import { Hit } from "./hit.js";
import { RequestDialog } from "./request_dialog.js";
import { searchCollection } from "./run.js";
import { thresholdOf } from "./settings.js";

/** What a failure means here, beyond the server's own words. */
function advice(collection, state, error) {
  if (state.mode === "rrf" && /rrf/.test(error.message)) return "Fusion by rank is not available: choose “Vectors and text, added” in the settings.";
  if (collection.model === "cohere" && (error.status === 401 || /key|401|unauthorized/i.test(error.message))) {
    return "Cohere: no valid key is set. Put COHERE_API_KEY into .env, then run scripts/register_endpoints.sh --models cohere.";
  }
  if (error.status === 429) return "The server is busy: try again in a moment.";
  return "";
}

/** {state: "idle" | "loading" | "done" | "failed", result, error, embedded (ms)} of a search that begins anew with `key`. */
function useColumnSearch(collection, state, filters, key, attempt) {
  const [column, setColumn] = useState({ state: "idle" });
  useEffect(() => {
    if (!key) { setColumn({ state: "idle" }); return undefined; }
    const abort = new AbortController();
    setColumn((before) => ({ state: "loading", result: before.result, key }));
    searchCollection(collection, state, {
      signal: abort.signal, filters,
      onEmbedded: (embedded) => setColumn((before) => ({ ...before, embedded })),
    }).then(
      (result) => { if (!abort.signal.aborted) setColumn({ state: "done", result, key }); },
      (error) => { if (!abort.signal.aborted) setColumn({ state: "failed", error, key }); },
    );
    return () => abort.abort();
  }, [collection.id, collection.searchEndpoint, collection.pictureEndpoint, key, attempt]);
  return column;
}

function Times({ column }) {
  const times = column.result?.milliseconds;
  if (column.state === "loading") {
    return html`<span class="row"><span class="spinner" aria-hidden="true"></span>${column.embedded === undefined ? "embedding" : `embedding ${timeOf(column.embedded)} · searching`}</span>`;
  }
  if (column.state !== "done") return html`<span> </span>`;
  return html`<span class="number" title=${`Elasticsearch itself took ${times.took} ms`}>embedding ${timeOf(times.embedding)} · search ${timeOf(times.search)}</span>`;
}

function Hits({ column, collection, state, threshold, marks, pointed, onPoint, onOpen }) {
  const { hits } = column.result;
  const shown = state.hide ? hits.filter((hit) => hit.cosine === undefined || hit.cosine >= threshold) : hits;
  const hidden = hits.length - shown.length;
  return html`
    <ol class=${`hits ${column.state === "loading" ? "is-stale" : ""}`}>
      ${shown.map((hit) => html`<${Hit} key=${hit.id} hit=${hit} collection=${collection} state=${state} mark=${marks.get(hit)}
        lit=${pointed !== undefined && marks.get(hit)?.key === pointed} onPoint=${onPoint} onOpen=${() => onOpen(hit)} />`)}
    </ol>
    ${hits.length === 0 && html`<${Message} title="No hits"><p>No document of ${collection.index} has a vector in ${collection.field} and fits the filters. Add pictures on “All images”, or remove filters.</p><//>`}
    ${hidden > 0 && html`<p class="small faint hits-hidden">${hidden} of ${hits.length} hidden: cosine below ${threshold.toFixed(2)}.</p>`}
  `;
}

/** Placeholders of the size that hits will have. */
function Waiting({ count }) {
  return html`<ol class="hits" aria-hidden="true">${Array.from({ length: count }, (_, i) => html`<li class="hit" key=${i}>
    <span class="picture skeleton"></span><div class="hit-line"><span class="skeleton skeleton-text"></span></div><div class="hit-line"><span class="skeleton skeleton-text"></span></div><div class="hit-bar"></div></li>`)}</ol>`;
}

/**
 * key: changes with whatever should search anew, "" for nothing to search. onResult(hits or undefined) tells the view,
 * which finds the same pictures in other columns (marks).
 */
export function Column({ collection, state, filters, searchKey, thresholds, marks, pointed, onPoint, onOpen, onResult, place }) {
  const [attempt, setAttempt] = useState(0);
  const [request, setRequest] = useState(false);
  useEffect(() => setRequest(false), [searchKey]); // it was another search's
  const column = useColumnSearch(collection, state, filters, searchKey, attempt);
  const tell = useRef(onResult);
  tell.current = onResult;
  useEffect(() => () => tell.current(collection.id, undefined), [collection.id]); // a column that is gone has no hits
  useEffect(() => tell.current(collection.id, column.state === "done" ? column.result.hits : undefined), [column.state, column.result]);
  const failure = column.state === "failed" && advice(collection, state, column.error);
  return html`<section class="column" data-column=${collection.model ?? collection.id} data-state=${column.state} aria-label=${`${collection.title}${collection.ambiguous ? `, ${placeOf(collection)}` : ""}: hits`} aria-busy=${column.state === "loading"}>
    <header class="column-head">
      <div class="row spread">
        <h2><span class=${`column-dot series-${(place % 5) + 1}`} aria-hidden="true"></span>${collection.title}${collection.ambiguous && html` <small class="cut faint">${placeOf(collection)}</small>`}${collection.demo && html` <span class="tag tag-demo" title="A small demo model, trained only on drawings. On photos its hits are random.">demo model</span>`}</h2>
        <${Button} plain small icon="code" label=${`Request of ${collection.title}`} disabled=${!column.result} onClick=${() => setRequest(true)} />
      </div>
      <div class="column-times small faint"><${Times} column=${column} /></div>
    </header>
    ${column.state === "failed" && html`<${Failure} title=${`${collection.title} did not answer`} error=${column.error}>
      ${failure && html`<p>${failure}</p>`}<div><${Button} small icon="refresh" onClick=${() => setAttempt(attempt + 1)}>Try again<//></div><//>`}
    ${column.state === "loading" && !column.result && html`<${Waiting} count=${state.size} />`}
    ${column.result && column.state !== "failed" && html`<${Hits} ...${{ column, collection, state, marks, pointed, onPoint, onOpen }} threshold=${thresholdOf(collection, state, thresholds)} />`}
    ${request && column.result && html`<${RequestDialog} collection=${collection} state=${state} filters=${filters} vector=${column.result.vector} onClose=${() => setRequest(false)} />`}
  </section>`;
}
