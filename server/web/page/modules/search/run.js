// A search in one collection.
import { heavyFields, textFields } from "../server/collections.js";
import { search } from "../server/elasticsearch.js";
import { queryVector } from "./query_vector.js";
import { cosine, cosineOfScore } from "./vectors.js";

/** True if a hit's score adds that of its text, or its rank among texts, to that of its vector. */
export function isFused(collection, { words, mode }) {
  return Boolean(words?.trim()) && mode !== "vectors" && textFields(collection).length > 0;
}

function wordsQuery(collection, words, boost, filters) {
  const match = { multi_match: { query: words, fields: textFields(collection), ...(boost === 1 ? {} : { boost }) } };
  return filters.length > 0 ? { bool: { must: [match], filter: filters } } : match;
}

/**
 * The body of the search. `vector` is {query_vector: [...]} or {query_vector_builder: {...}}: the page sends the first,
 * and shows the second where one request does both.
 */
export function searchBody(collection, state, vector, filters = []) {
  const words = state.words.trim();
  const knn = {
    field: collection.field, ...vector, k: state.k, num_candidates: state.candidates,
    ...(filters.length > 0 ? { filter: filters } : {}),
  };
  const shown = { size: state.size, _source: { excludes: heavyFields(collection) }, seq_no_primary_term: true };
  if (!isFused(collection, state)) return { knn: { ...knn, boost: state.boost }, ...shown };
  // The cosine is not in a fused score: the hits' vectors tell it.
  const fields = [collection.field];
  if (state.mode === "weighted") {
    return { query: wordsQuery(collection, words, state.weight, filters), knn: { ...knn, boost: state.boost }, fields, ...shown };
  }
  const standard = { standard: { query: wordsQuery(collection, words, 1, filters) } };
  return { retriever: { rrf: { retrievers: [standard, { knn }], rank_window_size: Math.max(state.size, state.k) } }, fields, ...shown };
}

/** The cosine of a hit and the query; undefined where there is none: a fused search also finds documents without a vector, by their text. */
function cosineOf(hit, collection, state, vector) {
  const values = hit.fields?.[collection.field];
  if (values && vector) return cosine(vector, Array.isArray(values[0]) ? values[0] : values);
  if (isFused(collection, state)) return undefined;
  return cosineOfScore(hit._score, collection.similarity, state.boost);
}

/** A hit as the page shows it. */
function hitOf(hit, i, collection, state, vector) {
  const name = collection.nameField && hit._source?.[collection.nameField];
  return {
    index: hit._index, id: hit._id, version: `${hit._seq_no}-${hit._primary_term}`, rank: i + 1, score: hit._score,
    cosine: cosineOf(hit, collection, state, vector),
    name: typeof name === "string" && name ? name : hit._id,
    source: hit._source ?? {},
    field: collection.pictureField,
  };
}

/**
 * Embeds the query and searches: {hits, total, milliseconds: {embedding, search, took}, vector}.
 * state: as search/state.js reads it, with `picture` as takePicture gives it. options: {signal, filters, onEmbedded}.
 * Errors: RequestError.
 */
export async function searchCollection(collection, state, { signal, filters = [], onEmbedded } = {}) {
  const options = { signal };
  const embedded = await queryVector(collection, state, options);
  const body = searchBody(collection, state, { query_vector: embedded.vector }, filters);
  const searching = search(collection.index, body, { ...options, exact: true });
  onEmbedded?.(embedded.milliseconds); // once the search is on its way: showing it takes time
  const { data, milliseconds } = await searching;
  return {
    hits: data.hits.hits.map((hit, i) => hitOf(hit, i, collection, state, embedded.vector)),
    total: data.hits.total?.value,
    milliseconds: { embedding: embedded.milliseconds, search: milliseconds, took: data.took },
    vector: embedded.vector,
  };
}
