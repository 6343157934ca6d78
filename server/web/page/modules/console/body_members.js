// The members of request bodies that are offered while typing.
//
// A type is {members, values, any}: `members` by name, `any` what a member of any other name has, `values` what may
// stand in its place. A member is a type's name, or a text to put in (with #{} where the cursor goes); "[type]" is a list.
// "field" and "field:dense_vector" offer fields of the mapping, "endpoint", "pipeline" and "index" what the cluster has.

const k_types = {
  search: {
    members: {
      query: "query", knn: "knn", retriever: "retriever", size: "10", from: "0", _source: "source", fields: "[field]", aggs: "aggs",
      sort: "[sort]", min_score: "0.5", post_filter: "query", track_total_hits: "true", search_after: "[#{}]", pit: "pit",
      seq_no_primary_term: "true", version: "true", timeout: '"10s"', highlight: "highlight", collapse: "collapse", explain: "true",
    },
  },
  count: { members: { query: "query" } },
  source: { members: { includes: "[field]", excludes: "[field]" }, values: ["true", "false"], list: "field" },
  pit: { members: { id: '"#{}"', keep_alive: '"1m"' } },
  collapse: { members: { field: "field" } },
  highlight: { members: { fields: "highlight_fields" } },
  highlight_fields: { field: true, any: "nothing" },
  nothing: {},
  knn: {
    members: {
      field: "field:dense_vector", k: "10", num_candidates: "100", query_vector_builder: "builder", query_vector: "[#{}]", filter: "query",
      similarity: "0.5", boost: "1.0", rescore_vector: "rescore", _name: '"#{}"',
    },
  },
  rescore: { members: { oversample: "2.0" } },
  builder: { members: { text_embedding: "text_embedding", embedding: "embedding_builder", lookup: "lookup" } },
  text_embedding: { members: { model_id: "endpoint", model_text: '"#{}"' } },
  embedding_builder: { members: { inference_id: "endpoint", input: '"#{}"' } },
  lookup: { members: { index: "index", id: '"#{}"', path: "field:dense_vector" } },
  query: {
    members: {
      match_all: "options", match: "match", multi_match: "multi_match", term: "term", terms: "terms", range: "range", exists: "exists",
      bool: "bool", knn: "knn", ids: "ids", prefix: "prefix", constant_score: "constant_score", dis_max: "dis_max", match_none: "nothing",
      match_phrase: "match", wildcard: "term", nested: "nested", query_string: "query_string", script_score: "script_score", function_score: "nothing",
    },
  },
  options: { members: { boost: "1.0", _name: '"#{}"' } },
  match: { field: true, any: "match_of_field" },
  match_of_field: { members: { query: '"#{}"', operator: "operator", minimum_should_match: '"#{}"', boost: "1.0" } },
  operator: { values: ['"and"', '"or"'] },
  multi_match: { members: { query: '"#{}"', fields: "[field]", type: "multi_match_type", operator: "operator", tie_breaker: "0.3" } },
  multi_match_type: { values: ['"best_fields"', '"most_fields"', '"cross_fields"', '"phrase"'] },
  term: { field: true, any: "term_of_field" },
  term_of_field: { members: { value: '"#{}"', case_insensitive: "true", boost: "1.0" } },
  terms: { field: true, any: "nothing" },
  range: { field: true, any: "range_of_field" },
  range_of_field: { members: { gte: "#{}", gt: "#{}", lte: "#{}", lt: "#{}", format: '"#{}"', time_zone: '"#{}"' } },
  exists: { members: { field: "field" } },
  bool: { members: { must: "[query]", filter: "[query]", should: "[query]", must_not: "[query]", minimum_should_match: "1", boost: "1.0" } },
  ids: { members: { values: '["#{}"]' } },
  prefix: { field: true, any: "term_of_field" },
  constant_score: { members: { filter: "query", boost: "1.0" } },
  dis_max: { members: { queries: "[query]", tie_breaker: "0.3" } },
  nested: { members: { path: "field", query: "query" } },
  query_string: { members: { query: '"#{}"', fields: "[field]", default_operator: "operator" } },
  script_score: { members: { query: "query", script: "script" } },
  script: { members: { source: '"#{}"', params: "nothing", lang: '"painless"' } },
  retriever: {
    members: { standard: "standard", knn: "knn", rrf: "rrf", linear: "linear", text_similarity_reranker: "reranker" },
  },
  standard: { members: { query: "query", filter: "query", min_score: "0.5", sort: "[sort]" } },
  rrf: { members: { retrievers: "[retriever]", rank_constant: "60", rank_window_size: "100" } },
  linear: { members: { retrievers: "[weighted]", rank_window_size: "100" } },
  weighted: { members: { retriever: "retriever", weight: "1.0", normalizer: "normalizer" } },
  normalizer: { values: ['"minmax"', '"l2_norm"', '"none"'] },
  reranker: { members: { retriever: "retriever", inference_id: "endpoint", inference_text: '"#{}"', field: "field", rank_window_size: "100" } },
  sort: { members: { _score: "order_of", _doc: "order_of" }, field: true, any: "order_of" },
  order_of: { members: { order: "order", missing: '"_last"', unmapped_type: '"#{}"' }, values: ['"asc"', '"desc"'] },
  order: { values: ['"asc"', '"desc"'] },
  aggs: { any: "agg", names: true },
  agg: {
    members: {
      terms: "terms_agg", min: "metric", max: "metric", avg: "metric", sum: "metric", stats: "metric", value_count: "metric", cardinality: "metric",
      histogram: "histogram", date_histogram: "date_histogram", range: "range_agg", filter: "query", filters: "filters", missing: "metric",
      top_hits: "search", aggs: "aggs",
    },
  },
  metric: { members: { field: "field" } },
  terms_agg: { members: { field: "field", size: "10", order: "nothing", min_doc_count: "1", missing: '"#{}"' } },
  histogram: { members: { field: "field", interval: "100", min_doc_count: "0" } },
  date_histogram: { members: { field: "field:date", calendar_interval: '"1d"', fixed_interval: '"1h"', format: '"#{}"', time_zone: '"#{}"' } },
  range_agg: { members: { field: "field", ranges: "[range_of_agg]" } },
  range_of_agg: { members: { from: "#{}", to: "#{}", key: '"#{}"' } },
  filters: { members: { filters: "nothing" } },
  endpoint_definition: { members: { service: "service", service_settings: "service_settings", task_settings: "task_settings", chunking_settings: "nothing" } },
  service: { values: ['"custom"', '"openai"', '"cohere"', '"hugging_face"', '"elasticsearch"', '"elastic"', '"jinaai"'] },
  service_settings: {
    members: {
      url: '"#{}"', api_key: '"#{}"', model_id: '"#{}"', headers: "headers", request: '"#{}"', response: "response", secret_parameters: "secret_parameters",
      similarity: "similarity", dimensions: "#{}", rate_limit: "rate_limit", embedding_type: '"float"', batch_size: "10", query_parameters: "[#{}]",
    },
  },
  task_settings: { members: { input_type: '"#{}"', truncate: '"END"', parameters: "nothing" } },
  headers: { members: { "Content-Type": '"application/json"', Authorization: '"Bearer $\\{api_key\\}"' } },
  secret_parameters: { members: { api_key: '"#{}"' } },
  response: { members: { json_parser: "json_parser" } },
  json_parser: { members: { text_embeddings: '"$.data[*].embedding[*]"', embedding_type: '"float"' } },
  similarity: { values: ['"cosine"', '"dot_product"', '"l2_norm"'] },
  rate_limit: { members: { requests_per_minute: "600000" } },
  inference_call: { members: { input: '["#{}"]', query: '"#{}"', input_type: "input_type", task_settings: "task_settings" } },
  input_type: { values: ['"search"', '"ingest"', '"classification"', '"clustering"'] },
  pipeline_definition: { members: { description: '"#{}"', processors: "[processor]", on_failure: "[processor]", version: "1", _meta: "nothing" } },
  processor: {
    members: {
      inference: "inference_processor", set: "set", remove: "remove", rename: "rename", script: "script", append: "set", convert: "convert",
      gsub: "gsub", lowercase: "of_field", uppercase: "of_field", trim: "of_field", split: "split", json: "of_field", date: "date_processor",
      foreach: "foreach", fail: "fail", drop: "nothing", pipeline: "pipeline_processor", grok: "nothing",
    },
  },
  inference_processor: { members: { model_id: "endpoint", input_output: "[input_output]", ignore_missing: "true", ignore_failure: "true", if: '"#{}"', on_failure: "[processor]", tag: '"#{}"' } },
  input_output: { members: { input_field: "field", output_field: "field" } },
  set: { members: { field: "field", value: '"#{}"', copy_from: "field", override: "true", if: '"#{}"', ignore_empty_value: "true" } },
  remove: { members: { field: "field", ignore_missing: "true" } },
  rename: { members: { field: "field", target_field: "field", override: "true", ignore_missing: "true" } },
  convert: { members: { field: "field", type: '"#{}"', target_field: "field", ignore_missing: "true" } },
  gsub: { members: { field: "field", pattern: '"#{}"', replacement: '"#{}"' } },
  split: { members: { field: "field", separator: '"#{}"' } },
  of_field: { members: { field: "field", target_field: "field", ignore_missing: "true" } },
  date_processor: { members: { field: "field", target_field: "field", formats: '["ISO8601"]' } },
  foreach: { members: { field: "field", processor: "processor" } },
  fail: { members: { message: '"#{}"', if: '"#{}"' } },
  pipeline_processor: { members: { name: "pipeline", if: '"#{}"' } },
  simulation: { members: { docs: "[simulated]", pipeline: "pipeline_definition" } },
  simulated: { members: { _index: "index", _id: '"#{}"', _source: "document" } },
  document: { field: true },
  update: { members: { doc: "document", doc_as_upsert: "true", upsert: "document", script: "script" } },
  mget: { members: { ids: '["#{}"]', docs: "[mget_doc]" } },
  mget_doc: { members: { _index: "index", _id: '"#{}"', _source: "source" } },
  index_definition: { members: { settings: "settings", mappings: "mappings", aliases: "nothing" } },
  settings: { members: { index: "index_settings", number_of_shards: "1", number_of_replicas: "0", default_pipeline: "pipeline", refresh_interval: '"1s"' } },
  index_settings: { members: { default_pipeline: "pipeline", final_pipeline: "pipeline", number_of_shards: "1", number_of_replicas: "0", auto_expand_replicas: '"0-1"', refresh_interval: '"1s"' } },
  mappings: { members: { properties: "properties", dynamic: "dynamic", _meta: "nothing", _source: "source" } },
  dynamic: { values: ["true", "false", '"strict"'] },
  properties: { any: "property", names: true },
  property: {
    members: {
      type: "field_type", dims: "768", index: "true", similarity: "similarity", index_options: "index_options", fields: "properties",
      properties: "properties", analyzer: '"standard"', format: '"#{}"', ignore_above: "256", null_value: "#{}", doc_values: "true", element_type: "element_type",
    },
  },
  field_type: {
    values: ["dense_vector", "text", "keyword", "binary", "long", "integer", "float", "double", "boolean", "date", "object", "nested", "geo_point", "ip", "semantic_text"].map((one) => `"${one}"`),
  },
  element_type: { values: ['"float"', '"byte"', '"bit"'] },
  index_options: { members: { type: "index_type", m: "16", ef_construction: "100" } },
  index_type: { values: ['"hnsw"', '"int8_hnsw"', '"int4_hnsw"', '"bbq_hnsw"', '"flat"', '"int8_flat"'] },
  analyze: { members: { text: '"#{}"', analyzer: '"standard"', field: "field" } },
  aliases: { members: { actions: "[alias_action]" } },
  alias_action: { members: { add: "alias", remove: "alias" } },
  alias: { members: { index: "index", alias: '"#{}"', is_write_index: "true" } },
  bulk: { members: { index: "bulk_action", create: "bulk_action", update: "bulk_action", delete: "bulk_action", doc: "document" }, field: true },
  bulk_action: { members: { _index: "index", _id: '"#{}"', pipeline: "pipeline" } },
  msearch: { members: { index: "index", query: "query", knn: "knn", retriever: "retriever", size: "10", from: "0", _source: "source", aggs: "aggs" } },
  reindex: { members: { source: "reindex_source", dest: "reindex_dest", script: "script" } },
  reindex_source: { members: { index: "index", query: "query", size: "100", _source: "source" } },
  reindex_dest: { members: { index: "index", pipeline: "pipeline", op_type: '"create"' } },
  by_query: { members: { query: "query", script: "script", conflicts: '"proceed"' } },
};

const k_bodies = [
  [/(?:^|\/)_search$/, "search"],
  [/(?:^|\/)_count$|_validate\/query$|_explain\//, "count"],
  [/(?:^|\/)_msearch$/, "msearch"],
  [/(?:^|\/)_mget$/, "mget"],
  [/(?:^|\/)_bulk$/, "bulk"],
  [/(?:^|\/)_analyze$/, "analyze"],
  [/_simulate$/, "simulation"],
  [/^_ingest\/pipeline\//, "pipeline_definition"],
  [/^_inference\//, (method) => (method === "PUT" ? "endpoint_definition" : "inference_call")],
  [/\/_mappings?$/, "mappings"],
  [/\/_settings$/, "settings"],
  [/\/_update\//, "update"],
  [/\/_(?:doc|create)(?:\/|$)/, "document"],
  [/^_aliases$/, "aliases"],
  [/^_reindex$/, "reindex"],
  [/_(?:delete|update)_by_query$/, "by_query"],
  [/^[^_/][^/]*$/, "index_definition"],
];

/** The type's name of the body that goes to this path; undefined: nothing is known of it. */
export function bodyType(method, path) {
  const plain = path.split("?")[0].replace(/^\/+|\/+$/g, "");
  const found = k_bodies.find(([pattern]) => pattern.test(plain))?.[1];
  return typeof found === "function" ? found(method) : found;
}

const inner = (name) => /^\[(\w[\w:]*)\]$/.exec(name)?.[1] ?? name;

/** The type's name at `keys` (members and, as numbers, places in lists) below a body of type `type`. */
export function typeAt(type, keys) {
  let name = type;
  for (const key of keys) {
    if (name === undefined) return undefined;
    if (typeof key === "number") {
      name = k_types[name]?.list ?? inner(name);
      continue;
    }
    const known = k_types[inner(name)];
    const own = known?.members && Object.hasOwn(known.members, key) ? known.members[key] : undefined;
    name = own ?? known?.any;
  }
  return name;
}

/** Of a type: {members: [[name, member]], fields: whether names of fields are members}. */
export function membersOf(type) {
  const known = k_types[inner(type ?? "")];
  return { members: Object.entries(known?.members ?? {}), fields: known?.field === true };
}

/** What may stand in a type's place: {values, fieldType, list}: `fieldType` "" for any field; list: in brackets. */
export function valuesOf(type) {
  const one = inner(type ?? "");
  if (one === "field" || one.startsWith("field:")) return { values: [], fieldType: one.slice(6) };
  if (["endpoint", "pipeline", "index"].includes(one)) return { values: [], name: one };
  return { values: k_types[one]?.values ?? [] };
}

/** What to put in after `"name": ` for a member: a snippet. */
export function templateOf(member) {
  if (/^\[\w[\w:]*\]$/.test(member)) return valuesOf(member).fieldType !== undefined ? '["#{}"]' : "[\n\t{\n\t\t#{}\n\t}\n]";
  const known = k_types[member];
  if (known?.values && !known.members) return "#{}";
  if (known) return "{\n\t#{}\n}";
  if (valuesOf(member).fieldType !== undefined || valuesOf(member).name) return '"#{}"';
  return member;
}
