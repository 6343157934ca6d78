// From the names in a report to the documents of an index.
import { search } from "../../server/elasticsearch.js";

/** The field of a collection that holds whole names: "image_name.keyword". */
function wholeNameField({ fields, nameField }) {
  return [`${nameField}.keyword`, nameField].find((path) => fields[path]?.type === "keyword");
}

/** The ids of the pictures of these names: Map. Of several with one name the first by id. */
export async function idsOfNames(collection, names, signal) {
  const field = wholeNameField(collection);
  if (!field || names.length === 0) return new Map();
  const body = { size: Math.min(10000, names.length * 4), query: { terms: { [field]: names } }, _source: false, fields: [field] };
  const { data } = await search(collection.index, body, { signal });
  const ids = new Map();
  for (const hit of data.hits.hits) {
    const name = hit.fields?.[field]?.[0];
    if (!ids.has(name) || hit._id < ids.get(name)) ids.set(name, hit._id);
  }
  return ids;
}
