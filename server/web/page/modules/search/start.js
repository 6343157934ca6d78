// What the search view shows before there is a query.
import { html, useEffect, useState } from "/page/vendored/preact-htm.js";
import { Message } from "../parts/message.js";
import { grouped } from "../parts/numbers.js";
import { Picture } from "../pictures/picture.js";
import { search } from "../server/elasticsearch.js";
import { format } from "../shell/router.js";
import { likeLink } from "./state.js";

const k_drawings = ["a red house with a pool at night", "a blue house in the snow", "a kitchen with an island", "a living room with a plant", "a garden with a fountain"];
const k_photos = ["a modern kitchen with an island", "a bathroom with a free-standing bath", "a house with a pool", "a bright living room", "a garden in autumn"];

/** Some pictures of a collection, and how many there are: {hits, total} or {failed}. */
function useSamples(collection) {
  const [samples, setSamples] = useState({});
  useEffect(() => {
    if (!collection) return undefined;
    const abort = new AbortController();
    search(collection.index, { size: 12, track_total_hits: true, _source: [collection.nameField ?? "image_name"], seq_no_primary_term: true }, { signal: abort.signal }).then(
      ({ data }) => setSamples({ hits: data.hits.hits, total: data.hits.total.value }),
      (error) => { if (!abort.signal.aborted) setSamples({ failed: error }); },
    );
    return () => abort.abort();
  }, [collection?.id]);
  return samples;
}

function Examples({ words }) {
  return html`<ul class="examples" aria-label="Searches to try">${words.map((one) => html`<li key=${one}><a class="chip example" href=${format("search", { q: one })}>${one}</a></li>`)}</ul>`;
}

function Sample({ hit, collection }) {
  const document = { index: hit._index, id: hit._id, field: collection.pictureField, version: `${hit._seq_no}-${hit._primary_term}` };
  return html`<a href=${likeLink(document)} aria-label=${`More like ${hit._source?.[collection.nameField] ?? hit._id}`}><${Picture} document=${document} alt="" eager /></a>`;
}

export function Start({ collections }) {
  const first = collections[0];
  const { hits, total, failed } = useSamples(first);
  if (failed) return html`<${Message} kind="warn" title=${`The pictures of ${first.index} cannot be shown`}><p>${failed.message}</p><//>`;
  if (total === 0) {
    return html`<div class="empty"><h2>No pictures yet</h2>
      <p>${first.index} is empty. Drop pictures on <a href="#/images">All images</a>, or load a folder:</p>
      <pre class="code-block" tabindex="0">sightline-ingest FOLDER --index ${first.index}</pre></div>`;
  }
  return html`<div class="start">
    <${Examples} words=${collections.some((one) => one.demo) ? k_drawings : k_photos} />
    <div class="start-head"><h2>Or start from a picture</h2><a href="#/images">${total === undefined ? "All images" : `All ${grouped(total)} images`}</a></div>
    <ul class="start-pictures">${(hits ?? Array.from({ length: 12 }, () => undefined)).map((hit, i) => html`<li key=${hit?._id ?? i}>
      ${hit ? html`<${Sample} hit=${hit} collection=${first} />` : html`<span class="picture skeleton"></span>`}
    </li>`)}</ul>
  </div>`;
}
