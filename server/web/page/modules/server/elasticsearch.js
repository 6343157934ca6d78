// Elasticsearch's API, by the same-origin route.
import { errorOf, exchange, request } from "./request.js";

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
export function bulk(lines, options) {
  const body = lines.map((line) => JSON.stringify(line) + "\n").join("");
  return elasticsearch("_bulk", { ...options, method: "POST", body, contentType: "application/x-ndjson" });
}

/** The vectors of `inputs` (texts or data URLs) by an endpoint: {vectors, milliseconds}. */
export async function embed(endpoint, inputs, options = {}) {
  const { data, milliseconds } = await elasticsearch(`_inference/text_embedding/${part(endpoint)}`, {
    ...options, method: "POST", body: { input: inputs },
  });
  const answers = data.text_embedding ?? data.embeddings ?? data.text_embedding_bytes ?? [];
  return { vectors: answers.map((answer) => answer.embedding), milliseconds };
}

/** The document, without vectors; `source` is what to show of it (a list of fields, or undefined for all). Numbers as of `exact`. */
export async function getDocument(index, id, { source, excludes, ...options } = {}) {
  const parameters = new URLSearchParams();
  if (source) parameters.set("_source_includes", source.join(","));
  if (excludes) parameters.set("_source_excludes", excludes.join(","));
  const query = parameters.toString();
  const { data } = await elasticsearch(`${part(index)}/_doc/${part(id)}${query ? "?" + query : ""}`, { ...options, exact: true });
  return data;
}

/** The source of a document with its vectors, as the text that is stored. Throws RequestError. */
export async function sourceText(index, id, { routing, ...options } = {}) {
  const ask = async (parameters) => {
    if (routing) parameters.set("routing", routing);
    const path = `/elasticsearch/${part(index)}/_source/${part(id)}?${parameters}`;
    const { ok, status, text } = await exchange(path, options);
    if (!ok) throw errorOf(status, path, text);
    return text;
  };
  try {
    return await ask(new URLSearchParams({ _source_exclude_vectors: "false" }));
  } catch (error) {
    // Elasticsearch before 9.2 has no such parameter, and leaves no vectors out.
    if (error.status !== 400 || !error.message.includes("_source_exclude_vectors")) throw error;
    return ask(new URLSearchParams());
  }
}

/** The stored vector of a document, as a list of numbers; undefined if it has none. */
export async function storedVector(index, id, field, options = {}) {
  const { data } = await search(index, { size: 1, query: { ids: { values: [id] } }, _source: false, fields: [field] }, options);
  const values = data.hits.hits[0]?.fields?.[field];
  return Array.isArray(values?.[0]) ? values[0] : values;
}
