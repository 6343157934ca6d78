// Deleting documents, and putting them back as they were.
import { bulk, elasticsearch } from "../server/elasticsearch.js";
import { innermostReason } from "../server/request.js";

const part = encodeURIComponent;

/** The whole document, with its vectors and its version. Throws a RequestError with status 404 if it is gone. */
async function wholeDocument({ index, id }, options) {
  const { data } = await elasticsearch(`${part(index)}/_doc/${part(id)}?_source_exclude_vectors=false`, options);
  return data;
}

/** Why an item of a bulk failed, or undefined. */
function failureOf(item) {
  const { error, status } = Object.values(item)[0];
  if (status === 409) return "there is a new document with this id";
  return error && (innermostReason(error) || `status ${status}`);
}

/**
 * Deletes documents ({index, id}) in the version that is kept for undo. Gives {removed: [whole documents], gone: those that were
 * not there any more}. Throws if one of them cannot be deleted; what was deleted until then is in error.removed.
 */
export async function removeDocuments(documents) {
  const removed = [];
  const gone = [];
  for (const document of documents) {
    try {
      const whole = await wholeDocument(document);
      const version = `if_seq_no=${whole._seq_no}&if_primary_term=${whole._primary_term}`;
      await elasticsearch(`${part(document.index)}/_doc/${part(document.id)}?${version}&refresh=true`, { method: "DELETE" });
      removed.push(whole);
    } catch (error) {
      if (error.status === 404) { gone.push(document); continue; }
      throw Object.assign(error.status === 409 ? new Error(`It was changed in ${document.index} at the same time. Check it again first.`) : error, { removed });
    }
  }
  return { removed, gone };
}

/** Indexes removed documents again as they were, vectors too, without a pipeline. Throws with the first reason. */
export async function restoreDocuments(removed) {
  for (const { _index, _id, _source } of removed) {
    const { data } = await bulk([{ create: { _index, _id, pipeline: "_none" } }, _source], { refresh: "true" });
    const failure = data.items.map(failureOf).find(Boolean);
    if (failure) throw new Error(`${_index}: ${failure}`);
  }
}

/** Those of `indices` that hold a document with this id. */
export async function indicesHolding(id, indices, options) {
  if (indices.length === 0) return [];
  const body = { size: indices.length, _source: false, query: { ids: { values: [id] } } };
  const { data } = await elasticsearch(`${indices.map(part).join(",")}/_search`, { ...options, method: "POST", body });
  const holding = data.hits.hits.map((hit) => hit._index);
  return indices.filter((index) => holding.includes(index));
}
