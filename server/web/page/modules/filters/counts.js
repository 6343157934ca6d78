// Which fields of an index can be filtered by, and how many documents each of their values has. One _msearch for all.
import { elasticsearch } from "../server/elasticsearch.js";
import { filterClauses } from "./values.js";

const k_numbers = ["long", "integer", "short", "byte", "double", "float", "half_float", "scaled_float", "unsigned_long"];
const k_most_fields = 60;
const k_buckets = 100;

function kindOf(field) {
  if (field.type === "keyword" || field.type === "boolean") return "terms";
  if (k_numbers.includes(field.type)) return "number";
  return field.type === "date" ? "date" : undefined;
}

/** The fields of a collection's index that may be facets: [{path, kind, boolean}]. */
export function facetFieldsOf({ fields, nameField }) {
  const nested = Object.values(fields).filter((field) => field.type === "nested").map((field) => field.path + ".");
  return Object.values(fields)
    .filter((field) => kindOf(field) && field.doc_values !== false && field.index !== false)
    .filter((field) => field.path !== nameField && field.parent !== nameField)
    .filter((field) => !nested.some((prefix) => field.path.startsWith(prefix)))
    .slice(0, k_most_fields)
    .map((field) => ({ path: field.path, kind: kindOf(field), boolean: field.type === "boolean" }));
}

function aggregationsOf(facets) {
  const aggs = {};
  facets.forEach((facet, at) => {
    aggs["f" + at] = facet.kind === "terms" ? { terms: { field: facet.path, size: k_buckets } } : { stats: { field: facet.path } };
  });
  return aggs;
}

function searchOf(facets, clauses) {
  const query = clauses.length > 0 ? { bool: { filter: clauses } } : { match_all: {} };
  return { size: 0, track_total_hits: true, query, aggs: aggregationsOf(facets) };
}

const keyOf = (bucket) => String(bucket.key_as_string ?? bucket.key);

/** What an aggregation answered: {buckets: [{value, count}], others} or {min, max, count}. */
function readAnswer(answer, facet) {
  if (facet.kind !== "terms") return { min: answer.min, max: answer.max, count: answer.count };
  return { buckets: answer.buckets.map((bucket) => ({ value: keyOf(bucket), count: bucket.doc_count })), others: answer.sum_other_doc_count };
}

/** False for what cannot narrow anything: one value for all, or about as many values as documents. */
function isUseful(whole, total) {
  if (whole.buckets === undefined) return whole.count > 0 && whole.min < whole.max;
  if (whole.buckets.length === 0) return false;
  if (whole.buckets.length === 1 && whole.others === 0) return whole.buckets[0].count < total;
  if (whole.others === 0) return whole.buckets.some((bucket) => bucket.count > 1) || total <= 12;
  const shown = whole.buckets.reduce((sum, bucket) => sum + bucket.count, 0);
  return shown / whole.buckets.length > Math.max(1.5, (shown + whole.others) / 500);
}

const hasValues = (answer) => (answer.buckets ? answer.buckets.length > 0 : answer.count > 0);
const documentsOf = (answer) => (answer.buckets ? answer.buckets.reduce((sum, bucket) => sum + bucket.count, answer.others) : answer.count);

/**
 * The facets of a collection as the choices stand: [{path, kind, boolean, buckets, others} or {..., min, max}]. What is
 * chosen in a facet does not narrow its own counts; `clauses` (queries) narrow all. Fields that most documents have come first.
 */
export async function loadFacets(collection, values, clauses, options) {
  const facets = facetFieldsOf(collection);
  if (facets.length === 0) return [];
  const chosen = facets.filter((facet) => values[facet.path] !== undefined);
  const searches = [searchOf(facets, []), searchOf(facets, [...clauses, ...filterClauses(values)])];
  for (const facet of chosen) {
    const { [facet.path]: own, ...others } = values;
    searches.push(searchOf([facet], [...clauses, ...filterClauses(others)]));
  }
  const header = JSON.stringify({ index: collection.index });
  const body = searches.map((search) => `${header}\n${JSON.stringify(search)}\n`).join("");
  const { data } = await elasticsearch("_msearch", { ...options, method: "POST", body, contentType: "application/x-ndjson" });
  const failed = data.responses.find((response) => response.error);
  if (failed) throw new Error(failed.error.root_cause?.[0]?.reason ?? failed.error.reason ?? "the facets cannot be counted");
  const [whole, narrowed, ...own] = data.responses;
  return facets
    .map((facet, at) => {
      const mine = chosen.indexOf(facet);
      const now = readAnswer((mine < 0 ? narrowed : own[mine]).aggregations["f" + (mine < 0 ? at : 0)], facet);
      const all = readAnswer(whole.aggregations["f" + at], facet);
      const useful = mine >= 0 || (hasValues(now) && isUseful(all, whole.hits.total.value));
      return { ...facet, ...now, bounds: { min: all.min, max: all.max }, useful, covered: documentsOf(all) };
    })
    .filter((facet) => facet.useful)
    .sort((a, b) => b.covered - a.covered);
}
