// What each model finds nearest to a picture, by the vector that its index has stored.
import { html, useEffect, useState } from "/page/vendored/preact-htm.js";
import { Failure } from "../parts/message.js";
import { Picture } from "../pictures/picture.js";
import { cosineOfScore } from "../search/vectors.js";
import { search } from "../server/elasticsearch.js";
import { hasOtherPictures, placeOf, standardCollections } from "../server/collections.js";
import { useInstallation } from "../shell/installation.js";
import { openDocument, openLink } from "./opened.js";
import { nameOf, versionOf, wholeNameField } from "./query.js";

const k_nearest = 6;

/** One collection for each model that has vectors of such pictures, those of the picture's own index first. */
function columnsFor({ index, field }, all) {
  const collections = all.filter((one) => !hasOtherPictures(one, { field }));
  const own = collections.filter((one) => one.index === index);
  const rest = collections.filter((one) => one.index !== index);
  const chosen = standardCollections([...own, ...rest]);
  return collections.filter((one) => chosen.includes(one) || (one.index === index && !one.model));
}

/** The same picture in a collection's index: the same _id, else the same name. {id, vector}, or undefined. */
async function findThere(collection, document, name, options) {
  const find = async (query) => {
    const body = { size: 1, query, _source: false, fields: [collection.field] };
    const hit = (await search(collection.index, body, options)).data.hits.hits[0];
    const values = hit?.fields?.[collection.field];
    return hit && { id: hit._id, vector: Array.isArray(values?.[0]) ? values[0] : values };
  };
  const same = await find({ ids: { values: [document.id] } });
  if (same || document.index === collection.index || !name) return same;
  const keyword = wholeNameField(collection);
  return keyword && find({ term: { [keyword]: { value: name } } });
}

async function nearest(collection, { id, vector }, options) {
  const body = {
    size: k_nearest, seq_no_primary_term: true, _source: collection.nameField ? [collection.nameField] : false,
    knn: {
      field: collection.field, query_vector: vector, k: k_nearest, num_candidates: 100,
      filter: { bool: { must_not: { ids: { values: [id] } } } },
    },
  };
  const { data } = await search(collection.index, body, options);
  return data.hits.hits.map((hit) => ({
    id: hit._id, name: nameOf(hit, collection), version: versionOf(hit), score: hit._score, cosine: cosineOfScore(hit._score, collection.similarity),
  }));
}

/** {hits} | {absent: why} | {error} of one collection; {} while it is asked. */
function useNearest(collection, document, name) {
  const [state, setState] = useState({});
  const asked = `${collection.id} ${document.index}/${document.id}`;
  useEffect(() => {
    const abort = new AbortController();
    const options = { signal: abort.signal };
    const look = async () => {
      const there = await findThere(collection, document, name, options);
      if (!there) return { absent: `${collection.index} does not have this picture.` };
      if (!there.vector) return { absent: "This picture has no vector here yet." };
      return { hits: await nearest(collection, there, options) };
    };
    look().catch((error) => ({ error })).then((found) => { if (!abort.signal.aborted) setState({ asked, ...found }); });
    return () => abort.abort();
  }, [asked, name]);
  return state.asked === asked ? state : {};
}

function Neighbour({ collection, hit }) {
  const document = { index: collection.index, id: hit.id, field: collection.pictureField, version: hit.version };
  const open = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    openDocument(document, { replace: true });
  };
  return html`<li><a class="neighbour" href=${openLink(document)} onClick=${open} title=${hit.name}>
    <${Picture} document=${document} size=${160} alt=${hit.name} />
    <span class="neighbour-score number">${hit.score.toFixed(4)}</span>
    ${hit.cosine !== undefined && html`<span class="neighbour-cosine number">cosine ${hit.cosine.toFixed(3)}</span>`}
  </a></li>`;
}

function Row({ collection, document, name }) {
  const { hits, absent, error } = useNearest(collection, document, name);
  return html`<div class="neighbour-row">
    <h4>${collection.title} <span class="faint small">${collection.ambiguous ? `${placeOf(collection)}, ` : ""}${collection.description}</span> ${collection.demo && html`<span class="tag tag-demo">demo model</span>`}</h4>
    ${error && html`<${Failure} error=${error} />`}
    ${absent && html`<p class="small soft">${absent}</p>`}
    ${hits?.length === 0 && html`<p class="small soft">There is no other picture in ${collection.index}.</p>`}
    ${!error && !absent && hits?.length !== 0 && html`<ul class="neighbours" aria-label=${`Nearest by ${collection.title}`} aria-busy=${!hits}>
      ${hits
        ? hits.map((hit) => html`<${Neighbour} key=${hit.id} collection=${collection} hit=${hit} />`)
        : Array.from({ length: k_nearest }, (_, at) => html`<li key=${at}><span class="neighbour"><span class="picture skeleton"></span><span class="neighbour-score"> </span><span class="neighbour-cosine"> </span></span></li>`)}
    </ul>`}
  </div>`;
}

/** The nearest pictures in each model. `name` is what the document's name field holds. */
export function Neighbours({ document, name }) {
  const { collections } = useInstallation();
  const columns = columnsFor(document, collections);
  if (columns.length === 0) return null;
  return html`<section class="detail-section" aria-label="Nearest pictures"><h3>Nearest pictures</h3>
    ${columns.map((collection) => html`<${Row} key=${collection.id} collection=${collection} document=${document} name=${name} />`)}
  </section>`;
}
