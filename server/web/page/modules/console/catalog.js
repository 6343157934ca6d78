// What the cluster has, for completion: indices with their fields, endpoints, pipelines.
import { flatFields } from "../server/collections.js";
import { elasticsearch } from "../server/elasticsearch.js";

const k_nothing = { cluster: false, indices: [], endpoints: [], pipelines: [], fields: {} };

/** The fields of the indices that a path names, each once; of all indices if it names none. */
function fieldsOfPath(fields, path) {
  const name = path.split("?")[0].split("/").filter(Boolean)[0] ?? "";
  const named = name.split(",").filter((one) => Object.hasOwn(fields, one));
  const seen = new Map();
  for (const index of named.length > 0 ? named : Object.keys(fields)) {
    for (const field of Object.values(fields[index])) seen.set(field.path, field);
  }
  return [...seen.values()];
}

const listing = (found) => ({ ...found, fieldsOf: (path) => fieldsOfPath(found.fields, path) });

export const emptyCatalog = listing(k_nothing);

/** {cluster, indices, endpoints, pipelines, fieldsOf(path)}; what cannot be asked is empty. `cluster`: not the embedded store. */
export async function loadCatalog(cluster, signal) {
  const ask = (path) => elasticsearch(path, { signal }).then(({ data }) => data, () => undefined);
  const [mappings, inference, pipelines] = await Promise.all([ask("_mapping"), ask("_inference/_all"), ask("_ingest/pipeline")]);
  const shown = Object.entries(mappings ?? {}).filter(([index]) => !index.startsWith("."));
  return listing({
    cluster,
    indices: shown.map(([index]) => index).sort(),
    fields: Object.fromEntries(shown.map(([index, { mappings: mapping }]) => [index, flatFields(mapping.properties)])),
    endpoints: inference?.endpoints ?? [],
    pipelines: Object.keys(pipelines ?? {}).sort(),
  });
}
