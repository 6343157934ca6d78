// The vectors of texts and pictures, each asked for once while the page is open.
import { keptPicture } from "../../pictures/kept_pictures.js";
import { fetchPicture, pictureUrl } from "../../pictures/picture.js";
import { base64Of } from "../../pictures/take.js";
import { embed, search } from "../../server/elasticsearch.js";
import { embeddings } from "../../server/sightline.js";
import { identityOf } from "./sources.js";

const k_most = 4000;
const k_inputs = 100; // of one request
const book = new Map();

const entryOf = (source, kind, key) => `${identityOf(source)}\n${kind}\n${key}`;

/** The vector of a text or a picture's key, or undefined. kind: "text" or "picture". */
export const knownVector = (source, kind, key) => book.get(entryOf(source, kind, key));

function note(source, kind, key, vector) {
  book.set(entryOf(source, kind, key), vector);
  if (book.size > k_most) book.delete(book.keys().next().value);
}

async function embedTexts(source, texts, options) {
  const { vectors } = source.collection
    ? await embed(source.collection.searchEndpoint, texts, options)
    : await embeddings(source.served.id, texts, "query", options);
  return vectors;
}

async function embedPicture(source, dataUrl, options) {
  const { vectors } = source.collection
    ? await embed(source.collection.pictureEndpoint, [dataUrl], options)
    : await embeddings(source.served.id, [dataUrl], "document", options);
  if (!vectors[0]) throw new Error("the answer has no vector");
  return vectors[0];
}

/** Asks for the vectors of these texts that are not known. Throws RequestError. */
export async function askTexts(source, texts, options) {
  const missing = texts.filter((text) => !knownVector(source, "text", text));
  for (let from = 0; from < missing.length; from += k_inputs) {
    const some = missing.slice(from, from + k_inputs);
    const vectors = await embedTexts(source, some, options);
    some.forEach((text, i) => vectors[i] && note(source, "text", text, vectors[i]));
  }
}

/** Notes the vectors that the source's index holds under the ids of these pictures: the same file has the same id everywhere. */
async function askStored(source, pictures, options) {
  const { index, field } = source.collection;
  const ids = pictures.map(({ document }) => document.id);
  const { data } = await search(index, { size: ids.length, query: { ids: { values: ids } }, _source: false, fields: [field] }, options);
  for (const hit of data.hits.hits) {
    const found = hit.fields?.[field];
    const vector = Array.isArray(found?.[0]) ? found[0] : found;
    const picture = pictures.find(({ document }) => document.id === hit._id);
    if (vector && picture) note(source, "picture", picture.key, vector);
  }
}

async function dataUrlOf(picture, fieldOf, signal) {
  if (picture.digest) {
    const own = await keptPicture(picture.digest);
    if (!own) throw new Error("Your picture is no longer in this browser: add it again.");
    if (own.dataUrl) return own.dataUrl;
    return `data:${own.blob.type};base64,${base64Of(new Uint8Array(await own.blob.arrayBuffer()))}`;
  }
  const blob = await fetchPicture(pictureUrl({ ...picture.document, field: fieldOf(picture.document.index) }), signal);
  return `data:${blob.type};base64,${base64Of(new Uint8Array(await blob.arrayBuffer()))}`;
}

/**
 * Asks for the vectors of these pictures that are not known: those that the source's index holds are read, the others
 * embedded. fieldOf(index): the field of its pictures. Gives a Map of a picture's key to the Error that it met.
 */
export async function askPictures(source, pictures, fieldOf, { signal }) {
  const isMissing = ({ key }) => !knownVector(source, "picture", key);
  const stored = pictures.filter((one) => isMissing(one) && one.document);
  if (source.collection && stored.length > 0) await askStored(source, stored, { signal });
  const failed = new Map();
  await Promise.all(pictures.filter(isMissing).map(async (picture) => {
    try {
      note(source, "picture", picture.key, await embedPicture(source, await dataUrlOf(picture, fieldOf, signal), { signal }));
    } catch (error) {
      failed.set(picture.key, error);
    }
  }));
  return failed;
}
