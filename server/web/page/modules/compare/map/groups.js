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
export async function valuesOf(collection, field, points, signal) {
  const values = new Array(points.ids.length).fill(undefined);
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

/** How often each value is there, undefined too: Map. */
function countsOf(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

/**
 * {of: the group's number for each point, legend: [{title, count, series, shape}], values}. The most frequent values have a
 * colour and a shape of their own; the rest is one group, as are pictures without a value. `all`: the values of all maps that are shown,
 * this one too; their groups are the same, so that a value looks the same in each. Counts are those of this map.
 */
export function groupsOf(values, all = [values]) {
  const counts = countsOf(values);
  const together = countsOf(all.flat());
  const missing = together.has(undefined);
  together.delete(undefined);
  const order = [...together].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const own = k_shapes.length - 1; // the last shape is that of the rest
  const legend = order.slice(0, own).map(([title], i) => ({ title, count: counts.get(title) ?? 0, series: i, shape: i }));
  const numbers = new Map(legend.map(({ title }, i) => [title, i]));
  if (missing || order.length > own) {
    const title = order.length <= own ? "No value" : missing ? "Other or no value" : "Other";
    const rest = legend.reduce((sum, { count }) => sum - count, values.length);
    legend.push({ title, count: rest, rest: true, shape: own });
  }
  return { of: Uint8Array.from(values, (value) => numbers.get(value) ?? legend.length - 1), legend, values };
}
