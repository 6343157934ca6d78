// Colouring the points of a map by a field of their documents.
import { labelOf } from "../../filters/values.js";
import { isLink } from "../../server/collections.js";
import { search } from "../../server/elasticsearch.js";
import { k_shapes } from "./shapes.js";

const k_ids_a_search = 2000;
const k_unfit = ["model_id", "model_fingerprint", "_ignored"];
const k_kinds = ["keyword", "boolean", "long", "integer", "short", "byte"];

/** The fields that can colour: [{path, title}]; names and texts that nearly every picture has for itself are not among them. */
export function groupingFields({ fields, nameField }) {
  return Object.values(fields)
    .filter((field) => k_kinds.includes(field.type) && !k_unfit.includes(field.path) && !isLink(field.path, fields) && (field.parent ?? field.path) !== nameField && !/caption/.test(field.path))
    .map((field) => ({ path: field.path, title: labelOf(field.path) }))
    .sort((a, b) => a.title.localeCompare(b.title));
}

/** The values of `field` in the documents of a map, by the points' numbers: an array of texts or undefined. */
async function valuesOf(collection, field, points, signal) {
  const values = new Array(points.ids.length);
  for (let from = 0; from < points.ids.length; from += k_ids_a_search) {
    const ids = points.ids.slice(from, from + k_ids_a_search);
    const body = { size: ids.length, query: { ids: { values: ids } }, _source: false, fields: [field], sort: ["_doc"] };
    const { data } = await search(collection.index, body, { exact: true, signal });
    for (const hit of data.hits.hits) {
      const value = hit.fields?.[field]?.[0];
      if (value !== undefined) values[points.placeOf.get(hit._id)] = String(value);
    }
  }
  return values;
}

/**
 * {of: the group's number for each point, legend: [{title, count, series, shape}]}. The most frequent values have a
 * colour and a shape of their own; the rest is one group, as are pictures without a value.
 */
export function groupsOf(values) {
  const counts = new Map();
  for (const value of values) if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
  const order = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const own = k_shapes.length - 1; // the last shape is that of the rest
  const legend = order.slice(0, own).map(([title, count], i) => ({ title, count, series: i, shape: i }));
  const numbers = new Map(legend.map(({ title }, i) => [title, i]));
  const others = order.slice(own).reduce((sum, [, count]) => sum + count, 0);
  const missing = values.filter((value) => value === undefined).length;
  if (others + missing > 0) {
    const title = others === 0 ? "No value" : missing === 0 ? "Other" : "Other or no value";
    legend.push({ title, count: others + missing, rest: true, shape: own });
  }
  return { of: Uint8Array.from(values, (value) => numbers.get(value) ?? legend.length - 1), legend, values };
}

export const loadGroups = async (collection, field, points, signal) => {
  const found = await valuesOf(collection, field, points, signal);
  return groupsOf(Array.from(found));
};
