// The gallery's choices as parts of an Elasticsearch search, and what its hits are called.
import { labelOf } from "../filters/values.js";
import { isLink } from "../server/collections.js";

const k_sortable = ["long", "integer", "short", "byte", "double", "float", "half_float", "scaled_float", "unsigned_long", "date", "keyword", "boolean"];

/** The value at a path of a document's source: of "a.b" in {a: {b}} or {"a.b"}. */
export function valueAt(source, path) {
  if (source === undefined || source === null) return undefined;
  if (Object.hasOwn(Object(source), path)) return source[path];
  const dot = path.indexOf(".");
  return dot < 0 ? undefined : valueAt(source[path.slice(0, dot)], path.slice(dot + 1));
}

/** A document's source with these values at their paths: {"a.b": 1} is {a: {b: 1}}, as pipelines read it. */
export function sourceOf(values) {
  const source = Object.create(null);
  for (const [path, value] of Object.entries(values)) {
    const names = path.split(".");
    const last = names.pop();
    let at = source;
    for (const name of names) at = at[name] ??= Object.create(null);
    at[last] = value;
  }
  return source;
}

/** How a hit is called: its name field, else its _id. */
export function nameOf(hit, { nameField } = {}) {
  const value = nameField && valueAt(hit._source, nameField);
  const text = Array.isArray(value) ? value[0] : value;
  return text === undefined || text === null || text === "" ? hit._id : String(text);
}

/** Changes whenever the document does; in the address of its thumbnail, so that browsers may keep that. */
export function versionOf(hit) {
  return hit._seq_no === undefined ? undefined : `${hit._seq_no}-${hit._primary_term}`;
}

/** The field that holds a collection's names as whole texts, or undefined. */
export function wholeNameField({ fields, nameField }) {
  if (!nameField) return undefined;
  if (fields[nameField].type === "keyword") return nameField;
  return fields[nameField + ".keyword"]?.type === "keyword" ? nameField + ".keyword" : undefined;
}

/** What the gallery can be sorted by: [{field, title}]. "_doc" is the order in which the index has its documents. */
export function sortsOf(collection) {
  const whole = wholeNameField(collection);
  const fields = Object.values(collection.fields)
    .filter((field) => k_sortable.includes(field.type) && field.doc_values !== false && field.path !== whole && !isLink(field.path, collection.fields))
    .map((field) => ({ field: field.path, title: labelOf(field.path) }));
  return [...(whole ? [{ field: whole, title: "Name" }] : []), { field: "_doc", title: "Order of adding" }, ...fields];
}

/** Elasticsearch's sort: the chosen field, then names, so that equal values keep their order from page to page. */
export function sortOf(collection, { field, order }) {
  if (field === "_doc") return [{ _doc: { order } }];
  const chosen = { [field]: { order, missing: "_last" } };
  const whole = wholeNameField(collection);
  return whole && whole !== field ? [chosen, { [whole]: { order: "asc", missing: "_last" } }] : [chosen, { _doc: { order: "asc" } }];
}

/** The query of a search by name: words of the name, or its beginning. [] for no words. */
export function nameClauses(collection, words) {
  const text = words.trim();
  const { nameField } = collection;
  if (text === "" || !nameField) return [];
  const whole = wholeNameField(collection);
  const should = [];
  if (whole) should.push({ prefix: { [whole]: { value: text, case_insensitive: true } } });
  if (nameField !== whole) {
    should.push({ match: { [nameField]: { query: text, operator: "and" } } });
    should.push({ prefix: { [nameField]: { value: text.split(/\s+/).at(-1).toLowerCase() } } });
  }
  return [{ bool: { should, minimum_should_match: 1 } }];
}
