// A matrix to begin with: some pictures of an index, and what is known of them in words.
import { search } from "../../server/elasticsearch.js";
import { keyOfDocument } from "./state.js";

const k_pictures = 5;
const k_looked_at = 200;
const k_texts = ["caption", "description", "title"];

const withoutEnding = (name) => name.replace(/\.[a-z0-9]+$/i, "").replace(/[_-]+/g, " ");

/** {texts, pictures: keys} of pictures that lie apart in the index. */
export async function exampleOf(collection) {
  const { index, nameField, fields } = collection;
  const textField = k_texts.find((name) => fields[name]) ?? nameField;
  const { data } = await search(index, { size: k_looked_at, query: { exists: { field: collection.field } }, _source: [textField, nameField].filter(Boolean), sort: ["_doc"] });
  const { hits } = data.hits;
  const step = Math.max(1, Math.floor(hits.length / k_pictures));
  const some = hits.filter((_, i) => i % step === 0).slice(0, k_pictures);
  const textOf = ({ _source: source }) => source?.[textField] ?? withoutEnding(source?.[nameField] ?? "");
  return { texts: some.map(textOf).filter((one) => typeof one === "string" && one), pictures: some.map((hit) => keyOfDocument({ index: hit._index, id: hit._id })) };
}
