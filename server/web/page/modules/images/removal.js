// Deleting documents, and putting them back as they were.
import { elasticsearch, sourceText } from "../server/elasticsearch.js";

const part = encodeURIComponent;

/** The path of a document, with parameters and its routing. */
function pathOf({ _index, _id, _routing }, api, parameters) {
  const all = new URLSearchParams({ ...parameters, ...(_routing === undefined ? {} : { routing: _routing }) });
  return `${part(_index)}/${api}/${part(_id)}?${all}`;
}

/**
 * A document as GET _doc answers, with its version, and with the text of its source: JSON that was read and written again would
 * change numbers. Throws an Error; of status 404 if the document is not there.
 */
async function wholeDocument({ index, id }) {
  // The version comes first: if the document changes before its source is read, it is not deleted.
  const { data } = await elasticsearch(`${part(index)}/_doc/${part(id)}?_source=false`);
  const text = await sourceText(data._index, data._id, { routing: data._routing }).catch((error) => {
    // An index may store no sources: nothing could be put back.
    throw error.status === 404 ? new Error(`The document cannot be read from ${index}. ${error.message}`) : error;
  });
  return { ...data, text };
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
      const version = { if_seq_no: whole._seq_no, if_primary_term: whole._primary_term };
      await elasticsearch(pathOf(whole, "_doc", { ...version, refresh: "true" }), { method: "DELETE" });
      removed.push(whole);
    } catch (error) {
      if (error.status === 404) { gone.push(document); continue; }
      throw Object.assign(error.status === 409 ? new Error(`It was changed in ${document.index} at the same time. Check it again first.`) : error, { removed });
    }
  }
  return { removed, gone };
}

/**
 * Indexes removed documents again as they were, vectors too, without a pipeline. Gives {left: those that could not be put back,
 * reason: of the first of them}.
 */
export async function restoreDocuments(removed) {
  const left = [];
  let reason;
  for (const document of removed) {
    try {
      await elasticsearch(pathOf(document, "_create", { pipeline: "_none", refresh: "true" }), { method: "PUT", body: document.text });
    } catch (error) {
      left.push(document);
      reason ??= `${document._index}: ${error.status === 409 ? "there is a new document with this id" : error.message}`;
    }
  }
  return { left, reason };
}

/** Those of `indices` that hold a document with this id. */
export async function indicesHolding(id, indices, options) {
  if (indices.length === 0) return [];
  const body = { size: indices.length, _source: false, query: { ids: { values: [id] } } };
  const { data } = await elasticsearch(`${indices.map(part).join(",")}/_search`, { ...options, method: "POST", body });
  const holding = data.hits.hits.map((hit) => hit._index);
  return indices.filter((index) => holding.includes(index));
}
