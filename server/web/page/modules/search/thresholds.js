// The cosine below which hits are probably wrong, per model: what sightline-eval --save computed from judged queries.
import { useEffect, useState } from "/page/vendored/preact-htm.js";
import { search } from "../server/elasticsearch.js";
import { useInstallation } from "../shell/installation.js";

const k_index = "sightline-evaluations";

/** {model: threshold} of the newest evaluations of text to image. */
async function loadThresholds(signal) {
  const { data } = await search(k_index, { size: 100, query: { term: { task: "text-to-image" } }, sort: [{ date: { order: "asc" } }] }, { signal });
  const thresholds = {};
  for (const { _source: one } of data.hits.hits) {
    const value = one.threshold?.cosine ?? one.threshold;
    if (typeof one.model === "string" && typeof value === "number") thresholds[one.model] = value;
  }
  return thresholds;
}

/** The same as state; {} until they are there, or if nothing was evaluated. */
export function useThresholds() {
  const { indices } = useInstallation();
  const [thresholds, setThresholds] = useState({});
  const evaluated = indices.includes(k_index);
  useEffect(() => {
    if (!evaluated) return undefined;
    const abort = new AbortController();
    loadThresholds(abort.signal).then(setThresholds, () => {});
    return () => abort.abort();
  }, [evaluated]);
  return thresholds;
}
