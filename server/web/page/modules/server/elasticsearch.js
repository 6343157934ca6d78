// Elasticsearch's API, by the same-origin route.
import { request } from "./request.js";

const part = encodeURIComponent;

/** request() for a path of Elasticsearch, "clip-images/_search". */
export function elasticsearch(path, options) {
  return request("/elasticsearch/" + path, options);
}

/** POST INDEX/_search. Gives {data, milliseconds}. optional: an index that is not there has no hits, instead of being an error. */
export function search(index, body, { optional, ...options } = {}) {
  return elasticsearch(`${part(index)}/_search${optional ? "?ignore_unavailable=true" : ""}`, { ...options, method: "POST", body });
}

/** POST _bulk; `lines` are objects, one a line. */
export function bulk(lines, { refresh, ...options } = {}) {
  const body = lines.map((line) => JSON.stringify(line) + "\n").join("");
  const query = refresh ? "?refresh=" + part(refresh) : "";
  return elasticsearch("_bulk" + query, { ...options, method: "POST", body, contentType: "application/x-ndjson" });
}

/** The vectors of `inputs` (texts or data URLs) by an endpoint: {vectors, milliseconds}. */
export async function embed(endpoint, inputs, options = {}) {
  const { data, milliseconds } = await elasticsearch(`_inference/text_embedding/${part(endpoint)}`, {
    ...options, method: "POST", body: { input: inputs },
  });
  const answers = data.text_embedding ?? data.embeddings ?? data.text_embedding_bytes ?? [];
  return { vectors: answers.map((answer) => answer.embedding), milliseconds };
}

/** The document, without vectors; `source` is what to show of it (a list of fields, or undefined for all). */
export async function getDocument(index, id, { source, excludes, ...options } = {}) {
  const parameters = new URLSearchParams();
  if (source) parameters.set("_source_includes", source.join(","));
  if (excludes) parameters.set("_source_excludes", excludes.join(","));
  const query = parameters.toString();
  const { data } = await elasticsearch(`${part(index)}/_doc/${part(id)}${query ? "?" + query : ""}`, options);
  return data;
}

/** The stored vector of a document, as a list of numbers; undefined if it has none. */
export async function storedVector(index, id, field, options = {}) {
  const { data } = await search(index, { size: 1, query: { ids: { values: [id] } }, _source: false, fields: [field] }, options);
  const values = data.hits.hits[0]?.fields?.[field];
  return Array.isArray(values?.[0]) ? values[0] : values;
}
