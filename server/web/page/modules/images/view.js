// The view "All images": every picture of an index, to look at, to filter, to add to.
import { html, useEffect, useMemo, useReducer, useState } from "/page/vendored/preact-htm.js";
import { FacetChips, Facets, filterClauses } from "../filters/facets.js";
import { Button } from "../parts/button.js";
import { Dialog } from "../parts/dialog.js";
import { Empty, Failure } from "../parts/message.js";
import { grouped } from "../parts/numbers.js";
import { useInstallation } from "../shell/installation.js";
import { AddArea, AddButton, AddProgress } from "./add.js";
import { Detail } from "./detail.js";
import { Grid, GridSkeleton } from "./grid.js";
import { Listing } from "./listing.js";
import { closeDocument, isOpen, openDocument, openedDocument } from "./opened.js";
import { nameClauses, sortsOf } from "./query.js";
import { useKeptScroll } from "./scroll.js";
import { galleriesOf, readState, showState } from "./state.js";
import { Toolbar } from "./toolbar.js";

const pictures = (count) => `${grouped(count)} ${count === 1 ? "picture" : "pictures"}`;

/** A number that changes when the list's documents may have changed, and a function that looks anew. */
function useRevision(listing) {
  const [revision, setRevision] = useState(0);
  const refresh = () => {
    setRevision((now) => now + 1);
    listing.reload();
  };
  useEffect(() => {
    const follow = ({ detail }) => { if (detail.indices.includes(listing.collection.index)) refresh(); };
    addEventListener("sightline:documents", follow);
    return () => removeEventListener("sightline:documents", follow);
  }, [listing]);
  return { revision, refresh };
}

/** The Listing of a state; its `key` names the list. */
function useListing({ collection, words, sort, values }) {
  const [, draw] = useReducer((count) => count + 1, 0);
  const clauses = [...nameClauses(collection, words), ...filterClauses(values, collection.fields)];
  const key = JSON.stringify([collection.id, clauses, sort]);
  const listing = useMemo(() => new Listing(collection, { clauses, sort }, () => draw()), [key]);
  useEffect(() => {
    listing.start();
    return () => listing.close();
  }, [listing]);
  return { listing, key };
}

/** The picture that is open, with the steps to its neighbours in the list. */
function OpenPicture({ document, listing, collection, onActive }) {
  const inList = document.index === collection.index;
  const at = inList ? listing.placeOf(document.id) : -1;
  const step = (by) => async () => {
    const hit = await listing.fetch(at + by);
    if (!hit || !isOpen(document)) return; // closed, or a step further, meanwhile
    onActive(at + by);
    openDocument({ index: collection.index, id: hit.id }, { replace: true });
  };
  const known = at >= 0;
  return html`<${Detail} document=${document} onClose=${closeDocument} position=${known ? `${grouped(at + 1)} of ${grouped(listing.total)}` : undefined}
    onPrevious=${known && at > 0 ? step(-1) : undefined} onNext=${known && at + 1 < listing.total ? step(1) : undefined} />`;
}

function Nothing({ state, onChange }) {
  const narrowed = state.words.trim() !== "" || Object.keys(state.values).length > 0;
  if (narrowed) {
    return html`<${Empty} icon="search" title="No matching pictures"><p>No document of ${state.collection.index} has this name and these values.</p>
      <${Button} onClick=${() => onChange({ words: "", values: {} })}>Show all<//><//>`;
  }
  return html`<${Empty} title=${`${state.collection.index} is empty`}>
    <p>Drop pictures or a folder here, or add them with the button. sightline-ingest loads large collections faster:</p>
    <pre class="code-block" tabindex="0">sightline-ingest FOLDER --index ${state.collection.index}</pre>
    <${AddButton} main />
  <//>`;
}

function Content({ listing, state, onChange, active, onActive }) {
  if (listing.error && listing.total === undefined) {
    return html`<${Failure} title=${`The pictures of ${state.collection.index} cannot be listed`} error=${listing.error}>
      <div class="row"><${Button} icon="refresh" onClick=${() => listing.reload()}>Try again<//></div><//>`;
  }
  if (listing.total === undefined) return html`<${GridSkeleton} />`;
  if (listing.total === 0) return html`<${Nothing} state=${state} onChange=${onChange} />`;
  const open = (at, document) => {
    onActive(at);
    openDocument(document);
  };
  return html`${listing.error && html`<div class="gallery-failure"><${Failure} title="Some pictures are missing" error=${listing.error}>
      <div class="row"><${Button} icon="refresh" onClick=${() => listing.reload()}>Try again<//></div><//></div>`}
    <${Grid} listing=${listing} collection=${state.collection} active=${active} onActive=${onActive} onOpen=${open} label=${`Pictures of ${state.collection.index}`} />`;
}

function Gallery({ parameters, galleries }) {
  const state = readState(parameters, galleries);
  const { collection, values } = state;
  const { listing, key } = useListing(state);
  const { revision, refresh } = useRevision(listing);
  const [active, setActive] = useState(0);
  const [drawer, setDrawer] = useState(false);
  useEffect(() => setActive(0), [key]);
  useKeptScroll(key, listing.total !== undefined);
  const change = (members) => {
    const next = { ...state, ...members };
    const sort = next.sort.field === undefined ? { field: sortsOf(next.collection)[0].field, order: "asc" } : next.sort;
    showState({ ...next, sort }, galleries);
  };
  const open = openedDocument(parameters);
  const facets = html`<${Facets} key=${collection.id} collection=${collection} values=${values} onChange=${(next) => change({ values: next })}
    clauses=${nameClauses(collection, state.words)} revision=${revision} chips=${drawer} />`;
  return html`<${AddArea}>
    <div class="gallery-head">
      <h1>All images</h1>
      <p class="soft number" role="status">${listing.total === undefined ? " " : pictures(listing.total)}</p>
      <div class="row gallery-head-tools">
        <${Button} plain icon="refresh" label="Refresh" onClick=${refresh} />
        <${AddButton} />
      </div>
    </div>
    <${AddProgress} />
    <${Toolbar} state=${state} galleries=${galleries} onChange=${change} onFilters=${() => setDrawer(true)} />
    <div class="gallery-layout">
      <aside class="gallery-side" aria-label="Filters">${!drawer && facets}</aside>
      <div class="gallery-main">
        <${FacetChips} values=${values} onChange=${(next) => change({ values: next })} />
        <${Content} listing=${listing} state=${state} onChange=${change} active=${active} onActive=${setActive} />
      </div>
    </div>
    ${drawer && html`<${Dialog} title="Filters" narrow class="drawer" onClose=${() => setDrawer(false)}>${facets}
      <div class="drawer-foot"><${Button} main onClick=${() => setDrawer(false)}>${listing.total === undefined ? "Show" : `Show ${pictures(listing.total)}`}<//></div><//>`}
    ${open && html`<${OpenPicture} document=${open} listing=${listing} collection=${collection} onActive=${setActive} />`}
  <//>`;
}

function Loading() {
  return html`<div class="gallery-head"><h1>All images</h1></div><div class="gallery-tools"><span class="skeleton gallery-tools-skeleton"></span></div>
    <div class="gallery-layout"><aside class="gallery-side"></aside><div class="gallery-main"><${GridSkeleton} /></div></div>`;
}

/** No index with vectors. */
function NoGallery({ reload }) {
  return html`<${Empty} title="No index of pictures yet">
    <p>An index of pictures has a field for vectors. These commands create the indices and load a folder:</p>
    <pre class="code-block" tabindex="0">scripts/register_endpoints.sh --models clip,jina-clip${"\n"}sightline-ingest FOLDER --index clip-images</pre>
    <div><${Button} icon="refresh" onClick=${reload}>Refresh<//></div>
  <//>`;
}

export default function View({ parameters }) {
  const installation = useInstallation();
  if (installation.state === "loading") return html`<${Loading} />`;
  const galleries = galleriesOf(installation.collections);
  if (galleries.length === 0) return html`<div class="gallery-head"><h1>All images</h1></div><${NoGallery} reload=${installation.reload} />`;
  return html`<${Gallery} parameters=${parameters} galleries=${galleries} />`;
}
