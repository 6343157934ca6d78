// Who can embed texts and pictures: the collections of the search page by their endpoints, other models of this server directly.
import { titleOf } from "../../server/collections.js";

const readsBoth = ({ state, modalities = [] }) => state === "ready" && modalities.includes("text") && modalities.includes("image");

function ofCollection(collection) {
  const { model, title, served, searchEndpoint, pictureEndpoint } = collection;
  return { name: model, title, collection: searchEndpoint && pictureEndpoint ? collection : undefined, served };
}

/**
 * [{name: its model, title, collection: where its endpoints and stored vectors are, served: as GET /v1/models lists it}].
 * A collection without endpoints is asked as its model is, directly; without that, too, it is left out.
 */
export function sourcesOf({ standard, models }) {
  const columns = standard.map(ofCollection).filter((one) => one.collection || (one.served && readsBoth(one.served)));
  const known = new Set(columns.flatMap((one) => [one.name, one.served?.id]));
  const others = models.filter((one) => readsBoth(one) && !known.has(one.id)).map((one) => ({ name: one.id, title: titleOf(one.id), served: one }));
  return [...columns, ...others];
}

/** What the source's vectors are known by: other weights give others. */
export const identityOf = ({ name, collection, served }) => [name, collection?.id, served?.fingerprint].join(" ");
