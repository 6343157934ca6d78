// Elasticsearch's paths: what is offered while typing, and which of them take a body.

// Those that answer GET with a body, and POST just the same. Browsers cannot send a body with GET.
const k_get_as_post = [
  /(?:^|\/)_(?:search|count|msearch|mget|analyze|rank_eval|field_caps|termvectors|mtermvectors|terms_enum|search_shards|knn_search|mvt)$/,
  /(?:^|\/)_(?:search|msearch|render)\/template(?:\/[^/]+)?$/,
  /(?:^|\/)_(?:explain|termvectors)\/[^/]+$/,
  /(?:^|\/)_(?:validate\/query|eql\/search|graph\/explore)$/,
  /(?:^|\/)_mvt\/.+$/,
  /^_search\/scroll$/,
  /^_ingest\/pipeline\/(?:[^/]+\/)?_simulate$/,
  /^_ingest\/_simulate$/,
  /^_cluster\/allocation\/explain$/,
  /^_scripts\/painless\/_execute$/,
  /^_security\/(?:user\/(?:[^/]+\/)?_has_privileges|_query\/(?:api_key|role|user)|profile\/_suggest\/?.*)$/,
];

/** True if a GET of this path with a body can be sent as a POST. */
export function takesPostForGet(path) {
  const plain = path.split("?")[0].replace(/^\/+|\/+$/g, "");
  return k_get_as_post.some((pattern) => pattern.test(plain));
}

const k_read = ["pretty", "filter_path"];
const k_write = ["refresh", "pipeline", "timeout"];
const k_cat = ["v", "h", "s", "format"];

// "METHODS path": {index}, {endpoint}, {pipeline}, {task} and {id} stand for what the cluster has; then URL parameters, and
// those that only a cluster takes: the embedded store refuses them (docs/store_requests.md).
const k_paths = [
  ["GET", ""],
  ["GET POST", "_search", [...k_read, "size", "scroll"]],
  ["GET POST", "{index}/_search", [...k_read, "size", "from", "sort", "_source", "track_total_hits", "scroll", "ignore_unavailable"], ["q"]],
  ["GET POST", "{index}/_count", k_read, ["q"]],
  ["GET POST", "{index}/_msearch", k_read],
  ["GET POST", "_msearch", k_read],
  ["GET POST", "{index}/_mget", ["_source", "_source_includes", "_source_excludes"]],
  ["GET POST", "_mget", ["_source", "_source_includes", "_source_excludes"]],
  ["GET HEAD DELETE PUT POST", "{index}/_doc/{id}", ["_source", "_source_includes", "_source_excludes", "refresh", "pipeline", "op_type"]],
  ["POST", "{index}/_doc", k_write],
  ["PUT POST", "{index}/_create/{id}", k_write],
  ["GET HEAD", "{index}/_source/{id}", ["_source_includes", "_source_excludes"]],
  ["POST", "{index}/_update/{id}", ["refresh", "_source"]],
  ["POST PUT", "_bulk", k_write],
  ["POST PUT", "{index}/_bulk", k_write],
  ["GET PUT DELETE HEAD", "{index}", ["pretty", "ignore_unavailable"]],
  ["GET PUT POST", "{index}/_mapping", k_read],
  ["GET", "_mapping", k_read],
  ["GET PUT", "{index}/_settings", ["human"], ["flat_settings"]],
  ["GET", "{index}/_alias"],
  ["POST", "_aliases"],
  ["POST GET", "{index}/_refresh"],
  ["POST", "{index}/_pit", ["keep_alive"]],
  ["DELETE", "_pit"],
  ["GET POST DELETE", "_search/scroll"],
  ["GET", "_inference"],
  ["GET", "_inference/_all"],
  ["GET PUT DELETE POST", "_inference/{task}/{endpoint}", ["timeout", "force", "dry_run"]],
  ["GET POST DELETE", "_inference/{endpoint}", ["force"]],
  ["PUT", "_inference/{task}/{endpoint}/_update"],
  ["GET", "_ingest/pipeline"],
  ["GET PUT DELETE", "_ingest/pipeline/{pipeline}", ["summary"]],
  ["POST GET", "_ingest/pipeline/{pipeline}/_simulate", ["verbose"]],
  ["POST GET", "_ingest/pipeline/_simulate", ["verbose"]],
  ["GET", "_cat/indices", [...k_cat, "bytes"], ["health", "help"]],
  ["GET", "_cat/indices/{index}", [...k_cat, "bytes"], ["help"]],
  ["GET", "_cat/count", k_cat, ["bytes", "help"]],
  ["GET", "_cat/count/{index}", k_cat, ["bytes", "help"]],
  ["GET", "_cluster/health", ["wait_for_status", "timeout"], ["level"]],
  ["GET", "_cluster/health/{index}", k_read, ["level"]],
  ["GET", "_license"],
  ["GET", "_nodes/http"],
];

// What the embedded store refuses.
const k_cluster_paths = [
  ["POST", "{index}/_delete_by_query", ["refresh", "conflicts"]],
  ["POST", "{index}/_update_by_query", ["refresh", "conflicts", "pipeline"]],
  ["POST", "_reindex", ["refresh", "wait_for_completion"]],
  ["POST", "{index}/_forcemerge", ["max_num_segments"]],
  ["GET POST", "{index}/_analyze"],
  ["GET POST", "_analyze"],
  ["GET", "{index}/_stats"],
  ["GET POST", "{index}/_field_caps", ["fields"]],
  ["GET POST", "{index}/_validate/query", ["explain"]],
  ["GET", "_cat/health", [...k_cat, "bytes", "help"]],
  ["GET", "_cat/aliases", [...k_cat, "bytes", "help"]],
  ["GET", "_cat/shards", [...k_cat, "bytes", "help"]],
  ["GET", "_cat/nodes", [...k_cat, "bytes", "help"]],
  ["GET PUT", "_cluster/settings", ["include_defaults", "flat_settings"]],
  ["GET", "_cluster/stats"],
  ["GET", "_nodes/stats"],
  ["GET", "_resolve/index/{index}"],
  ["GET PUT DELETE", "_index_template/{id}"],
  ["GET", "_tasks", ["actions", "detailed"]],
  ["GET", "_security/_authenticate"],
  ["POST", "_security/api_key"],
];

const offers = (paths, onlyCluster) => paths.map(([methods, path, parameters = k_read, clusterParameters = []]) =>
  ({ methods: methods.split(" "), segments: path.split("/"), parameters, clusterParameters, onlyCluster }));
export const k_offers = [...offers(k_paths, false), ...offers(k_cluster_paths, true)];

export const k_tasks = ["text_embedding", "embedding", "rerank", "completion", "sparse_embedding"];

const k_parameter_values = {
  refresh: ["true", "false", "wait_for"],
  format: ["json", "text"],
  bytes: ["b", "kb", "mb", "gb"],
  v: ["true"],
  pretty: ["true"],
  op_type: ["create", "index"],
  level: ["cluster", "indices", "shards"],
  conflicts: ["proceed", "abort"],
};

/** The values of a URL parameter, if it has a few. */
export const parameterValues = (name) => k_parameter_values[name] ?? [];

function fits(template, typed) {
  return template === typed || (template.startsWith("{") && (template === "{index}" ? !typed.startsWith("_") : typed !== ""));
}

/** The path templates that `segments`, all but the last one complete, may become. `cluster`: false for the embedded store. */
export function pathsThatFit(method, segments, cluster) {
  return k_offers.filter((one) => (cluster || !one.onlyCluster) && one.methods.includes(method) && one.segments.length >= segments.length &&
    segments.slice(0, -1).every((typed, place) => fits(one.segments[place], typed)));
}

/** The URL parameters of a complete path. */
export function parametersOf(method, path, cluster) {
  const segments = path.replace(/^\/+|\/+$/g, "").split("/");
  const found = pathsThatFit(method, segments, cluster).filter((one) => one.segments.length === segments.length && fits(one.segments.at(-1), segments.at(-1)));
  return [...new Set(found.flatMap((one) => (cluster ? [...one.parameters, ...one.clusterParameters] : one.parameters)))];
}
