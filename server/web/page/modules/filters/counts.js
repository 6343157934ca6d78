// Which fields of an index can be filtered by, and how many documents each of their values has. One _msearch for all.
import { isLink } from "../server/collections.js";
import { elasticsearch } from "../server/elasticsearch.js";
import { innermostReason } from "../server/request.js";
import { filterClauses } from "./values.js";

const k_numbers = ["long", "integer", "short", "byte", "double", "float", "half_float", "scaled_float", "unsigned_long"];
const k_most_fields = 60;
const k_most_dates = 6;
const k_buckets = 100;

function kindOf(field) {
  if (field.type === "keyword" || field.type === "boolean") return "terms";
  if (k_numbers.includes(field.type)) return "number";
  return field.type === "date" ? "date" : undefined;
}

/** The fields of a collection's index that may be facets: [{path, kind}]. */
export function facetFieldsOf({ fields, nameField }) {
  const nested = Object.values(fields).filter((field) => field.type === "nested").map((field) => field.path + ".");
  return Object.values(fields)
    .filter((field) => kindOf(field) && field.doc_values !== false && field.index !== false)
    .filter((field) => !isLink(field.path, fields))
    .filter((field) => field.path !== nameField && field.parent !== nameField)
    .filter((field) => !nested.some((prefix) => field.path.startsWith(prefix)))
    .map((field) => ({ path: field.path, kind: kindOf(field) }))
    .filter((facet, at, all) => facet.kind !== "date" || all.slice(0, at).filter((one) => one.kind === "date").length < k_most_dates)
    .slice(0, k_most_fields);
}

const keyOf = (bucket) => String(bucket.key_as_string ?? bucket.key);
const narrowedTo = (clauses) => (clauses.length > 0 ? { bool: { filter: clauses } } : { match_all: {} });

/** One search with an aggregation for each facet; its reader gives {buckets: [{value, count}], others} or {min, max, count}. */
function countingSearch(facets, clauses) {
  const aggs = {};
  facets.forEach((facet, at) => {
    aggs["f" + at] = facet.kind === "terms" ? { terms: { field: facet.path, size: k_buckets } } : { stats: { field: facet.path } };
  });
  const read = ({ aggregations }, into) => facets.forEach((facet, at) => {
    const answer = aggregations["f" + at];
    into[facet.path] = facet.kind !== "terms" ? { min: answer.min, max: answer.max, count: answer.count } : {
      buckets: answer.buckets.map((bucket) => ({ value: keyOf(bucket), count: bucket.doc_count })), others: answer.sum_other_doc_count,
    };
  });
  return { body: { size: 0, track_total_hits: true, query: narrowedTo(clauses), ...(facets.length > 0 && { aggs }) }, read };
}

/** The earliest or latest date of a field, as a search that is sorted by it: the embedded store has no `stats` of dates. */
function dateSearch({ path }, clauses, side) {
  const query = narrowedTo([...clauses, { exists: { field: path } }]);
  const read = ({ hits }, into) => { into[path] = { ...into[path], [side]: hits.hits[0]?.sort[0] ?? null, count: hits.total.value }; };
  return { body: { size: 1, _source: false, track_total_hits: true, query, sort: [{ [path]: side === "min" ? "asc" : "desc" }] }, read };
}

function searchesOf(facets, clauses) {
  const dates = facets.filter((facet) => facet.kind === "date");
  const others = facets.filter((facet) => facet.kind !== "date");
  return [countingSearch(others, clauses), ...dates.flatMap((date) => ["min", "max"].map((side) => dateSearch(date, clauses, side)))];
}

/** False for what cannot narrow anything: one value for all, or so many that those listed are the smaller part. */
function isUseful(whole, total) {
  if (whole.buckets === undefined) return whole.count > 0 && whole.min < whole.max;
  if (whole.buckets.length === 0) return false;
  if (whole.buckets.length === 1 && whole.others === 0) return whole.buckets[0].count < total;
  if (whole.others === 0) return whole.buckets.some((bucket) => bucket.count > 1) || total <= 12;
  return whole.buckets.reduce((sum, bucket) => sum + bucket.count, 0) >= whole.others;
}

const hasValues = (answer) => (answer.buckets ? answer.buckets.length > 0 : answer.count > 0);
const documentsOf = (answer) => (answer.buckets ? answer.buckets.reduce((sum, bucket) => sum + bucket.count, answer.others) : answer.count);

/** Sends searches in one _msearch and gives their answers. Throws if one fails. */
async function askAll(index, searches, options) {
  const header = JSON.stringify({ index });
  const body = searches.map((search) => `${header}\n${JSON.stringify(search.body)}\n`).join("");
  const { data } = await elasticsearch("_msearch", { ...options, method: "POST", body, contentType: "application/x-ndjson" });
  const failed = data.responses.find((response) => response.error);
  if (failed) throw new Error(innermostReason(failed.error) || "the documents cannot be counted");
  return data.responses;
}

/**
 * The facets of a collection as the choices stand: [{path, kind, buckets, others} or {path, kind, min, max, count}], with `bounds` of
 * all documents. What is
 * chosen in a facet does not narrow its own counts; `clauses` (queries) narrow all. Fields that most documents have come first.
 * Gives {facets, narrowable: false if the whole index has none}.
 */
export async function loadFacets(collection, values, clauses, options) {
  const facets = facetFieldsOf(collection);
  if (facets.length === 0) return { facets: [], narrowable: false };
  const chosen = facets.filter((facet) => values[facet.path] !== undefined);
  const whole = searchesOf(facets, []);
  const narrowed = searchesOf(facets.filter((facet) => !chosen.includes(facet)), [...clauses, ...filterClauses(values, collection.fields)]);
  const own = chosen.flatMap((facet) => {
    const { [facet.path]: mine, ...others } = values;
    return searchesOf([facet], [...clauses, ...filterClauses(others, collection.fields)]);
  });
  const answers = await askAll(collection.index, [...whole, ...narrowed, ...own], options);
  const [all, now] = [{}, {}];
  whole.forEach(({ read }, at) => read(answers[at], all));
  [...narrowed, ...own].forEach(({ read }, at) => read(answers[whole.length + at], now));
  const total = answers[0].hits.total.value;
  const useful = facets.filter(({ path }) => values[path] !== undefined || isUseful(all[path], total));
  const shown = useful
    .filter(({ path }) => values[path] !== undefined || hasValues(now[path]))
    .map((facet) => ({ ...facet, ...now[facet.path], bounds: { min: all[facet.path].min, max: all[facet.path].max } }))
    .sort((a, b) => documentsOf(all[b.path]) - documentsOf(all[a.path]));
  return { facets: shown, narrowable: useful.length > 0 };
}
