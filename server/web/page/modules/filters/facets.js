// Facets: the fields of an index with their values and counts, to narrow what is shown.
import { html, useEffect, useId, useLayoutEffect, useRef, useState } from "/page/vendored/preact-htm.js";
import { Button } from "../parts/button.js";
import { Icon } from "../parts/icon.js";
import { Failure } from "../parts/message.js";
import { grouped } from "../parts/numbers.js";
import { loadStyles } from "../parts/stylesheet.js";
import { loadFacets } from "./counts.js";
import { countOf, labelOf, withValue } from "./values.js";

export { facetState, facetValuesOf, filterClauses } from "./values.js";

await loadStyles("filters");

const k_short = 10; // values of a facet before "more"
const k_open = 5; // facets that are open at first

const dayOf = (milliseconds) => new Date(milliseconds).toISOString().slice(0, 10);
const shortOf = (text) => (text.length > 60 ? text.slice(0, 59) + "…" : text);

function rangeText({ min, max }) {
  if (min !== undefined && max !== undefined) return `${min} to ${max}`;
  return min !== undefined ? `from ${min}` : `up to ${max}`;
}

/** Each choice as a chip that takes it back. */
export function FacetChips({ values, onChange }) {
  const chips = Object.entries(values).flatMap(([field, value]) =>
    Array.isArray(value)
      ? value.map((one) => ({ field, text: one, without: value.filter((other) => other !== one) }))
      : [{ field, text: rangeText(value), without: undefined }]);
  if (chips.length === 0) return null;
  return html`<div class="facet-chips" role="group" aria-label="Active filters">
    ${chips.map(({ field, text, without }) => html`<button type="button" class="chip facet-chip" key=${field + text}
        aria-label=${`Remove the filter ${labelOf(field)}: ${text}`} onClick=${() => onChange(withValue(values, field, without))}>
      <span class="soft">${labelOf(field)}</span><span class="cut">${shortOf(text)}</span><${Icon} name="close" />
    </button>`)}
    ${countOf(values) > 1 && html`<${Button} plain small onClick=${() => onChange({})}>Clear all<//>`}
  </div>`;
}

function TermsFacet({ facet, chosen = [], onChange }) {
  const [all, setAll] = useState(false);
  const known = new Set(facet.buckets.map((bucket) => bucket.value));
  const lost = chosen.filter((value) => !known.has(value)).map((value) => ({ value, count: 0 }));
  const buckets = [...lost, ...facet.buckets];
  const shown = all ? buckets : buckets.filter((bucket, at) => at < k_short || chosen.includes(bucket.value));
  const toggle = (value) => onChange(chosen.includes(value) ? chosen.filter((one) => one !== value) : [...chosen, value]);
  return html`<ul class="facet-values">
      ${shown.map(({ value, count }) => html`<li key=${value}><label class="facet-value">
        <input type="checkbox" checked=${chosen.includes(value)} onChange=${() => toggle(value)} />
        <span class="cut" title=${value}>${value === "" ? "(empty)" : shortOf(value)}</span>
        <span class="facet-count number">${grouped(count)}</span>
      </label></li>`)}
    </ul>
    ${buckets.length === 0 && html`<p class="small faint">No values under these filters</p>`}
    ${buckets.length > shown.length && html`<${Button} plain small onClick=${() => setAll(true)}>${`${buckets.length - shown.length} more`}<//>`}
    ${all && buckets.length > k_short && html`<${Button} plain small onClick=${() => setAll(false)}>Fewer<//>`}
    ${all && facet.others > 0 && html`<p class="small faint">${`The ${buckets.length} most frequent values are listed.`}</p>`}`;
}

/** One end of a range. What is typed stays until it is entered, also where the page is drawn anew meanwhile; `value`: what is in force. */
function Bound({ title, value, onValue, ...attributes }) {
  const input = useRef(null);
  useLayoutEffect(() => { input.current.value = value; }, [value]);
  const enter = ({ target }) => { if (target.validity.valid) onValue(target.value.trim()); };
  return html`<label class="field"><span>${title}</span><input class="input" ref=${input} onChange=${enter} ...${attributes} /></label>`;
}

function RangeFacet({ facet, chosen = {}, onChange }) {
  const date = facet.kind === "date";
  const { min, max } = facet.bounds;
  const text = (bound) => (bound === null || bound === undefined ? "" : date ? dayOf(bound) : String(Math.round(bound * 1000) / 1000));
  const attributes = date ? { type: "date", min: text(min), max: text(max) } : { type: "number", step: "any" };
  const bound = (side, title, hint) => html`<${Bound} title=${title} value=${chosen[side] ?? ""} placeholder=${text(hint)} ...${attributes}
    onValue=${(value) => onChange({ ...chosen, [side]: value === "" ? undefined : value })} />`;
  return html`<div class=${`facet-range ${date ? "facet-dates" : ""}`}>${bound("min", "From", min)}${bound("max", "To", max)}</div>
    <p class="small faint">${facet.count === 0 ? "No values under these filters" : `${text(facet.min)} to ${text(facet.max)}, ${grouped(facet.count)} documents`}</p>`;
}

function Facet({ facet, open, chosen, onChange }) {
  const Kind = facet.kind === "terms" ? TermsFacet : RangeFacet;
  const set = (value) => onChange(facet.path, value);
  return html`<details class="facet" open=${open}>
    <summary title=${facet.path}><span class="grow cut">${labelOf(facet.path)}</span>${chosen !== undefined && html`<span class="facet-mark">active</span>`}<${Icon} name="down" /></summary>
    <div class="facet-body" role="group" aria-label=${labelOf(facet.path)}><${Kind} facet=${facet} chosen=${chosen} onChange=${set} /></div>
  </details>`;
}

/** {facets, narrowable, error}: undefined until they are there. Those of the last choices stay, stale, until the new ones come. */
function useFacets(collection, values, clauses, revision) {
  const [state, setState] = useState({});
  const asked = JSON.stringify([collection.id, values, clauses, revision]);
  useEffect(() => {
    const abort = new AbortController();
    loadFacets(collection, values, clauses, { signal: abort.signal }).then(
      (found) => setState({ id: collection.id, asked, ...found }),
      (error) => { if (!abort.signal.aborted) setState({ id: collection.id, asked, error }); },
    );
    return () => abort.abort();
  }, [asked]);
  return state.id === collection.id ? { ...state, stale: state.asked !== asked } : {};
}

/**
 * The facets of a collection's index. values: see values.js; onChange(values). clauses: queries that narrow all counts;
 * revision: a number that changes when the index did; chips: false where the choices are shown elsewhere (FacetChips).
 */
export function Facets({ collection, values, onChange, clauses = [], revision = 0, chips = true }) {
  const { facets, narrowable, error, stale } = useFacets(collection, values, clauses, revision);
  const id = useId();
  const change = (field, value) => onChange(withValue(values, field, value));
  return html`<section class=${`facets ${stale ? "is-stale" : ""}`} aria-labelledby=${id} aria-busy=${stale || !facets}>
    <h2 class="facets-title" id=${id}>Filters</h2>
    ${chips && html`<${FacetChips} values=${values} onChange=${onChange} />`}
    ${error && html`<${Failure} title="The filters cannot be counted" error=${error} />`}
    ${!facets && !error && [0, 1, 2, 3].map((at) => html`<div class="skeleton facet-skeleton" key=${at}></div>`)}
    ${facets?.length === 0 && html`<p class="small soft">${narrowable ? "No documents match." : "This index has no fields to filter by. Load attributes with the pictures to get some."}</p>`}
    ${facets?.map((facet, at) => html`<${Facet} key=${facet.path} facet=${facet} open=${at < k_open || values[facet.path] !== undefined}
      chosen=${values[facet.path]} onChange=${change} />`)}
  </section>`;
}
