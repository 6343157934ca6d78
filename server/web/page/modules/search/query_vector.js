// The vector of a query, for one collection: of words, a picture, a document's picture, or words and a picture together.
import { hasOtherPictures } from "../server/collections.js";
import { embed, search, storedVector } from "../server/elasticsearch.js";
import { RequestError } from "../server/request.js";
import { fetchPicture, pictureUrl } from "../pictures/picture.js";
import { base64Of } from "../pictures/take.js";
import { fuse } from "./vectors.js";

function lacking(collection, what) {
  const model = collection.model ?? "its model";
  if (collection.endpointsProblem) {
    return new RequestError({ status: 0, path: "", reason: `the inference endpoints cannot be read, so no endpoint embeds ${what} for ${collection.index}: ${collection.endpointsProblem.message}` });
  }
  return new RequestError({
    status: 0, path: "", reason: `no registered endpoint embeds ${what} for ${collection.index}: run scripts/register_endpoints.sh --models ${model}`,
  });
}

async function vectorOf(endpoint, input, what, collection, options) {
  if (!endpoint) throw lacking(collection, what);
  const { vectors } = await embed(endpoint, [input], options);
  const vector = vectors[0];
  if (!vector) throw new RequestError({ status: 200, path: "", reason: `[${endpoint}] answered without a vector` });
  if (collection.dims && vector.length !== collection.dims) {
    throw new RequestError({
      status: 200, path: "", reason: `[${endpoint}] makes vectors of ${vector.length} dims, the field [${collection.field}] of [${collection.index}] has ${collection.dims}: the index was created for another model`,
    });
  }
  return vector;
}

/** The document of `collection` that holds the same picture: by its id, else by its name. */
async function sameDocument(collection, like, options) {
  if (collection.index === like.index) return { id: like.id };
  const ids = await search(collection.index, { size: 1, _source: false, query: { ids: { values: [like.id] } } }, options);
  if (ids.data.hits.hits.length > 0) return { id: like.id };
  return undefined;
}

async function vectorOfDocument(collection, like, options) {
  const same = !hasOtherPictures(collection, like) && (await sameDocument(collection, like, options));
  const stored = same && (await storedVector(collection.index, same.id, collection.field, options));
  if (stored) return stored;
  // Its vector is not in this index: the picture is embedded as any other.
  const blob = await fetchPicture(pictureUrl(like), options.signal);
  const bytes = new Uint8Array(await blob.arrayBuffer());
  return vectorOf(collection.pictureEndpoint, `data:${blob.type};base64,${base64Of(bytes)}`, "pictures", collection, options);
}

/**
 * {vector, milliseconds, parts} for query {words, picture: {dataUrl} | undefined, like: {index, id, field} | undefined, share}.
 * parts: {words, picture}: the vectors that were fused. Errors: RequestError.
 */
export async function queryVector(collection, query, options) {
  const start = performance.now();
  const words = query.words?.trim();
  const wanted = [];
  if (words) wanted.push(vectorOf(collection.searchEndpoint, words, "words", collection, options));
  if (query.picture) wanted.push(vectorOf(collection.pictureEndpoint, query.picture.dataUrl, "pictures", collection, options));
  else if (query.like) wanted.push(vectorOfDocument(collection, query.like, options));
  const vectors = await Promise.all(wanted);
  const milliseconds = performance.now() - start;
  const vector = vectors.length === 2 ? fuse(vectors[1], vectors[0], query.share) : vectors[0];
  return { vector, milliseconds };
}
